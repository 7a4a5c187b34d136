"""SubRip and WebVTT, the two timed text formats that every player reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from reelmill.core.times import clock

#: SubRip has no escape for its own arrow.
_ARROW = re.compile(r"-{2,}>")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


class TimedText(NamedTuple):
    """A text from `start` to `end`, in milliseconds, already marked up for its format."""

    start: int
    end: int
    text: str


def srt(texts: Iterable[TimedText]) -> str:
    """The content of a SubRip file, with numbered cues."""
    return "".join(
        f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{text}\n\n"
        for number, (start, end, text) in enumerate(texts, 1)
    )


def srt_escaped(text: str) -> str:
    """`text` without anything that SubRip would read as a line of times."""
    return _ARROW.sub("->", text)


def vtt(texts: Iterable[TimedText], style: str = "") -> str:
    """The content of a WebVTT file, always with hours (W3C 2019, 4.1).

    Args:
        texts: the cues.
        style: the content of a STYLE block (CSS).
    """
    cues = (f"{clock(start, '.')} --> {clock(end, '.')}\n{text}\n\n" for start, end, text in texts)
    return "WEBVTT\n\n" + (f"STYLE\n{style}\n\n" if style else "") + "".join(cues)


def vtt_escaped(text: str) -> str:
    """`text` with the characters escaped that WebVTT would read as markup."""
    return text.translate(_ENTITIES)
