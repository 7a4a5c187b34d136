"""Films of kinds that once went wrong, a few seconds each: `FILMS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from synthetic.dolby_vision import unit
from synthetic.staged import Form, Placed, UInt8, pictures, swaying, tiles, write

_SIZE = (640, 360)
_MAN = swaying(0, 420, 150, 110)
_WOMAN = swaying(1, 330, 150, 120)


def _alone(frames: int = 75) -> Iterator[UInt8]:
    return pictures(frames, _SIZE, lambda frame: [_MAN(frame)])


def first_group(path: Path) -> None:
    """H.264 with B-frames in a transport stream."""
    write(path, _alone(), Form("mpegts", b_frames=3, key_every=15))


def no_stamps(path: Path) -> None:
    """H.264 without a container."""
    write(path, _alone(40), Form("h264", b_frames=2, key_every=12))


def joined(path: Path) -> None:
    """Three programme streams in one file."""
    write(path, _alone(40), Form("mpeg", "mpeg2video", b_frames=2, key_every=12))
    path.write_bytes(path.read_bytes() * 3)


def every_two_seconds(path: Path) -> None:
    """A picture every two seconds."""
    shown = pictures(12, _SIZE, lambda number: [_MAN(7 * number)])
    write(path, shown, Form(times=tuple(2.0 * n for n in range(12))))


def stands(path: Path) -> None:
    """A still picture of ten seconds between others."""
    times = (*(n / 25 for n in range(25)), *(11 + n / 25 for n in range(25)))
    write(path, _alone(50), Form("matroska", times=times))


def single(path: Path) -> None:
    """One picture."""
    write(path, _alone(1), Form("matroska"))


def blinks(path: Path) -> None:
    """A cut every 0.32 s, from one person to another and back."""
    shown = zip(
        pictures(96, _SIZE, lambda frame: [_MAN(frame)], seed=3),
        pictures(96, _SIZE, lambda frame: [_WOMAN(frame)], seed=4),
        strict=True,
    )
    write(path, (both[number // 8 % 2] for number, both in enumerate(shown)))


def pq(path: Path) -> None:
    """SMPTE ST 2084, 10 bits."""
    write(path, _alone(50), Form("matroska", transfer=16))


def dolby_vision(path: Path) -> None:
    """Dolby Vision's profile 5, whose pictures are colours only by what stands beside them."""
    write(path, _alone(50), Form("mpegts", "libx265", unit=unit(profile_5=True)))


def narrow_pixels(path: Path) -> None:
    """Pixels half as wide as high."""
    write(path, (np.repeat(one, 2, axis=1) for one in _alone(50)), Form(pixel=Fraction(1, 2)))


def poster(path: Path) -> None:
    """Somebody before a poster with a face, and somebody tiny in the background."""
    far = swaying(2, 60, 60, 22)
    hung = Placed(1, 190, 130, 64)
    write(path, pictures(100, _SIZE, lambda frame: [hung, far(frame), _MAN(frame)]))


def call(path: Path) -> None:
    """A call of four in tiles."""
    write(path, tiles(75, (960, 540), 2, 4, gutter=8))


def on_its_side(path: Path) -> None:
    """Filmed with the telephone upright, without a rotation tag."""
    write(path, (np.ascontiguousarray(np.rot90(one)) for one in _alone(50)))


def upside_down(path: Path) -> None:
    """Filmed with the telephone upside down, without a rotation tag."""
    write(path, (np.ascontiguousarray(np.rot90(one, 2)) for one in _alone(50)))


def one_in_wide(path: Path) -> None:
    """A single person at the edge of a wide picture."""
    write(path, pictures(75, (800, 340), lambda frame: [swaying(3, 660, 150, 120)(frame)]))


#: By file name: the function that makes it.
FILMS: dict[str, Callable[[Path], None]] = {
    "first_group.ts": first_group,
    "no_stamps.h264": no_stamps,
    "joined.mpg": joined,
    "every_two_seconds.mp4": every_two_seconds,
    "stands.mkv": stands,
    "single.mkv": single,
    "blinks.mp4": blinks,
    "pq.mkv": pq,
    "narrow_pixels.mp4": narrow_pixels,
    "poster.mp4": poster,
    "call.mp4": call,
    "on_its_side.mp4": on_its_side,
    "upside_down.mp4": upside_down,
    "dolby_vision.ts": dolby_vision,
    "one_in_wide.mp4": one_in_wide,
}
