"""Short films modelled on problems of real ones, with the position of each person in each frame.

Posters and people far away, calls in tiles, cameras on their side, one picture a second, still
pictures, very short shots, high dynamic range, pixels that are not square, streams without time
stamps and recordings joined in one file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import numpy.typing as npt

from synthetic.cast import cast

if TYPE_CHECKING:
    from PIL.Image import Image

UInt8 = npt.NDArray[np.uint8]

RATE = 25


@dataclass(frozen=True)
class Placed:
    """A person of the cast: the middle of the face, and its height, in pixels."""

    person: int
    x: float
    y: float
    size: float


#: Who is seen in a frame, those in front last.
Staging = Callable[[int], Sequence[Placed]]


def swaying(person: int, x: float, y: float, size: float) -> Callable[[int], Placed]:
    """A person who sways a little, as people do."""

    def at(frame: int) -> Placed:
        turn = frame / RATE
        return Placed(
            person,
            x + 0.25 * size * math.sin(1.9 * turn + person),
            y + 0.08 * size * math.sin(2.7 * turn + 2 * person),
            size,
        )

    return at


def pictures(
    frames: int, size: tuple[int, int], staging: Staging, seed: int = 1
) -> Iterator[UInt8]:
    """RGB pictures (height, width, 3) of `size` (width, height)."""
    wall = background(size, seed)
    for number in range(frames):
        canvas = wall.copy()
        for one in staging(number):
            _paste(canvas, one)
        yield np.asarray(canvas)


def tiles(
    frames: int, size: tuple[int, int], across: int, people: int, gutter: int = 4
) -> Iterator[UInt8]:
    """A call: people in tiles of a grid, `across` of them beside each other."""
    width, height = size
    down = math.ceil(people / across)
    wide = (width - gutter * (across + 1)) // across
    tall = (height - gutter * (down + 1)) // down
    people_at = [
        swaying(number % 4, wide / 2, 0.45 * tall, 0.42 * tall) for number in range(people)
    ]
    films = [
        pictures(frames, (wide, tall), partial(_alone, who), seed=10 + number)
        for number, who in enumerate(people_at)
    ]
    for shown in zip(*films, strict=True):
        canvas = np.full((height, width, 3), 32, np.uint8)
        for number, picture in enumerate(shown):
            row, column = divmod(number, across)
            top, left = gutter + row * (tall + gutter), gutter + column * (wide + gutter)
            canvas[top : top + tall, left : left + wide] = picture
        yield canvas


def _alone(who: Callable[[int], Placed], frame: int) -> list[Placed]:
    return [who(frame)]


@lru_cache(maxsize=32)
def background(size: tuple[int, int], seed: int) -> Image:
    """A wall on which light falls unevenly."""
    from PIL import Image as Images

    rng = np.random.default_rng(seed)
    rough = rng.normal(0, 14, (9, 16, 1)) + rng.uniform(80, 160, 3)
    small = Images.fromarray(np.clip(rough, 0, 255).astype(np.uint8))
    return small.resize(size, Images.Resampling.BICUBIC)


def _paste(canvas: Image, one: Placed) -> None:
    picture, (x, y, width, height) = _scaled(one.person, round(one.size))
    corner = (round(one.x - x - width / 2), round(one.y - y - height / 2))
    canvas.paste(picture, corner, picture)


@lru_cache(maxsize=64)
def _scaled(person: int, size: int) -> tuple[Image, tuple[float, float, float, float]]:
    actor = cast()[person]
    scale = size / actor.face[3]
    width, height = actor.picture.size
    picture = actor.picture.resize((max(1, round(width * scale)), max(1, round(height * scale))))
    x, y, w, h = (scale * value for value in actor.face)
    return picture, (x, y, w, h)


@dataclass(frozen=True)
class Form:
    """How a film is stored. `times` of its frames, s; None for `RATE` a second. `pixel`: width to
    height of one. `transfer`: 16 and 18 of ITU-T H.273, of pictures that are made so. `unit`: what
    is put behind each picture, a NAL unit of HEVC or H.264."""

    container: str = "mp4"
    codec: str = "libx264"
    b_frames: int = 0
    key_every: int = 25
    pixel: Fraction = Fraction(1)
    transfer: int | None = None
    times: tuple[float, ...] | None = None
    unit: bytes = b""


def write(path: Path, shown: Iterable[UInt8], form: Form = Form()) -> Path:
    """Write pictures as a film without sound. Raises PyAV's errors."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(f"file:{path.absolute()}", "w", format=form.container) as output:
        stream = output.add_stream(form.codec, rate=RATE)
        context = stream.codec_context
        stream.pix_fmt = "yuv420p" if form.transfer is None else "yuv420p10le"
        context.time_base = Fraction(1, 1000) if form.times else Fraction(1, RATE)
        context.gop_size, context.max_b_frames = form.key_every, form.b_frames
        context.thread_count, context.sample_aspect_ratio = 1, form.pixel
        if form.codec in _PRESETS:
            stream.options = _PRESETS[form.codec]
        else:
            context.bit_rate = 1_500_000
        if form.transfer is not None:
            context.color_trc, context.color_range = form.transfer, 1
            context.color_primaries = context.colorspace = 9
        for number, picture in enumerate(shown):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = _frame(picture, form)
            frame.time_base = context.time_base
            frame.pts = round(form.times[number] * 1000) if form.times else number
            output.mux([_with(form.unit, packet) for packet in stream.encode(frame)])
        output.mux([_with(form.unit, packet) for packet in stream.encode(None)])
    return path


_PRESETS = {
    "libx264": {"preset": "veryfast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none:pools=none"},
}


def _with(unit: bytes, packet: av.Packet[Any]) -> av.Packet[Any]:
    """The packet with one more NAL unit at its end (Annex B of H.264 and H.265)."""
    if not unit:
        return packet
    longer: av.Packet[Any] = av.Packet(bytes(packet) + b"\0\0\0\1" + unit)
    longer.stream, longer.time_base = packet.stream, packet.time_base
    longer.pts, longer.dts, longer.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
    return longer


def _frame(picture: UInt8, form: Form) -> av.VideoFrame:
    if form.transfer is None:
        return av.VideoFrame.from_ndarray(picture, format="rgb24")
    made = av.VideoFrame.from_ndarray(_brightened(picture, form.transfer), format="rgb48le")
    return made.reformat(format="yuv420p10le", dst_colorspace=9, dst_color_range=1)


def _brightened(picture: UInt8, transfer: int) -> npt.NDArray[np.uint16]:
    """SDR's RGB as PQ or HLG have it, white being 203 nits (ITU-R BT.2408)."""
    light = (picture / 255.0) ** 2.4 @ np.linalg.inv(_FROM_2020).T
    light = np.maximum(light, 0)
    if transfer == 16:
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        power = (light * 203 / 10_000) ** m1
        signal = ((c1 + c2 * power) / (1 + c3 * power)) ** m2
    else:
        nits = light * 203 / 1000
        luminance = nits @ np.array([0.2627, 0.6780, 0.0593])
        scene = nits * np.maximum(luminance, 1e-9)[..., None] ** (1 / 1.2 - 1)
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        low = np.sqrt(3 * scene)
        signal = np.where(scene <= 1 / 12, low, a * np.log(np.maximum(12 * scene - b, 1e-9)) + c)
    return np.round(np.clip(signal, 0, 1) * 65535).astype(np.uint16)


_FROM_2020 = np.array(  # ITU-R BT.2087: linear BT.2020 to BT.709
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)
