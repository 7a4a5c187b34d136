"""The people of synthetic videos, cut out of pictures that packages ship for tests.

scikit-image's `astronaut` (Eileen Collins, NASA, public domain) and matplotlib's `grace_hopper`
(US Navy, public domain). Third and fourth persons do not exist: their faces are made of those two,
their clothes are dyed. All four can be dressed alike, or in other clothes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelmill.errors import UsageError
from synthetic.features import Face, Features, remade

if TYPE_CHECKING:
    from PIL.Image import Image

#: Outlines in pixels of the pictures; everything outside is cut away.
_ASTRONAUT = (
    (152, 75), (160, 40), (185, 18), (225, 10), (265, 20), (292, 45), (303, 78), (298, 108),
    (280, 132), (268, 150), (285, 180), (305, 222), (300, 245), (345, 275), (365, 350), (368, 511),
    (20, 511), (24, 430), (45, 300), (75, 235), (112, 208), (118, 172), (150, 150), (180, 148),
    (170, 120), (155, 105),
)  # fmt: skip
_HOPPER = (
    (150, 100), (172, 55), (205, 28), (260, 20), (315, 28), (352, 62), (372, 92), (371, 160),
    (378, 190), (365, 262), (345, 308), (332, 318), (400, 350), (480, 380), (511, 425), (511, 599),
    (12, 599), (25, 420), (60, 375), (150, 345), (200, 322), (198, 300), (165, 275), (152, 190),
)  # fmt: skip


@dataclass(frozen=True)
class Actor:
    """A person cut out: `picture` is RGBA, `face` x, y, width, height in its pixels."""

    name: str
    picture: Image
    face: tuple[float, float, float, float]


@lru_cache(maxsize=1)
def cast() -> tuple[Actor, ...]:
    """The four persons, always the same ones.

    Raises:
        UsageError: the packages that ship the pictures are not installed.
    """
    astronaut, hopper = _faces()
    first = Actor("astronaut", _cut_out(astronaut.picture, _ASTRONAUT), astronaut.box)
    second = Actor("admiral", _cut_out(hopper.picture, _HOPPER), hopper.box)
    diver = remade(astronaut, hopper, _DIVER)
    captain = remade(hopper, astronaut, _CAPTAIN)
    third = Actor("diver", _cut_out(diver, _ASTRONAUT), astronaut.box)
    fourth = Actor("captain", _cut_out(captain, _HOPPER), hopper.box)
    return (
        first,
        second,
        _mirrored(_dyed(third, _ASTRONAUT_COLLAR, (40, 190, 170))),
        _mirrored(_dyed(fourth, _HOPPER_COLLAR, (200, 60, 90))),
    )


@lru_cache(maxsize=8)
def dressed(colour: tuple[int, int, int]) -> tuple[Actor, ...]:
    """The four persons, with all clothes in one colour (red, green, blue)."""
    collars = (_ASTRONAUT_COLLAR, _HOPPER_COLLAR) * 2
    return tuple(_dyed(actor, at, colour) for actor, at in zip(cast(), collars, strict=True))


#: Where faces lie in the whole pictures, as MTCNN has them at full size, and where clothes begin.
_ASTRONAUT_FACE = (178.0, 61.0, 88.0, 113.0)
_ASTRONAUT_POINTS = ((204.2, 100.4), (247.0, 102.7), (224.8, 128.6), (201.4, 139.4), (247.2, 141.2))
_ASTRONAUT_COLLAR = 192
_HOPPER_FACE = (171.0, 111.0, 182.0, 228.0)
_HOPPER_POINTS = ((222.1, 191.3), (309.3, 185.9), (268.9, 237.2), (231.7, 277.9), (304.9, 274.4))
_HOPPER_COLLAR = 338

#: So that the cosines of any two of the four, by the shipped network, are 0.5 at most.
_DIVER = Features(eyes=1.25, jaw=-0.5, nose=0.6, other=0.5)
_CAPTAIN = Features(eyes=0.75, jaw=0.5, nose=-0.7, other=0.6)


def _faces() -> tuple[Face, Face]:
    astronaut, hopper = _pictures()
    return (
        Face(astronaut, _ASTRONAUT_FACE, _ASTRONAUT_POINTS),
        Face(hopper, _HOPPER_FACE, _HOPPER_POINTS),
    )


def _pictures() -> tuple[Image, Image]:
    try:
        import matplotlib
        import PIL.Image
        import skimage.data
    except ImportError as error:
        raise UsageError(
            f"synthetic videos need {error.name}: pip install scikit-image matplotlib"
        ) from error
    folder = Path(matplotlib.get_data_path()) / "sample_data"
    with PIL.Image.open(folder / "grace_hopper.jpg") as hopper:
        astronaut: Any = skimage.data.astronaut()  # type: ignore[no-untyped-call]
        return PIL.Image.fromarray(astronaut), hopper.convert("RGB")


def _cut_out(picture: Image, outline: tuple[tuple[int, int], ...]) -> Image:
    from PIL import Image as Images
    from PIL import ImageDraw, ImageFilter

    mask = Images.new("L", picture.size, 0)
    ImageDraw.Draw(mask).polygon(outline, fill=255)
    result = picture.convert("RGBA")
    result.putalpha(mask.filter(ImageFilter.GaussianBlur(2)))
    return result


def _dyed(actor: Actor, below: int, colour: tuple[int, int, int]) -> Actor:
    """The picture with everything below the line `below` in another colour."""
    import numpy as np
    from PIL import Image as Images

    pixels: Any = np.asarray(actor.picture).copy()
    clothes = pixels[below:, :, :3].astype(np.float32)
    light = np.sqrt(clothes.mean(axis=2, keepdims=True) / 255)
    pixels[below:, :, :3] = (light * np.array(colour, np.float32)).astype(np.uint8)
    return Actor(actor.name, Images.fromarray(pixels), actor.face)


def _mirrored(actor: Actor) -> Actor:
    from PIL import ImageOps

    x, y, width, height = actor.face
    picture = ImageOps.mirror(actor.picture)
    return Actor(actor.name, picture, (picture.width - x - width, y, width, height))
