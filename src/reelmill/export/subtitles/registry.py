"""The available subtitle formats."""

from __future__ import annotations

from collections.abc import Iterable

from reelmill.errors import UsageError
from reelmill.export.subtitles.json_writer import SubtitleJsonWriter
from reelmill.export.subtitles.sami import SamiWriter
from reelmill.export.subtitles.text_tracks import AssWriter, SrtWriter, VttWriter
from reelmill.export.subtitles.writer import SubtitleWriter

_WRITERS: dict[str, type[SubtitleWriter]] = {
    writer.name: writer
    for writer in (SrtWriter, VttWriter, AssWriter, SamiWriter, SubtitleJsonWriter)
}
_OTHER_NAMES = {"sami": "smi", "webvtt": "vtt", "subrip": "srt"}

#: The default formats.
DEFAULT_SUBTITLE_FORMATS = tuple(_WRITERS)


def subtitle_writer(name: str) -> SubtitleWriter:
    """The writer of a format.

    Raises:
        UsageError: no such format; the message lists those there are.
    """
    try:
        return _WRITERS[name]()
    except KeyError:
        raise UsageError(
            f"unknown subtitle format {name!r}; the formats are: {', '.join(_WRITERS)}"
        ) from None


def parse_subtitle_formats(names: Iterable[str]) -> tuple[str, ...]:
    """Parse format names as a user writes them (`SRT`, `.vtt`, `sami`, `all`). Each is returned
    once, in the registry's order.

    Raises:
        UsageError: a name is unknown, or none is given.
    """
    asked = [part.strip().lstrip(".").lower() for name in names for part in name.split(",")]
    chosen = {_OTHER_NAMES.get(part, part) for part in asked if part}
    if "all" in chosen:
        chosen = chosen - {"all"} | set(_WRITERS)
    for name in sorted(chosen):
        subtitle_writer(name)
    if not chosen:
        raise UsageError(f"no subtitle format given; the formats are: {', '.join(_WRITERS)}")
    return tuple(name for name in _WRITERS if name in chosen)
