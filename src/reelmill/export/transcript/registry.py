"""The available transcript formats."""

from __future__ import annotations

from collections.abc import Iterable

from reelmill.export.formats import Formats
from reelmill.export.transcript.docx_writer import DocxWriter
from reelmill.export.transcript.json_writer import JsonWriter
from reelmill.export.transcript.karaoke_writer import KaraokeVttWriter
from reelmill.export.transcript.records.writers import RECORD_WRITERS, RECORDS
from reelmill.export.transcript.rttm_writer import RttmWriter
from reelmill.export.transcript.srt_writer import SrtWriter
from reelmill.export.transcript.tsv_writer import TsvWriter
from reelmill.export.transcript.txt_writer import TxtWriter
from reelmill.export.transcript.vtt_writer import VttWriter
from reelmill.export.transcript.writer import TranscriptWriter

#: The default formats, and the meaning of `all`: those that need no further package.
DEFAULT_FORMATS = ("json", "txt", "srt", "vtt", "tsv")

_WRITERS: tuple[type[TranscriptWriter], ...] = (
    JsonWriter,
    TxtWriter,
    SrtWriter,
    VttWriter,
    TsvWriter,
    RttmWriter,
    DocxWriter,
    *RECORD_WRITERS,
)
_FORMATS: Formats[TranscriptWriter] = Formats(
    "format",
    {writer.suffix: writer for writer in _WRITERS},
    DEFAULT_FORMATS,
    RECORDS,
)


def known_formats() -> tuple[str, ...]:
    """The names that `writer_for` takes."""
    return tuple(_FORMATS.writers)


def writer_for(name: str, *, words: bool = False) -> TranscriptWriter:
    """The writer of a format; with `words`, the one that shows when each word is said.

    Raises:
        UsageError: no such format; the message lists those there are.
    """
    if words and name == KaraokeVttWriter.suffix:
        return KaraokeVttWriter()
    return _FORMATS.writer(name)


def parse_formats(names: Iterable[str]) -> tuple[str, ...]:
    """As `Formats.parse`.

    Raises:
        UsageError: a name is unknown, cannot be written here, or none is given.
    """
    chosen = _FORMATS.parse(names)
    for name in chosen:
        writer_for(name).check()
    return chosen
