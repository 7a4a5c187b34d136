"""PlanFollow: plan clips of the whole video that follow the active speaker, one for each shape."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from itertools import combinations
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    ClipPlan,
    Detections,
    Finding,
    HeardPersons,
    Media,
    Person,
    PersonArrays,
    Persons,
    PlannedClip,
    Shot,
    ShotArrays,
    Span,
    SpeakingPersons,
    TileLayout,
    read_persons,
    read_shares,
)
from reelmill.core.arrays import Bool, Float64
from reelmill.core.atomic import write_bytes
from reelmill.engine.stage import FileStage, Inputs, StageContext, optional
from reelmill.stages.clips.camera_path import Framing
from reelmill.stages.clips.plan import pixel_aspect
from reelmill.stages.clips.shots import RATE, EditRules, Moments, shots_of
from reelmill.stages.clips.tiled import tiled_path

#: A person out of sight for at most this time, s, counts as present.
_BRIDGED_SECONDS = 0.5
#: A cut comes this long, s, before the first word.
_AHEAD = 0.12
#: Two persons are near each other if the middles of their faces are at most this many face heights
#: apart.
_NEAR = 2.2
#: The margin around two faces, in face heights, and the share of the window's shorter side that
#: they fill including it.
_ROOM, _PAIR_SHARE = 0.35, 0.7
#: The middle of the face is at this share of the window's height, as portraits have it.
_HEIGHT = 0.42
#: The least size of the window as a share of the largest possible one: a smaller one would look
#: blurred.
_LEAST_SHARE = 0.5

_NOBODY = Finding(
    "no faces",
    text="no face was found in it; the whole picture is shown throughout",
    severity="warning",
)

#: Name and size (width, height) of a shape.
Shape = tuple[str, tuple[int, int]]


@dataclass(frozen=True)
class PlanFollow(FileStage):
    """Writes the windows of all shots beside the artifact.

    `shapes`: a clip of each. `face_share`: as in `Framing`.
    """

    name: ClassVar[str] = "plan_follow"
    version: ClassVar[int] = 1
    display_name = "Planning shots of the active speaker"
    commands = ("faces",)
    enabled_by = ("follow", "speaker")
    needs = (Media, optional(Detections), SpeakingPersons)
    produces = ClipPlan

    shapes: tuple[Shape, ...] = (("9x16", (1080, 1920)),)
    face_share: float = 0.3
    rules: EditRules = field(default_factory=EditRules)

    def run(self, context: StageContext, inputs: Inputs) -> ClipPlan:
        persons = inputs[SpeakingPersons]
        arrays = read_persons(context.folder, persons)
        pixel = pixel_aspect(inputs[Media], persons)
        speaks = _ahead(_speaks(context.folder, persons))
        detections = inputs.get(Detections)
        layouts = detections.layouts if detections is not None else ()
        whole = [Span(0.0, persons.picture.duration)]
        labels = [person.label for person in persons.persons]
        clips, panes = [], []
        for number, (name, size) in enumerate(self.shapes):
            aspect = size[0] / size[1] / pixel
            framer = Framer(persons, arrays, aspect, self.face_share, layouts)
            shots = shots_of(
                framer.moments(speaks), persons.cuts, persons.picture.duration, labels, self.rules
            )
            shots = [framer.kept(shot) for shot in shots]
            clips.append(PlannedClip(name, labels, whole, size, shots))
            for place, shot in enumerate(shots):
                panes += [(number, place, *path) for path in framer.panes(shot)]
        width, height = self.shapes[0][1]
        fitted = [_fitted(persons, pixel, size) for _, size in self.shapes]
        problems = [] if persons.persons else [_NOBODY]
        return ClipPlan(_stored(context, panes, fitted), "follow", width, height, clips, problems)


@dataclass
class Framer:
    """Frames shots for one shape; `aspect` is in pixels of the original."""

    persons: Persons
    arrays: PersonArrays
    aspect: float
    face_share: float
    layouts: Sequence[TileLayout] = ()

    def moments(self, speaks: Float64) -> Moments:
        """Who is seen, who speaks, and which two persons fit into one window."""
        count = speaks.shape[1]
        people = self.persons.persons
        seen = np.array([_seen(person, count) for person in people]).reshape(-1, count)
        middles = [self._middles(person, count) for person in people]
        near = {
            (one, other): self._near(middles[one], middles[other])
            for one, other in combinations(range(len(people)), 2)
            if (seen[one] & seen[other]).any()
        }
        return Moments(seen, speaks, near)

    def kept(self, shot: Shot) -> Shot:
        """The shot with its persons from left to right, or of everything if they have no boxes in
        it."""
        times = {label: self._rows(label, shot) for label in shot.persons}
        there = [label for label, rows in times.items() if len(rows)]
        if len(there) < len(shot.persons):
            return Shot(shot.start, shot.end, there[:1])
        middle = {k: float(np.median(self.arrays.boxes[rows, 0])) for k, rows in times.items()}
        return Shot(shot.start, shot.end, sorted(there, key=lambda label: middle[label]))

    def panes(self, shot: Shot) -> Iterator[tuple[Float64, Float64]]:
        """Times and windows of each pane: none for the whole picture, two if two persons are far
        apart."""
        boxes = [self._boxes(label, shot) for label in shot.persons]
        if len(boxes) == 2:
            times, together = _both(*boxes)
            if len(times) and np.median(together[:, 2]) <= self._largest()[0]:
                yield times, self._path(times, together, self.aspect, _PAIR_SHARE)
                return
        aspect = self.aspect * len(boxes)  # one above the other
        for times, one in boxes:
            yield times, self._path(times, one, aspect, self.face_share)

    def _path(self, times: Float64, boxes: Float64, aspect: float, share: float) -> Float64:
        size = self.persons.picture.width, self.persons.picture.height
        largest = min(size[0] / max(1.0, aspect), size[1] / max(1.0, 1 / aspect))
        framing = Framing(aspect, share, least_side=_LEAST_SHARE * largest, height=_HEIGHT)
        return tiled_path(times, boxes, (), size, framing, self.layouts)

    def _largest(self) -> tuple[float, float]:
        """The largest window of the shape."""
        width, height = self.persons.picture.width, self.persons.picture.height
        return min(width, height * self.aspect), min(height, width / self.aspect)

    def _rows(self, label: str, shot: Shot) -> npt.NDArray[np.int64]:
        person = next(one for one in self.persons.persons if one.label == label)
        rows = self.arrays.of(person)
        times = self.arrays.times[rows]
        inside = np.flatnonzero((times >= shot.start - 1e-4) & (times < shot.end - 1e-4))
        return np.asarray(inside + person.first, np.int64)

    def _boxes(self, label: str, shot: Shot) -> tuple[Float64, Float64]:
        rows = self._rows(label, shot)
        return self.arrays.times[rows], self.arrays.boxes[rows].astype(np.float64)

    def _middles(self, person: Person, count: int) -> Float64:
        """(n, 3) the middle and the height of the face at each moment, taken from the nearest known
        one."""
        rows = self.arrays.of(person)
        times, boxes = self.arrays.times[rows], self.arrays.boxes[rows].astype(np.float64)
        nearest = np.searchsorted(times, np.arange(count) / RATE).clip(0, len(times) - 1)
        middle = boxes[:, :2] + boxes[:, 2:] / 2
        rows_of = np.column_stack([middle, boxes[:, 3]])
        return np.asarray(rows_of[nearest], np.float64)

    def _near(self, one: Float64, other: Float64) -> Bool:
        apart = np.abs(one[:, :2] - other[:, :2])
        height = (one[:, 2] + other[:, 2]) / 2
        across, down = self._largest()
        fits = (apart[:, 0] + (1 + 2 * _ROOM) * height <= across) & (
            apart[:, 1] + (1 + 2 * _ROOM) * height <= down
        )
        return np.asarray(fits & (np.hypot(*apart.T) <= _NEAR * height))


def _seen(person: Person, count: int) -> Bool:
    found = np.zeros(count, np.bool_)
    before = -np.inf
    for interval in sorted(person.intervals, key=lambda interval: interval.start):
        start = before if interval.start - before <= _BRIDGED_SECONDS else interval.start
        found[round(start * RATE) : round(interval.end * RATE)] = True
        before = interval.end
    return found


def _speaks(folder: Path, persons: SpeakingPersons) -> Float64:
    """(persons, n) how much each is the one who speaks, from 0 to 1, at each moment."""
    count = max(1, round(persons.picture.duration * RATE))
    found = np.zeros((len(persons.persons), count))
    if isinstance(persons, HeardPersons) and persons.shares:
        shares = read_shares(folder, persons).shares[:, :count]
        found[:, : shares.shape[1]] = shares
        return found
    for row, person in zip(found, persons.persons, strict=True):
        for span in person.speaking or ():
            row[round(span.start * RATE) : round(span.end * RATE)] = 1.0
    return found


def _ahead(speaks: Float64) -> Float64:
    """The same, but speech after a pause begins a little earlier."""
    quiet = speaks.max(axis=0, initial=0.0) <= 0
    found = speaks.copy()
    for moments in range(1, round(_AHEAD * RATE) + 1):
        found[:, :-moments] = np.maximum(found[:, :-moments], speaks[:, moments:])
    return np.where(quiet, found, speaks)


def _both(
    first: tuple[Float64, Float64], second: tuple[Float64, Float64]
) -> tuple[Float64, Float64]:
    """Times at which both are seen, and boxes around both with a margin."""
    times, rows, columns = np.intersect1d(first[0], second[0], return_indices=True)
    one, other = first[1][rows], second[1][columns]
    room = _ROOM * (one[:, 3] + other[:, 3])[:, None] / 2
    corner = np.minimum(one[:, :2], other[:, :2]) - room
    end = np.maximum(one[:, :2] + one[:, 2:], other[:, :2] + other[:, 2:]) + room
    return times, np.concatenate([corner, end - corner], axis=1)


def _fitted(persons: Persons, pixel: float, size: tuple[int, int]) -> tuple[int, int]:
    """The size of the whole picture in a clip, width and height both even."""
    across, down = persons.picture.width * pixel, persons.picture.height
    scale = min(size[0] / across, size[1] / down)
    return max(2, 2 * round(across * scale / 2)), max(2, 2 * round(down * scale / 2))


def _stored(
    context: StageContext,
    panes: Sequence[tuple[int, int, Float64, Float64]],
    fitted: Sequence[tuple[int, int]],
) -> str:
    counts = [len(times) for _, _, times, _ in panes]
    arrays = ShotArrays(
        times=np.concatenate([np.zeros(0), *(times for _, _, times, _ in panes)]),
        windows=np.concatenate([np.zeros((0, 4)), *(w for *_, w in panes)]).astype(np.float32),
        offsets=np.cumsum([0, *counts]).astype(np.int64),
        panes=np.array([(clip, shot) for clip, shot, *_ in panes], np.int64).reshape(-1, 2),
        fitted=np.array(fitted, np.int64),
    )
    buffer = io.BytesIO()
    np.savez(buffer, **{one.name: getattr(arrays, one.name) for one in fields(arrays)})
    write_bytes(context.path("shots.npz"), buffer.getvalue())
    return context.sidecar("shots.npz")
