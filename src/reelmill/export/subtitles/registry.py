"""The available subtitle formats."""

from __future__ import annotations

from reelmill.export.formats import Formats
from reelmill.export.subtitles.json_writer import SubtitleJsonWriter
from reelmill.export.subtitles.sami import SamiWriter
from reelmill.export.subtitles.text_tracks import AssWriter, SrtWriter, VttWriter
from reelmill.export.subtitles.writer import SubtitleWriter

_FORMATS: Formats[SubtitleWriter] = Formats(
    "subtitle format",
    {
        writer.name: writer
        for writer in (SrtWriter, VttWriter, AssWriter, SamiWriter, SubtitleJsonWriter)
    },
    other_names={"sami": ("smi",), "webvtt": ("vtt",), "subrip": ("srt",)},
)

#: The default formats.
DEFAULT_SUBTITLE_FORMATS = tuple(_FORMATS.writers)
#: As `Formats.writer` and `Formats.parse`.
subtitle_writer = _FORMATS.writer
parse_subtitle_formats = _FORMATS.parse
