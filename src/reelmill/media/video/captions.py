"""Draw captions on pictures, in YUV, with the spoken word in another colour."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from reelmill.artifacts import Caption, CaptionWord
from reelmill.core.arrays import Float32
from reelmill.media.video.crop import Frame, planes
from reelmill.media.video.overlay import font_path

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont


#: The height of letters as a share of the picture's shorter side, the widest line as a share of its
#: width, and the end of the lowest line as a share of its height.
_LETTERS, _WIDEST, _LOWEST = 0.066, 0.9, 0.8
#: The outline and the line height as shares of the height of letters.
_OUTLINE, _LINE = 0.11, 1.3
_SAID, _PLAIN, _EDGE = (255, 216, 61), (255, 255, 255), (0, 0, 0)


@dataclass(frozen=True)
class _Drawn:
    """A drawn caption: `planes` of colour and coverage for the luma and the two colour planes, and
    the even position of its upper left corner."""

    left: int
    top: int
    values: tuple[Float32, ...]
    cover: tuple[Float32, ...]


@dataclass
class Captioner:
    """Draws `captions`, in order of time, on pictures of one size."""

    width: int
    height: int
    captions: Sequence[Caption]
    _starts: list[float] = field(init=False)
    _last: tuple[tuple[int, int], _Drawn] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._starts = [caption.start for caption in self.captions]

    def draw(self, frame: Frame, time: float) -> None:
        """Draw the caption at `time` on a frame in 4:2:0, if there is one."""
        place = bisect_right(self._starts, time + 1e-4) - 1
        if place < 0 or time >= self.captions[place].end - 1e-4:
            return
        words = self.captions[place].words
        said = max(0, bisect_right([word.start for word in words], time + 1e-4) - 1)
        if self._last is None or self._last[0] != (place, said):
            self._last = (place, said), self._drawn(words, said)
        drawn = self._last[1]
        for number, plane in enumerate(planes(frame)):
            half = 1 if number else 0
            values, cover = drawn.values[number], drawn.cover[number]
            top, left = drawn.top >> half, drawn.left >> half
            under = plane[top : top + values.shape[0], left : left + values.shape[1]]
            under[:] = np.round(under + (values - under) * cover).astype(np.uint8)

    def _drawn(self, words: Sequence[CaptionWord], said: int) -> _Drawn:
        image = self._image(words, said)
        height, width = image.shape[:2]
        left = (self.width - width) // 2
        top = max(0, round(self.height * _LOWEST) - height)
        return _in_yuv(image, left - left % 2, top - top % 2)

    def _image(self, words: Sequence[CaptionWord], said: int) -> Float32:
        """(height, width, 4) red, green, blue and coverage; both sides are even."""
        from PIL import Image, ImageDraw

        lines = [list(line) for _, line in groupby(enumerate(words), key=lambda one: one[1].line)]
        font, widths = self._fitting([[word.text for _, word in line] for line in lines])
        size = int(font.size)
        edge = max(1, round(_OUTLINE * size))
        across = min(self.width, int(max(widths)) + 4 * edge + size // 2)
        across += across % 2
        down = round(_LINE * size * len(lines)) + 4 * edge
        image = Image.new("RGBA", (across, down + down % 2), (*_EDGE, 0))
        pen = ImageDraw.Draw(image)
        for row, (line, width) in enumerate(zip(lines, widths, strict=True)):
            x, y = (across - width) / 2, 2 * edge + row * _LINE * size
            for number, word in line:
                colour = _SAID if number == said else _PLAIN
                pen.text(
                    (x, y), word.text, fill=colour, font=font, stroke_width=edge, stroke_fill=_EDGE
                )
                x += font.getlength(word.text) + _space(font, word.text)
        return np.asarray(image, np.float32)

    def _fitting(self, lines: Sequence[Sequence[str]]) -> tuple[FreeTypeFont | Any, list[float]]:
        """The font, reduced if a line would be too wide, and the width of each line."""
        from PIL import ImageFont

        size = max(8, round(_LETTERS * min(self.width, self.height)))
        path = font_path(bold=True)
        for _ in range(2):
            font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
            widths = [_width(font, line) for line in lines]
            if max(widths) <= _WIDEST * self.width:
                break
            size = max(8, int(size * _WIDEST * self.width / max(widths)))
        return font, widths


def _width(font: Any, words: Sequence[str]) -> float:
    spaces = sum(_space(font, word) for word in words[:-1])
    return float(sum(font.getlength(word) for word in words) + spaces)


def _space(font: Any, word: str) -> float:
    """The space after a word; none in scripts without spaces."""
    return 0.0 if _is_unspaced(word[-1:]) else float(font.getlength(" "))


def _is_unspaced(letter: str) -> bool:
    return (
        "\u3040" <= letter <= "\u30ff"
        or "\u3001" <= letter <= "\u3002"
        or ("\u3400" <= letter <= "\u9fff" or "\u0e00" <= letter <= "\u0e7f")
    )


def _in_yuv(image: Float32, left: int, top: int) -> _Drawn:
    """ITU-R BT.601, limited range; colour planes of half the size each way."""
    red, green, blue, cover = (image[..., channel] for channel in range(4))
    luma = np.asarray(16 + 0.257 * red + 0.504 * green + 0.098 * blue, np.float32)
    chroma = (
        128 - 0.148 * red - 0.291 * green + 0.439 * blue,
        128 + 0.439 * red - 0.368 * green - 0.071 * blue,
    )
    share = np.asarray(cover / 255, np.float32)
    halved = _halved(share)
    colours = [_halved(plane * share) / np.maximum(halved, 1e-6) for plane in chroma]
    values = (luma, *(np.asarray(colour, np.float32) for colour in colours))
    return _Drawn(left, top, values, (share, halved, halved))


def _halved(plane: Float32) -> Float32:
    height, width = plane.shape
    return np.asarray(plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3)), np.float32)
