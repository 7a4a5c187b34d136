"""Subtitles written for players and other programs, with one writer class per format."""

from reelmill.export.subtitles.document import SubtitleDocument
from reelmill.export.subtitles.registry import (
    DEFAULT_SUBTITLE_FORMATS,
    parse_subtitle_formats,
    subtitle_writer,
)
from reelmill.export.subtitles.style import DEFAULT_STYLE, SubtitleStyle, parse_style
from reelmill.export.subtitles.writer import SubtitleWriter

__all__ = [
    "DEFAULT_STYLE",
    "DEFAULT_SUBTITLE_FORMATS",
    "SubtitleDocument",
    "SubtitleStyle",
    "SubtitleWriter",
    "parse_style",
    "parse_subtitle_formats",
    "subtitle_writer",
]
