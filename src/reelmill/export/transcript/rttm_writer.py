"""RTTM: who speaks when, in the exchange format of diarization tools (NIST RT-09)."""

from __future__ import annotations

import re

from reelmill.artifacts import Turn
from reelmill.artifacts.media import channel_number
from reelmill.core.printable import printable
from reelmill.export.transcript.document import Document
from reelmill.export.transcript.writer import TranscriptWriter

_SPACE = re.compile(r"\s+")


class RttmWriter(TranscriptWriter):
    """A line for each turn, with the number of its channel, or 1 if speakers have none.

    Blanks in names become `_`, because blanks separate the columns. Control characters are escaped.
    """

    suffix = "rttm"

    def render(self, document: Document) -> str:
        file = _column(document.source.name)
        return "".join(
            f"SPEAKER {file} {_number(turn)} {turn.start:.3f} {turn.duration:.3f} <NA> <NA> "
            f"{_column(turn.speaker)} <NA> <NA>\n"
            for turn in document.turns
        )


def _number(turn: Turn) -> int:
    return 1 if turn.channel is None else channel_number(turn.channel)


def _column(text: str) -> str:
    return printable(_SPACE.sub("_", text.strip())) or "<NA>"
