"""The items of face detection: chunks of frames sampled from a video, reduced in size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import UInt8
from reelmill.media.video.frames import Planes, Reducer, Stretch, brightness, nbytes
from reelmill.media.video.reader import SAME_FRAME_SECONDS, Pictures
from reelmill.stages.faces.scenes import COLUMNS, ROWS, Glance, is_cut
from reelmill.stages.faces.tiles import Rectangle, find_tiles

if TYPE_CHECKING:
    from reelmill.media.video.crop import Frame
    from reelmill.models.faces.detector import Faces

_State = TypeVar("_State")

#: Samples in a chunk: about three seconds, 25 MB at 640 x 360. Chunks of larger frames have fewer,
#: so that several chunks fit in the arena.
CHUNK = 36
_MOST_BYTES = 26 << 20
#: Approximate number of samples a second: at 25 frames/s, every other frame.
SAMPLES_A_SECOND = 12.0
#: Every sixth sample is kept in full size, at the beginning of a scene every third, so that the
#: shortest scene has one; fewer if they would take more than so many bytes of a chunk.
_KEEP_EVERY, _KEEP_EVERY_FIRST, _FIRST = 6, 3, 2
_MOST_KEPT_BYTES = 32 << 20
#: With a variable frame rate, a frame is sampled at the latest this many seconds after the last.
_LONGEST_STEP = 0.12


@dataclass(frozen=True)
class FrameChunk:
    """Up to `CHUNK` sampled frames, and the times of all frames up to the next chunk.

    frames: n of (height, width, 3) uint8 RGB, upright, all of one size. times: (m,) s. sampled:
    (n,) indices into `times`. cuts: (k,) indices into `times` of the first frames of new scenes;
    such a frame and the one before it are always sampled. glances: of the first and last of the m
    frames, for comparison with the neighbouring chunks. lost: packets since the previous chunk that
    could not be decoded; damaged: frames that were decoded only in part. tiles: rectangles in
    pixels of the frames, if they show a scene in tiles. kept: some of the samples in full size, for
    whoever tells the faces in them apart; kept_of: (k,) their numbers among the samples. between:
    (height, width) grey, other frames for whoever looks at mouths; between_of: indices into
    `times`. rate: frames a second of the video. is_first, is_last: of its stretch. The
    cost is the number of sampled frames.
    """

    frames: tuple[UInt8, ...]
    times: npt.NDArray[np.float64]
    sampled: npt.NDArray[np.int64]
    cuts: npt.NDArray[np.int64]
    glances: tuple[Glance, Glance]
    lost: int
    damaged: int = 0
    tiles: tuple[Rectangle, ...] = ()
    kept: tuple[Planes | UInt8, ...] = ()
    kept_of: tuple[int, ...] = ()
    between: tuple[UInt8, ...] = ()
    between_of: tuple[int, ...] = ()
    rate: float = 25.0
    is_first: bool = True
    is_last: bool = True

    @property
    def cost(self) -> float:
        return float(len(self.sampled))

    @property
    def cut_samples(self) -> set[int]:
        """The numbers of the samples that are the first of new scenes."""
        return set(np.searchsorted(self.sampled, self.cuts).tolist())

    def follow(
        self, found: Sequence[Faces], step: Callable[[_State | None, int, Faces], _State]
    ) -> list[_State]:
        """Follow faces from sample to sample.

        Args:
            found: the faces of each sample.
            step: makes the state of a sample from that of the sample before it, or from None if the
                sample is the first of a scene; its further arguments are the sample's number and
                its faces.

        Returns:
            The state of each sample.
        """
        cuts, states = self.cut_samples, list[_State]()
        for sample, faces in enumerate(found):
            before = states[-1] if states and sample not in cuts else None
            states.append(step(before, sample, faces))
        return states


@dataclass
class _Keeper:
    """Keeps some of the samples of a stretch; of a scene the second, because the first may still be
    mixed with the scene before."""

    reducer: Reducer
    least: int = 1
    since: int = _KEEP_EVERY_FIRST - 2
    taken: int = 0

    def begin_scene(self) -> None:
        self.since, self.taken = max(_KEEP_EVERY_FIRST, self.least) - 2, 0

    def take(self, frame: Frame) -> Planes | UInt8 | None:
        self.since += 1
        every = _KEEP_EVERY_FIRST if self.taken < _FIRST else _KEEP_EVERY
        if self.since < max(every, self.least):
            return None
        self.since, self.taken = 0, self.taken + 1
        kept = self.reducer.kept(frame)
        self.least = -(-CHUNK * nbytes(kept) // _MOST_KEPT_BYTES)
        return kept


@dataclass
class _Growing:
    """A chunk being filled."""

    reducer: Reducer
    keeper: _Keeper | None
    is_first: bool = False
    frames: list[UInt8] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    sampled: list[int] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    first: Glance | None = None
    last: Glance | None = None
    damaged: int = 0
    kept: list[Planes | UInt8] = field(default_factory=list)
    kept_of: list[int] = field(default_factory=list)
    between: dict[int, UInt8] = field(default_factory=dict)

    def add(self, time: float, glance: Glance, *, damaged: bool) -> None:
        self.times.append(time)
        self.damaged += damaged
        self.first = glance if self.first is None else self.first
        self.last = glance

    def sample(self, frame: Frame) -> None:
        """Take the frame that was added last."""
        self.frames.append(self.reducer.reduced(frame))
        self.sampled.append(len(self.times) - 1)
        if self.keeper is not None and (kept := self.keeper.take(frame)) is not None:
            self.kept.append(kept)
            self.kept_of.append(len(self.sampled) - 1)

    def look_between(self, frame: Frame) -> None:
        """Take the frame that was added last in grey."""
        self.between[len(self.times) - 1] = self.reducer.grey(frame)

    def finished(
        self, lost: int, damaged: int, rate: float, *, is_last: bool = False
    ) -> FrameChunk:
        assert self.first is not None and self.last is not None
        return FrameChunk(
            tuple(self.frames),
            np.array(self.times),
            np.array(self.sampled, np.int64),
            np.array(self.cuts, np.int64),
            (self.first, self.last),
            lost,
            max(damaged, self.damaged),
            () if any(self.cuts) else tuple(find_tiles(self.frames)),
            tuple(self.kept),
            tuple(self.kept_of),
            tuple(grey for at, grey in self.between.items() if at not in self.sampled),
            tuple(at for at in self.between if at not in self.sampled),
            rate,
            self.is_first,
            is_last,
        )


def frame_chunks(
    pictures: Pictures,
    stretch: Stretch,
    size: tuple[int, int],
    rotation: int,
    keeper: Reducer | None = None,
    looks_between: Callable[[float], bool] | None = None,
) -> Iterator[FrameChunk]:
    """Cut a stretch into chunks.

    Every nth frame is sampled, the first and last of the stretch, and the frames on both sides of a
    cut. Frames whose time is not later than that of the previous frame are left out. `keeper` keeps
    some in full size; of the others, those whose time `looks_between` wants are taken in grey.
    """
    every = max(1, round(pictures.rate / SAMPLES_A_SECOND))
    most = max(1, min(CHUNK, _MOST_BYTES // (3 * size[0] * size[1])))
    reducer, keep = Reducer(size, rotation), _Keeper(keeper) if keeper else None
    chunk, lost, damaged = _Growing(reducer, keep, is_first=True), 0, 0
    waiting: Frame | None = None  # the last frame, if it has not been sampled
    before: Glance | None = None
    since, sampled_at, last = 0, -math.inf, -math.inf
    for time, frame in pictures.between(*stretch):
        if time < last + SAME_FRAME_SECONDS:
            continue
        glance = brightness(frame, COLUMNS, ROWS)
        cut = before is not None and is_cut(before, glance)
        if cut and waiting is not None:
            chunk.sample(waiting)
        due = before is None or since + 1 >= every or time - sampled_at > _LONGEST_STEP
        if (due or cut) and len(chunk.frames) >= most:
            yield chunk.finished(pictures.corrupt - lost, pictures.damaged - damaged, pictures.rate)
            chunk, lost, damaged = _Growing(reducer, keep), pictures.corrupt, pictures.damaged
        chunk.add(time, glance, damaged=frame.is_corrupt)
        if cut:
            chunk.cuts.append(len(chunk.times) - 1)
            if keep is not None:
                keep.begin_scene()
        if due or cut:
            chunk.sample(frame)
            waiting, since, sampled_at = None, 0, time
        else:
            waiting, since = frame, since + 1
            if looks_between is not None and looks_between(time):
                chunk.look_between(frame)
        before, last = glance, time
    if waiting is not None:
        chunk.sample(waiting)
    if chunk.frames:
        lost, damaged = pictures.corrupt - lost, pictures.damaged - damaged
        yield chunk.finished(lost, damaged, pictures.rate, is_last=True)
