"""Transcripts written for people and other programs, with one writer class per format."""

from reelmill.export.source import Source
from reelmill.export.transcript.document import Correction, Document
from reelmill.export.transcript.registry import (
    DEFAULT_FORMATS,
    known_formats,
    parse_formats,
    writer_for,
)
from reelmill.export.transcript.writer import TranscriptWriter

__all__ = [
    "DEFAULT_FORMATS",
    "Correction",
    "Document",
    "Source",
    "TranscriptWriter",
    "known_formats",
    "parse_formats",
    "writer_for",
]
