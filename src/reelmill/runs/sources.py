"""Which files a user means: folders (all in them), files and patterns."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from reelmill.engine.execution.planning import Source
from reelmill.errors import UsageError

_AUDIO = """
    3ga aac ac3 aif aiff amr ape au awb caf dts flac gsm m4a m4b m4r mka mp2 mp3 oga ogg opus qcp
    ra spx tta voc w64 wav weba wma wv
"""
_VIDEO = """
    3g2 3gp asf avi f4v flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv rm rmvb ts vob webm wmv
"""
_MEDIA_SUFFIXES = frozenset(f".{suffix}" for suffix in (_AUDIO + _VIDEO).split())

#: Names that files of a run have: a recording of that name keeps its suffix.
_OURS = frozenset({"report", "performance_report", "failed_files", "evidence", "manifest"})


def find_sources(inputs: Sequence[Path], out: Path) -> list[Source]:
    """All recordings meant by `inputs`, each once. What lies in `out` is ours and left out.

    In folders, files are known by their suffix; a file named outright is taken as it is.

    Raises:
        UsageError: an input that is not there or is `out` itself, or no recording in any.
    """
    ours = Path(os.path.abspath(out))
    expanded = [path for given in inputs for path in _expand(given)]
    folders = {path for path in expanded if path.is_dir()}
    sources: dict[str, Source] = {}
    for path in expanded:
        prefix = Path(os.path.abspath(path)).name if len(folders) > 1 else ""
        found = (
            _in_folder(path, prefix, ours)
            if path in folders
            else [Source(path, path.name if path.stem in _OURS else path.stem)]
        )
        for source in found:
            sources.setdefault(os.path.abspath(source.path), source)
    if not sources:
        raise UsageError(
            f"no recordings in {', '.join(map(str, inputs))}: looked for files ending in "
            f"{' '.join(sorted(_MEDIA_SUFFIXES))}; name a file outright to have it tried anyway"
        )
    return list(sources.values())


def _expand(given: Path) -> list[Path]:
    if os.path.lexists(given):
        return [given]
    matches = glob.glob(str(given.expanduser()), recursive=True)  # noqa: PTH207 (takes absolute ones)
    if not matches:
        raise UsageError(f"{given}: not found; give files, folders or patterns such as 'calls/*'")
    return [Path(match) for match in sorted(matches)]


def _in_folder(folder: Path, prefix: str, ours: Path) -> Iterator[Source]:
    for path in _walk(folder, ours):
        relative = path.relative_to(folder)
        name = (Path(prefix) / relative.with_suffix("")).as_posix()
        yield Source(path, f"{name}{path.suffix}" if name in _OURS else name)


def _walk(folder: Path, ours: Path) -> Iterator[Path]:
    """Media files below a folder, links followed, each real folder once: loops end.

    A folder that may not be listed comes out itself: opening it fails, and is reported, like a
    file that may not be read.
    """
    barred: list[Path] = []

    def bar(error: OSError) -> None:
        # One that has vanished since its parent was listed holds nothing to report.
        if not isinstance(error, FileNotFoundError):
            barred.append(Path(error.filename))

    seen: set[tuple[int, int]] = set()
    if Path(os.path.abspath(folder)) == ours:
        raise UsageError(
            f"{folder}: the results would lie among the recordings; give another folder with -o"
        )
    for at, folders, files in os.walk(folder, followlinks=True, onerror=bar):
        try:
            stat = os.stat(at)
        except OSError:  # vanished since it was listed
            folders.clear()
            continue
        if (stat.st_dev, stat.st_ino) in seen or Path(os.path.abspath(at)) == ours:
            folders.clear()
            continue
        seen.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(_visible(folders))
        for name in sorted(_visible(files)):
            if Path(name).suffix.lower() in _MEDIA_SUFFIXES:
                yield Path(at, name)
    yield from barred


def _visible(names: Iterable[str]) -> Iterator[str]:
    return (name for name in names if not name.startswith("."))
