"""The available transcript formats."""

from __future__ import annotations

from collections.abc import Iterable

from reelmill.errors import UsageError
from reelmill.export.transcript.docx_writer import DocxWriter
from reelmill.export.transcript.json_writer import JsonWriter
from reelmill.export.transcript.karaoke_writer import KaraokeVttWriter
from reelmill.export.transcript.rttm_writer import RttmWriter
from reelmill.export.transcript.srt_writer import SrtWriter
from reelmill.export.transcript.tsv_writer import TsvWriter
from reelmill.export.transcript.txt_writer import TxtWriter
from reelmill.export.transcript.vtt_writer import VttWriter
from reelmill.export.transcript.writer import TranscriptWriter

_WRITERS: dict[str, type[TranscriptWriter]] = {
    writer.suffix: writer
    for writer in (
        JsonWriter,
        TxtWriter,
        SrtWriter,
        VttWriter,
        TsvWriter,
        RttmWriter,
        DocxWriter,
    )
}

#: The default formats, and the meaning of `all`: those that need no further package.
DEFAULT_FORMATS = ("json", "txt", "srt", "vtt", "tsv")


def known_formats() -> tuple[str, ...]:
    """The names that `writer_for` takes."""
    return tuple(_WRITERS)


def writer_for(name: str, *, words: bool = False) -> TranscriptWriter:
    """The writer of a format; with `words`, the one that shows when each word is said.

    Raises:
        UsageError: no such format; the message lists those there are.
    """
    if words and name == KaraokeVttWriter.suffix:
        return KaraokeVttWriter()
    try:
        return _WRITERS[name]()
    except KeyError:
        known = ", ".join(_WRITERS)
        raise UsageError(f"unknown format {name!r}; the formats are: {known}") from None


def parse_formats(names: Iterable[str]) -> tuple[str, ...]:
    """Parse format names as a user writes them (`SRT`, `.vtt`, `json,txt`, `all`), each once.

    They are returned in the registry's order, so that the same formats make the same setting.

    Raises:
        UsageError: a name is unknown, cannot be written here, or none is given.
    """
    asked = [part.strip().lstrip(".").lower() for name in names for part in name.split(",")]
    chosen = {part for part in asked if part}
    if "all" in chosen:
        chosen = chosen - {"all"} | set(DEFAULT_FORMATS)
    for name in sorted(chosen):
        writer_for(name).check()
    if not chosen:
        raise UsageError(f"no format given; the formats are: {', '.join(_WRITERS)}")
    return tuple(name for name in _WRITERS if name in chosen)
