"""The look of subtitles, in formats that have styles and when burned in."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

from reelmill.errors import UsageError

_SHORTER_SIDE = 1080
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class SubtitleStyle:
    """Sizes are in 1080ths of the picture's shorter side; colours are `#rrggbb`.

    `original` is the colour of the original's lines in bilingual subtitles.
    """

    font: str = "Noto Sans CJK KR"
    size: int = 60
    colour: str = "#ffffff"
    original: str = "#e8d27a"
    outline: float = 3.0
    margin: int = 50
    bold: bool = False
    position: str = "bottom"


DEFAULT_STYLE = SubtitleStyle()


#: Letters smaller than this many pixels have strokes thinner than a pixel, which the outline
#: darkens.
_LEGIBLE_PIXELS = 16


def least_size(style: SubtitleStyle, picture: tuple[int, int]) -> int:
    """The smallest size of letters that are drawn in the pixels of a picture of (width, height),
    unless a size of its own was asked for."""
    if style.size != DEFAULT_STYLE.size:
        return 0
    return math.ceil(_LEGIBLE_PIXELS * _SHORTER_SIDE / max(1, min(picture)))


def parse_style(text: str) -> SubtitleStyle:
    """Parse a style from the command line: `font=Nanum Gothic,size=54,colour=#ffff00`.

    Raises:
        UsageError: something in it is unknown or does not fit; the message lists what there is.
    """
    given: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        reader = _READERS.get(name)
        if not equals or reader is None:
            raise UsageError(f"--style {part!r}: give {_USAGE}")
        try:
            given[name] = reader(value)
        except ValueError as error:
            raise UsageError(f"--style {part!r}: {error}; give {_USAGE}") from error
    return replace(DEFAULT_STYLE, **given)


def _font(value: str) -> str:
    if not value or not value.isprintable() or "{" in value or "\\" in value:
        raise ValueError("not a font name")
    return value


def _colour(value: str) -> str:
    if not _COLOUR.fullmatch(value):
        raise ValueError("write a colour as #rrggbb")
    return value.lower()


def _position(value: str) -> str:
    if value not in ("bottom", "top", "middle"):
        raise ValueError("give bottom, middle or top")
    return value


def _bold(value: str) -> bool:
    if value not in ("yes", "no"):
        raise ValueError("give yes or no")
    return value == "yes"


def _between(low: float, high: float) -> Callable[[str], float]:
    def read(value: str) -> float:
        number = float(value)
        if not low <= number <= high:
            raise ValueError(f"between {low:g} and {high:g}")
        return number

    return read


def _whole(low: int, high: int) -> Callable[[str], int]:
    read = _between(low, high)
    return lambda value: round(read(value))


_READERS: dict[str, Callable[[str], object]] = {
    "font": _font,
    "size": _whole(8, 400),
    "colour": _colour,
    "original": _colour,
    "outline": _between(0, 20),
    "margin": _whole(0, 500),
    "bold": _bold,
    "position": _position,
}
_USAGE = ",".join(f"{one.name}={getattr(DEFAULT_STYLE, one.name)}" for one in fields(SubtitleStyle))
