"""Synthetic videos with truth: moving people in shots, their boxes and names, and sound to check
pictures against."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from synthetic.cast import Actor, cast, dressed
from synthetic.movie import SoundTrack, write_movie

if TYPE_CHECKING:
    from PIL.Image import Image

#: A face of which less is to be seen may be found or not: it counts neither way.
CLEAR_SHARE = 0.75
_SOUND_RATE = 48_000
_ZOOM_STEPS = 8
_LEAST_VISIBLE = 0.05
#: What people wear who do not wear their own: red, green, blue.
_COLOURS = ((70, 75, 90), (200, 60, 60), (60, 170, 90), (210, 190, 70))


@dataclass(frozen=True)
class Script:
    """What a video shows. Sizes are the height of a face's box in pixels.

    speed: 1 for people who sway (up to some 150 pixels/s), 5 for five times that.
    persons: 1 to 4 of the cast; up to as many are seen at once.
    flashes: the first frame of each whole second is brighter, at the click in the sound.
    leaving: share of appearances in which somebody walks out of the picture and comes back.
    wardrobe: what people wear: `own` clothes throughout, all of them `alike`, or, from shot to
        shot, `changing` clothes that are everybody's in turn.
    """

    seconds: float = 40.0
    width: int = 1280
    height: int = 720
    rate: int = 25
    persons: int = 3
    sizes: tuple[int, int] = (40, 180)
    speed: float = 1.0
    shot_seconds: tuple[float, float] = (3.0, 7.0)
    leaving: float = 0.3
    wardrobe: Literal["own", "alike", "changing"] = "own"
    flashes: bool = False
    seed: int = 1
    bit_rate: int | None = None


@dataclass
class Truth:
    """What can be seen in a video. Row i of the lists: in frame `frame[i]` the person
    `person[i]` (index into `names`) has the face `box[i]` (x, y, width, height in pixels), of
    which the share `visible[i]` is not cut off or covered. `cuts`: first frames of new shots."""

    width: int
    height: int
    rate: int
    frames: int
    names: list[str]
    cuts: list[int] = field(default_factory=list)
    frame: list[int] = field(default_factory=list)
    person: list[int] = field(default_factory=list)
    box: list[tuple[float, float, float, float]] = field(default_factory=list)
    visible: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Part:
    """One person in one shot: where the middle of the face is at `t` seconds into the shot."""

    person: int
    size: float
    growth: float
    place: Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class _Shot:
    first: int
    frames: int
    parts: tuple[_Part, ...]


def make_video(path: Path, script: Script, truth_path: Path | None = None) -> Truth:
    """Write a video (H.264 and AAC) and give, and where asked for write, what is to be seen in it.

    The same script always shows the same. Each second begins with a click of 1 kHz, each shot with
    one of 3 kHz, both 10 ms long, over a faint tone whose pitch is the shot's.

    Raises:
        UsageError: the packages with the pictures are missing.
        OSError: cannot be written.
    """
    frames = round(script.seconds * script.rate)
    shots = _shots(script, frames)
    names = [actor.name for actor in cast()[: script.persons]]
    truth = Truth(script.width, script.height, script.rate, frames, names)
    truth.cuts = [shot.first for shot in shots[1:]]
    write_movie(
        path,
        _frames(script, shots, truth),
        Fraction(script.rate),
        SoundTrack(_sound(script, shots, frames), _SOUND_RATE),
        bit_rate=script.bit_rate,
    )
    if truth_path is not None:
        write_truth(truth_path, truth)
    return truth


def write_truth(path: Path, truth: Truth) -> None:
    text = json.dumps(asdict(truth), ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


def read_truth(path: Path) -> Truth:
    stored: dict[str, Any] = json.loads(path.read_text("utf-8"))
    stored["box"] = [tuple(box) for box in stored["box"]]
    return Truth(**stored)


def _shots(script: Script, frames: int) -> list[_Shot]:
    rng = np.random.default_rng(script.seed)
    shots: list[_Shot] = []
    first = 0
    while first < frames:
        length = round(rng.uniform(*script.shot_seconds) * script.rate)
        if frames - first - length < script.shot_seconds[0] * script.rate:
            length = frames - first
        parts = _parts(script, rng, len(shots), length / script.rate)
        shots.append(_Shot(first, length, parts))
        first += length
    return shots


def _parts(
    script: Script, rng: np.random.Generator, number: int, seconds: float
) -> tuple[_Part, ...]:
    """Who is in a shot: everybody comes back, sooner or later, each in a lane of their own."""
    count = int(rng.integers(1, script.persons + 1))
    people = [(number + i) % script.persons for i in range(count)]
    low, high = script.sizes
    parts = []
    for lane, person in enumerate(people):
        size = low * (high / low) ** rng.uniform()
        # side by side they need room: of a face 1 high the shoulders are about 3 wide
        size = max(low, min(size, script.width / count / 2.2, 0.55 * script.height))
        middle = script.width * (lane + 0.5) / count
        reach = max(size, script.width / count / 2 - 0.8 * size)
        leaves = rng.uniform() < script.leaving
        place = _path(script, rng, (middle, reach, size), seconds if leaves else None)
        parts.append(_Part(person, size, float(rng.uniform(-0.15, 0.15)), place))
    return tuple(sorted(parts, key=lambda part: part.size))


def _path(
    script: Script,
    rng: np.random.Generator,
    lane: tuple[float, float, float],
    leaves_within: float | None,
) -> Callable[[float], tuple[float, float]]:
    middle, reach, size = lane
    swing = float(rng.uniform(0.3, 0.8)) * reach
    pace = script.speed * float(rng.uniform(60, 150))  # pixels/s where it is fastest
    sideways, upwards = float(rng.uniform(0, 6.28)), float(rng.uniform(0, 6.28))
    level = min(script.height * 0.42, script.height - 1.2 * size)
    bob = min(0.25 * size, level - 0.6 * size)
    side = 1 if middle > script.width / 2 else -1
    away = (script.width - middle if side > 0 else middle) + 2.5 * size + swing

    def place(t: float) -> tuple[float, float]:
        x = middle + swing * math.sin(pace / swing * t + sideways)
        y = level + bob * math.sin(0.6 * pace / swing * t + upwards)
        if leaves_within:
            out = math.sin(math.pi * t / leaves_within) ** 2  # 0 at both ends of the shot
            x += side * away * max(0.0, out - 0.35) / 0.65
        return x, y

    return place


def _frames(script: Script, shots: list[_Shot], truth: Truth) -> Iterator[np.ndarray]:
    for number, shot in enumerate(shots):
        actors = _dressed(script, number)
        background = _background(script, number)
        drawn: dict[tuple[int, int], tuple[Image, float]] = {}
        for offset in range(shot.frames):
            index = shot.first + offset
            canvas = background.copy()
            rows: list[_Drawn] = []
            for part in shot.parts:
                picture, scale = _scaled(actors, part, offset / shot.frames, drawn)
                x, y = part.place(offset / script.rate)
                rows.append(_paste(canvas, picture, actors[part.person], scale, (x, y)))
            _note(truth, index, shot, rows)
            pixels = np.asarray(canvas)
            if script.flashes and index % script.rate == 0:
                pixels = np.minimum(pixels.astype(np.int16) + 30, 255).astype(np.uint8)
            yield pixels


def _dressed(script: Script, shot: int) -> tuple[Actor, ...]:
    """The cast in what it wears in a shot."""
    if script.wardrobe == "own":
        return cast()
    if script.wardrobe == "alike":
        return dressed(_COLOURS[0])
    worn = [_COLOURS[(number + shot) % len(_COLOURS)] for number in range(len(cast()))]
    return tuple(dressed(colour)[number] for number, colour in enumerate(worn))


def _scaled(
    actors: tuple[Actor, ...],
    part: _Part,
    progress: float,
    drawn: dict[tuple[int, int], tuple[Image, float]],
) -> tuple[Image, float]:
    """The cut-out at the size it has now, and its scale; sizes come in a few steps a shot."""
    step = round(progress * _ZOOM_STEPS)
    key = (part.person, step)
    if key not in drawn:
        actor = actors[part.person]
        scale = part.size * (1 + part.growth * step / _ZOOM_STEPS) / actor.face[3]
        width, height = actor.picture.size
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        drawn[key] = (actor.picture.resize(size), scale)
    return drawn[key]


@dataclass(frozen=True)
class _Drawn:
    """A person in a frame: the box of the face, the picture and where its corner is."""

    face: tuple[float, float, float, float]
    picture: Image
    corner: tuple[int, int]


def _paste(
    canvas: Image, picture: Image, actor: Actor, scale: float, middle: tuple[float, float]
) -> _Drawn:
    x, y, width, height = (scale * value for value in actor.face)
    left = round(middle[0] - x - width / 2)
    top = round(middle[1] - y - height / 2)
    canvas.paste(picture, (left, top), picture)
    return _Drawn((left + x, top + y, width, height), picture, (left, top))


def _note(truth: Truth, index: int, shot: _Shot, rows: list[_Drawn]) -> None:
    for at, (part, drawn) in enumerate(zip(shot.parts, rows, strict=True)):
        visible = _inside(drawn.face, truth.width, truth.height)
        if visible > 0:
            visible -= max((_covered(drawn.face, other) for other in rows[at + 1 :]), default=0.0)
        if visible > _LEAST_VISIBLE:
            x, y, width, height = (round(value, 1) for value in drawn.face)
            truth.frame.append(index)
            truth.person.append(part.person)
            truth.box.append((x, y, width, height))
            truth.visible.append(round(visible, 3))


def _inside(face: tuple[float, float, float, float], width: int, height: int) -> float:
    """The share of a face that is in the picture."""
    across = min(face[0] + face[2], width) - max(face[0], 0)
    down = min(face[1] + face[3], height) - max(face[1], 0)
    return max(0.0, across) * max(0.0, down) / (face[2] * face[3])


def _covered(face: tuple[float, float, float, float], other: _Drawn) -> float:
    """The share of a face that somebody in front covers."""
    left, top = face[0] - other.corner[0], face[1] - other.corner[1]
    area = (round(left), round(top), round(left + face[2]), round(top + face[3]))
    before = other.picture.getchannel("A").crop(area)
    return float(np.asarray(before).mean()) / 255


def _background(script: Script, number: int) -> Image:
    """A wall with some structure; another colour in each shot."""
    from PIL import Image as Images

    rng = np.random.default_rng([script.seed, number])
    base = np.array(rng.uniform(70, 170) + rng.uniform(-30, 30, 3), np.float32)
    light = rng.normal(0, 14, (9, 16, 1)) + rng.normal(0, 4, (9, 16, 3))
    small = light.astype(np.float32) + base
    rough = Images.fromarray(np.clip(small, 0, 255).astype(np.uint8))
    wall = rough.resize((script.width, script.height), Images.Resampling.BICUBIC)
    pixels = np.asarray(wall).astype(np.float32)
    for _ in range(6):  # shelves, frames, doors
        left, top = (int(v) for v in rng.uniform(0, (script.width * 0.9, script.height * 0.9)))
        width, height = (int(v) for v in rng.uniform(40, (script.width / 3, script.height / 2)))
        pixels[top : top + height, left : left + width] *= rng.uniform(0.6, 1.25)
    return Images.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _sound(script: Script, shots: list[_Shot], frames: int) -> np.ndarray:
    """Mono float32 of the video's length."""
    total = round(frames / script.rate * _SOUND_RATE)
    sound = np.zeros(total, np.float32)
    for number, shot in enumerate(shots):
        start = round(shot.first / script.rate * _SOUND_RATE)
        end = min(total, start + round(shot.frames / script.rate * _SOUND_RATE))
        pitch = 220.0 * 2 ** ((number % 12) / 12)
        turns = np.arange(end - start) * (2 * math.pi * pitch / _SOUND_RATE)
        sound[start:end] = 0.03 * np.sin(turns)
    for second in range(math.ceil(frames / script.rate)):
        _click(sound, second * _SOUND_RATE, 1000.0)
    for shot in shots[1:]:
        _click(sound, round(shot.first / script.rate * _SOUND_RATE), 3000.0)
    return sound


def _click(sound: np.ndarray, start: int, pitch: float) -> None:
    length = min(_SOUND_RATE // 100, len(sound) - start)
    if length > 0:
        turns = np.arange(length) * (2 * math.pi * pitch / _SOUND_RATE)
        sound[start : start + length] = 0.7 * np.sin(turns)
