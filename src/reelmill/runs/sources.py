"""Find the recordings a user means: files, folders (recursively) and patterns."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from reelmill.core.printable import printable
from reelmill.core.walk import walk
from reelmill.engine.execution.planning import Source
from reelmill.errors import UsageError
from reelmill.media.content import holds_recording

_AUDIO = """
    3ga aac ac3 aif aiff amr ape au awb caf dts flac gsm m4a m4b m4r mka mp2 mp3 oga ogg opus qcp
    ra spx tta voc w64 wav weba wma wv
"""
_VIDEO = """
    3g2 3gp asf avi f4v flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv rm rmvb ts vob webm wmv
"""
#: What is known to be something else, and so not looked into.
_OTHER = """
    7z apk asc ass avif bak bmp bz2 cfg conf cr2 css csv cue db deb desktop dll dmg doc docx eaf
    eml epub exe gif gz heic htm html ico ics idx ini ipynb iso jpeg jpg js json jsonl lnk log
    lrc m3u m3u8 md md5 mobi msg nef nfo npy npz odp ods odt onnx otf pdf pkg pls png ppt pptx
    ps psd pt py rar rtf rttm sbv sha1 sha256 sig smi sql sqlite sqlite3 srt ssa sub sup svg tar
    textgrid tgz tif tiff toml tsv ttf txt url vcf vtt webp xls xlsx xml xz yaml yml zip zst
"""
_OTHER_SUFFIXES = frozenset(f".{suffix}" for suffix in _OTHER.split())
_MEDIA_SUFFIXES = frozenset(f".{suffix}" for suffix in (_AUDIO + _VIDEO).split())


@dataclass
class Search:
    """The recordings found, and what was left out although the user may have meant it."""

    sources: list[Source] = field(default_factory=list)
    #: Links that lead out of the given folders, and recordings with hidden names.
    links_out: list[Path] = field(default_factory=list)
    hidden: list[Path] = field(default_factory=list)
    #: Files that look like recordings in the output folder, among the results.
    inside: list[Path] = field(default_factory=list)
    #: Files that are something else, and recordings known by their content, not by their names.
    other: list[Path] = field(default_factory=list)
    by_content: list[Path] = field(default_factory=list)

    def remarks(self, is_result: Callable[[Path], bool] = lambda path: False) -> list[str]:
        """One line per kind of file left out. `inside` excludes results."""
        found = []
        if inside := [path for path in self.inside if not is_result(path)]:
            found.append(
                f"{_counted(inside, 'recording')} in the output folder left out "
                f"({_some(inside)}), because results go there; to include them, name them or "
                "choose another folder with -o"
            )
        if self.links_out:
            found.append(
                f"{_counted(self.links_out, 'link')} out of the given folders not followed "
                f"({_some(self.links_out)}); to include their targets, name them"
            )
        if self.hidden:
            found.append(
                f"{_counted(self.hidden, 'hidden recording')} left out ({_some(self.hidden)}): "
                "names that begin with a dot are skipped; to include them, name them"
            )
        if self.by_content:
            found.append(
                f"{_counted(self.by_content, 'recording')} included that "
                f"{'is' if len(self.by_content) == 1 else 'are'} known by content, not by name "
                f"({_some(self.by_content)})"
            )
        if self.other:
            found.append(
                f"{_counted(self.other, 'other file')} not looked at ({_kinds(self.other)})"
            )
        return found


def find_sources(inputs: Sequence[Path], out: Path) -> list[Source]:
    """The recordings of `search`. Raises UsageError as that does."""
    return search(inputs, out).sources


def search(inputs: Sequence[Path | Source], out: Path) -> Search:
    """All recordings meant by `inputs`, each once. Files in `out` are results and left out.

    In folders, files are recognized by their suffix. A file that is named itself is always taken,
    and so is a source, which says how its results are to be named.

    Raises:
        UsageError: an input that is not there or is `out` itself, or no recording in any.
    """
    found = look_for(inputs, out)
    if not found.sources:
        raise UsageError(
            "; ".join(
                [
                    f"no recordings in {', '.join(map(str, inputs))}: looked for files ending in "
                    f"{' '.join(sorted(_MEDIA_SUFFIXES))}; to try a file with another ending, "
                    "name it",
                    *found.remarks(),
                ]
            )
        )
    return found


def look_for(inputs: Sequence[Path | Source], out: Path) -> Search:
    """As `search`, where there need not be a recording.

    Raises:
        UsageError: an input that is not there or is `out` itself.
    """
    sources = {os.path.abspath(one.path): one for one in inputs if isinstance(one, Source)}
    given = [one for one in inputs if not isinstance(one, Source)]
    expanded = [path for one in given for path in _expand(one)]
    folders = {path for path in expanded if path.is_dir()}
    walk = _Walk(Path(os.path.abspath(out)), [os.path.realpath(folder) for folder in folders])
    for path in expanded:
        prefix = Path(os.path.abspath(path)).name if len(folders) > 1 else ""
        found = _in_folder(path, prefix, walk) if path in folders else [Source(path, path.stem)]
        for source in found:
            sources.setdefault(os.path.abspath(source.path), source)
    walk.left_out.sources = list(sources.values())
    return walk.left_out


def _counted(paths: Sequence[Path], what: str) -> str:
    return f"{len(paths)} {what}{'' if len(paths) == 1 else 's'}"


def _some(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(printable(str(path)) for path in paths[:3]) + more


def _kinds(paths: Sequence[Path]) -> str:
    """`.pdf 12, .txt 3 and 2 more kinds`: which suffixes there are."""
    counts = Counter(path.suffix.lower() or "without a suffix" for path in paths).most_common()
    more = f" and {len(counts) - 3} more kinds" if len(counts) > 3 else ""
    return ", ".join(f"{printable(kind)} {count}" for kind, count in counts[:3]) + more


def _expand(given: Path) -> list[Path]:
    if os.path.lexists(given):
        return [given]
    matches = glob.glob(str(given.expanduser()), recursive=True)  # noqa: PTH207 (takes absolute ones)
    if not matches:
        raise UsageError(f"{given}: not found; give files, folders or patterns such as 'calls/*'")
    return [Path(match) for match in sorted(matches)]


def _in_folder(folder: Path, prefix: str, walk: _Walk) -> Iterator[Source]:
    for path in walk.below(folder):
        relative = path.relative_to(folder)
        yield Source(path, (Path(prefix) / relative.with_suffix("")).as_posix())


class _Walk:
    """Media files below folders. Each real folder is visited once, so that loops of links end.

    Links are followed while they stay below one of the given folders.
    """

    def __init__(self, ours: Path, roots: Sequence[str]) -> None:
        self._ours = ours
        self._roots = roots
        self.left_out = Search()

    def below(self, folder: Path) -> Iterator[Path]:
        """Media files below one folder. If a folder cannot be listed, the folder itself is
        returned; opening it then fails and is reported like a file that cannot be read."""
        barred: list[Path] = []

        def bar(error: OSError) -> None:
            # A folder that vanished after its parent was listed has nothing to report.
            if not isinstance(error, FileNotFoundError):
                barred.append(Path(error.filename))

        seen: set[tuple[int, int]] = set()
        if self._is_ours(folder):
            raise UsageError(
                f"{folder}: the results would be written among the recordings; choose another "
                "folder with -o"
            )
        for at, folders, files in walk(folder, followlinks=True, onerror=bar):
            try:
                stat = os.stat(at)
            except OSError:  # vanished since it was listed
                folders.clear()
                continue
            if (stat.st_dev, stat.st_ino) in seen or self._is_ours(at):
                if (stat.st_dev, stat.st_ino) not in seen:
                    self._count_inside(at)
                folders.clear()
                continue
            seen.add((stat.st_dev, stat.st_ino))
            folders[:] = sorted(self._to_enter(at, folders))
            yield from self._recordings(at, files)
        yield from barred

    def _is_ours(self, folder: Path | str) -> bool:
        """Whether a folder is the output folder, under any name."""
        if Path(os.path.abspath(folder)) == self._ours:
            return True
        try:
            return Path(folder).samefile(self._ours)
        except OSError:  # the output folder does not exist yet
            return False

    def _count_inside(self, out: str) -> None:
        """Recordings in the output folder, by their real paths."""
        for at, folders, files in walk(os.path.realpath(out)):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inside = (Path(at, name) for name in sorted(files) if not name.startswith("."))
            self.left_out.inside += filter(is_media, inside)

    def _to_enter(self, at: str, folders: Sequence[str]) -> Iterator[str]:
        for name in folders:
            if name.startswith("."):
                self._count_hidden(Path(at, name))
            elif not self._leads_out(Path(at, name)):
                yield name

    def _recordings(self, at: str, files: Sequence[str]) -> Iterator[Path]:
        for path in map(partial(Path, at), sorted(files)):
            if path.name.startswith("."):
                if is_media(path):
                    self._note_hidden(path)
            elif is_media(path) or self._is_known_by_content(path):
                if not self._leads_out(path):
                    yield path
            else:
                self.left_out.other.append(path)

    def _is_known_by_content(self, path: Path) -> bool:
        """Whether a file whose suffix says nothing holds a recording; such a one is noted."""
        if path.suffix.lower() in _OTHER_SUFFIXES or not holds_recording(path):
            return False
        self.left_out.by_content.append(path)
        return True

    def _leads_out(self, path: Path) -> bool:
        """Whether it is a link that leads elsewhere. Such links are counted."""
        if not os.path.islink(path):  # noqa: PTH114 (false too where a path is too long)
            return False
        target = os.path.realpath(path)
        if any(os.path.commonpath((root, target)) == root for root in self._roots):
            return False
        self.left_out.links_out.append(path)
        return True

    def _count_hidden(self, folder: Path) -> None:
        """Recordings in a hidden folder, without following links. They are only counted."""
        if folder.is_symlink() or folder.name == ".cache":  # of this or another output folder
            return
        for at, folders, files in walk(folder):
            if self._is_ours(at):
                folders.clear()
                continue
            for path in map(partial(Path, at), sorted(files)):
                if is_media(path):
                    self._note_hidden(path)

    def _note_hidden(self, path: Path) -> None:
        if not path.name.startswith("._"):  # what macOS keeps beside a file: no recording
            self.left_out.hidden.append(path)


def is_media(path: Path) -> bool:
    """Whether a file's suffix is that of a recording."""
    return path.suffix.lower() in _MEDIA_SUFFIXES
