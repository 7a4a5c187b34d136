"""Draw boxes and names on pictures, in YUV."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reelmill.media.video.crop import Frame, planes

#: Paths of fonts with letters of many scripts; the first one that exists is used.
_BOLD_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/truetype/nanum/NanumGothicBold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
)
_FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/nanum/NanumGothic.ttf",
    "/usr/share/fonts/truetype/unfonts-core/UnDotum.ttf",
    "/System/Library/Fonts/AppleSDGothicNeo.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
)

_LETTERS_SHARE = 1 / 28  # share of the picture's height


@dataclass
class Marker:
    """Draws on pictures of one size; each name is rendered once."""

    width: int
    height: int
    _labels: dict[str, npt.NDArray[np.uint8]] = field(default_factory=dict, init=False)

    def mark(
        self, frame: Frame, box: tuple[float, float, float, float], text: str, hue: str
    ) -> None:
        """Draw a box (x, y, width, height) with a name above it, in a colour given as `#rrggbb`;
        parts outside the picture are left out."""
        colour = _yuv(hue)
        thick = max(2, 2 * round(self.height / 480))
        x, y = 2 * round(box[0] / 2), 2 * round(box[1] / 2)
        right, bottom = 2 * round((box[0] + box[2]) / 2), 2 * round((box[1] + box[3]) / 2)
        for left, top, width, height in (
            (x - thick, y - thick, right - x + 2 * thick, thick),
            (x - thick, bottom, right - x + 2 * thick, thick),
            (x - thick, y, thick, bottom - y),
            (right, y, thick, bottom - y),
        ):
            self._fill(frame, left, top, width, height, colour)
        label = self._label(text)
        top = y - thick - label.shape[0]
        self._write(frame, x - thick, top if top >= 0 else bottom + thick, label, colour)

    def _fill(
        self,
        frame: Frame,
        left: int,
        top: int,
        width: int,
        height: int,
        colour: tuple[int, int, int],
    ) -> None:
        for number, plane in enumerate(planes(frame)):
            half = 1 if number else 0
            rows = slice(max(0, top) >> half, max(0, top + height) >> half)
            columns = slice(max(0, left) >> half, max(0, left + width) >> half)
            plane[rows, columns] = colour[number]

    def _write(
        self,
        frame: Frame,
        left: int,
        top: int,
        label: npt.NDArray[np.uint8],
        colour: tuple[int, int, int],
    ) -> None:
        left = max(0, min(left, self.width - label.shape[1]) & ~1)
        top = max(0, min(top, self.height - label.shape[0]) & ~1)
        height = min(label.shape[0], self.height - top)
        width = min(label.shape[1], self.width - left)
        self._fill(frame, left, top, width, height, colour)
        luma = next(planes(frame))[top : top + height, left : left + width]
        ink = label[:height, :width].astype(np.int32)
        # Letters are black or white, whichever contrasts more with the colour.
        target = 16 if colour[0] > 120 else 235
        luma[:] = (luma + (target - luma.astype(np.int32)) * ink // 255).astype(np.uint8)

    def _label(self, text: str) -> npt.NDArray[np.uint8]:
        """The coverage of each pixel by letters, 0 to 255: (height, width), both even."""
        if text not in self._labels:
            self._labels[text] = _letters(text, max(12, round(self.height * _LETTERS_SHARE)))
        return self._labels[text]


def _letters(text: str, size: int) -> npt.NDArray[np.uint8]:
    from PIL import Image, ImageDraw, ImageFont

    path = font_path()
    font = ImageFont.truetype(path, size) if path else ImageFont.load_default(size)
    left, top, right, bottom = font.getbbox(text)
    pad = size // 4
    width, height = int(right - left) + 2 * pad, int(bottom - top) + 2 * pad
    image = Image.new("L", (width + width % 2, height + height % 2))
    ImageDraw.Draw(image).text((pad - left, pad - top), text, fill=255, font=font)
    return np.asarray(image)


def _yuv(hue: str) -> tuple[int, int, int]:
    """Limited range (ITU-R BT.601)."""
    red, green, blue = (int(hue[at : at + 2], 16) for at in (1, 3, 5))
    return (
        round(16 + 0.257 * red + 0.504 * green + 0.098 * blue),
        round(128 - 0.148 * red - 0.291 * green + 0.439 * blue),
        round(128 + 0.439 * red - 0.368 * green - 0.071 * blue),
    )


@cache
def font_path(*, bold: bool = False) -> str | None:
    """A font of this system, or else Pillow's own, which has only Latin letters."""
    fonts = (*(_BOLD_FONTS if bold else ()), *_FONTS)
    return next((path for path in fonts if Path(path).exists()), None)
