"""The people of synthetic videos: cut out of pictures that packages ship for tests.

scikit-image's `astronaut` (Eileen Collins, NASA, public domain) and matplotlib's `grace_hopper`
(US Navy, public domain). Third and fourth persons are the same two mirrored and in other clothes:
to tell them apart from the first two one has to look at what they wear.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reelmill.errors import UsageError

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
    astronaut, hopper = _pictures()
    first = Actor("astronaut", _cut_out(astronaut, _ASTRONAUT), _ASTRONAUT_FACE)
    second = Actor("admiral", _cut_out(hopper, _HOPPER), _HOPPER_FACE)
    return (
        first,
        second,
        _disguised(first, "diver", below=192, colour=(40, 190, 170)),
        _disguised(second, "captain", below=338, colour=(200, 60, 90)),
    )


#: Where the face lies in the whole picture, as MTCNN has it at full size.
_ASTRONAUT_FACE = (178.0, 61.0, 88.0, 113.0)
_HOPPER_FACE = (171.0, 111.0, 182.0, 228.0)


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


def _disguised(actor: Actor, name: str, below: int, colour: tuple[int, int, int]) -> Actor:
    """Mirrored, and what is lower than `below` pixels dyed."""
    import numpy as np
    from PIL import Image as Images

    pixels: Any = np.asarray(actor.picture).copy()
    clothes = pixels[below:, :, :3].astype(np.float32)
    light = np.sqrt(clothes.mean(axis=2, keepdims=True) / 255)
    pixels[below:, :, :3] = (light * np.array(colour, np.float32)).astype(np.uint8)
    x, y, width, height = actor.face
    mirrored = Images.fromarray(np.ascontiguousarray(pixels[:, ::-1]))
    return Actor(name, mirrored, (mirrored.width - x - width, y, width, height))
