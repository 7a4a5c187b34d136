"""Videos of two people who take turns, with mouths that move with the sound, and their truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from synthetic.cast import Actor, cast
from synthetic.movie import SoundTrack, write_movie

if TYPE_CHECKING:
    from PIL.Image import Image

Float64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]

RATE, SAMPLE_RATE = 25, 16_000
SIZE, FACE = (1280, 720), 220
#: Middles of the two faces in the picture, and the line between the two halves.
PLACES, HALVES = ((380, 300), (900, 300)), 640
#: Corners of the mouths in the pictures of the first two of the cast.
_MOUTHS = (((201.4, 139.4), (247.2, 141.2)), ((231.7, 277.9), (304.9, 274.4)))
_LEVELS = 9
#: A person speaks if the sound is louder than this share of loud speech.
_AUDIBLE = 0.12


@dataclass(frozen=True)
class Talk:
    """`loudness` (2, frames) from 0 to 1 of each person, and the sound of both."""

    loudness: Float64
    sound: npt.NDArray[np.float32]

    @property
    def spoken(self) -> Bool:
        """(2, frames) who can be heard."""
        return np.asarray(self.loudness > _AUDIBLE)


def make_talk(path: Path, voices: Sequence[Float64], seconds: float, seed: int) -> Talk:
    """Write a video in which two people take turns of two to five seconds.

    Args:
        voices: the speech of each of the two, 16 kHz, at least as long as the video.
    """
    talk = _talk(voices, seconds, np.random.default_rng(seed))
    sound = SoundTrack(np.repeat(talk.sound, 3), 3 * SAMPLE_RATE)
    write_movie(path, _frames(talk), Fraction(RATE), sound)
    return talk


def _talk(voices: Sequence[Float64], seconds: float, rng: np.random.Generator) -> Talk:
    sound = np.zeros(round(seconds * SAMPLE_RATE))
    loudness = np.zeros((2, round(seconds * RATE)))
    at, who, read = 0.5, 0, [0, 0]
    step = SAMPLE_RATE // RATE
    while at < seconds - 1:
        first, length = round(at * RATE) * step, round(rng.uniform(2, 5) * RATE) * step
        said = voices[who][read[who] : read[who] + length][: len(sound) - first]
        said = 0.7 * said[: len(said) // step * step] / max(float(np.abs(said).max()), 1e-9)
        read[who] += length
        sound[first : first + len(said)] += said
        moments = np.sqrt((said.reshape(-1, step) ** 2).mean(axis=1))
        loudness[who, first // step : first // step + len(moments)] = moments
        at, who = at + len(said) / SAMPLE_RATE + float(rng.uniform(0.2, 0.6)), 1 - who
    loud = [np.percentile(row[row > 0], 90) if row.any() else 1.0 for row in loudness]
    return Talk(np.clip(loudness / np.array(loud)[:, None], 0, 1), sound.astype(np.float32))


def _frames(talk: Talk) -> Iterator[npt.NDArray[np.uint8]]:
    from PIL import Image as Images

    light = np.random.default_rng(3).normal(0, 14, (9, 16, 3)) + 120
    wall = Images.fromarray(np.clip(light, 0, 255).astype(np.uint8))
    wall = wall.resize(SIZE, Images.Resampling.BICUBIC)
    actors = cast()[:2]
    scales = [FACE / actor.face[3] for actor in actors]
    looks = [
        [im.resize((round(im.width * s), round(im.height * s))) for im in _looks(actor, mouth)]
        for actor, mouth, s in zip(actors, _MOUTHS, scales, strict=True)
    ]
    for frame, levels in enumerate(talk.loudness.T):
        canvas = wall.copy()
        for who, level in enumerate(levels):
            picture = looks[who][round(level * (_LEVELS - 1))]
            x = PLACES[who][0] + 12 * np.sin(frame / 40 + 2 * who)
            y = PLACES[who][1] + 6 * np.sin(frame / 27 + who)
            left, top, across, down = (scales[who] * value for value in actors[who].face)
            corner = (round(x - left - across / 2), round(y - top - down / 2))
            canvas.paste(picture, corner, picture)
        yield np.asarray(canvas)


def _looks(actor: Actor, mouth: tuple[tuple[float, float], tuple[float, float]]) -> list[Image]:
    """The picture with the mouth shut, and opened farther and farther."""
    (x0, y0), (x1, y1) = mouth
    return [
        _opened(actor.picture, (x0 + x1) / 2, (y0 + y1) / 2, abs(x1 - x0), k / (_LEVELS - 1))
        for k in range(_LEVELS)
    ]


def _opened(picture: Image, x: float, y: float, width: float, share: float) -> Image:
    """The chin moved down below a dark gap of up to half the mouth's width."""
    from PIL import Image as Images
    from PIL import ImageDraw, ImageFilter

    gap = 0.5 * share * width
    pixels: Any = np.asarray(picture).astype(np.float64)
    height = pixels.shape[0]
    rows, columns = np.mgrid[0 : pixels.shape[0], 0 : pixels.shape[1]].astype(np.float64)
    near = np.exp(-(((columns - x) / (0.75 * width)) ** 2))
    fades = np.exp(-((np.maximum(rows - y, 0) / (1.6 * width)) ** 2))
    moved = np.where(rows > y, np.minimum(gap * near * fades, rows - y), 0)
    source = np.clip(rows - moved, 0, height - 1.001)
    upper, part = source.astype(np.int64), (source % 1)[..., None]
    across = columns.astype(np.int64)
    blended = pixels[upper, across] * (1 - part) + pixels[upper + 1, across] * part
    result = Images.fromarray(np.round(blended).astype(np.uint8))
    if gap > 1:
        mask = Images.new("L", result.size, 0)
        half = 0.36 * width * (1 - 0.25 * share)
        ImageDraw.Draw(mask).ellipse((x - half, y - 0.1 * gap, x + half, y + 0.95 * gap), fill=235)
        mask = mask.filter(ImageFilter.GaussianBlur(max(1.0, 0.02 * width)))
        result.paste(Images.new("RGBA", result.size, (45, 15, 15, 255)), (0, 0), mask)
    return result
