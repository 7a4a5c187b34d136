"""TrackFaces: follow faces from frame to frame through each scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    Artifact,
    DetectionArrays,
    Detections,
    Finding,
    Picture,
    Span,
    Track,
    TrackArrays,
    Tracks,
    read_detections,
    write_arrays,
)
from reelmill.core.arrays import Float32, Int64
from reelmill.core.vectors import unit
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.stages.faces.changed_clothes import changes
from reelmill.stages.faces.left_out import is_small, left_out, still_ones

#: Faces kept of each track for pictures of persons.
BEST = 8
#: The least time between two of those, s.
_BEST_APART = 0.2

#: How far from its expected position a face may appear, in face widths, and how much more for each
#: second of a gap.
_REACH, _REACH_A_SECOND = 1.2, 1.5
#: With seconds between pictures the path between them is unknown; at most this much of it counts,
#: s.
_LONGEST_WAY = 1.0
_LARGEST_RATIO = 1.7
#: From one sample to the next the distance may be larger, because people start and turn suddenly,
#: but the size must hardly change.
_LEAP, _LEAP_RATIO = 3.0, 1.3
#: The share of a measured change of speed that is applied.
_TRUST = 0.6


@dataclass(frozen=True)
class TrackFaces(FileStage):
    """Associates faces by position, size and motion. Tracks end with their scene.

    Args:
        longest_gap: s for which a face may be out of sight and still continue its track.
        shortest: s; a shorter track is dropped as noise, unless its scene is no longer.
        least_score: mean score below which a track is dropped.
        min_face: height, as a share of the picture's, below which a face is left out.
        ignore_still: faces that never move are left out.
    """

    name: ClassVar[str] = "track_faces"
    version: ClassVar[int] = 5
    display_name = "Following faces through scenes"
    commands = ("faces",)
    models = ("detector",)
    needs = (Detections,)
    produces: ClassVar[type[Artifact]] = Tracks

    longest_gap: float = 0.5
    shortest: float = 0.25
    least_score: float = 0.85
    min_face: float = 0.0
    ignore_still: bool = False

    def run(self, context: StageContext, inputs: Inputs) -> Tracks:
        detections = inputs[Detections]
        arrays = read_detections(context.folder, detections)
        scenes = scene_spans(detections)
        linked = [
            part
            for track in link(arrays, scenes, self.longest_gap)
            for part in _one_person_each(track, arrays)
        ]
        kept = [track for track in linked if self._is_face(track, arrays, scenes)]
        wanted, unwanted = self._wanted(kept, arrays, detections.picture)
        tracks, rows = _expanded(wanted, arrays, scenes)
        write_arrays(context.path("tracks.npz"), rows)
        name = context.sidecar("tracks.npz")
        dropped = len(linked) - len(kept)
        return Tracks(name, detections.picture, scenes, tracks, dropped, unwanted)

    def _wanted(
        self, tracks: list[Linked], arrays: DetectionArrays, picture: Picture
    ) -> tuple[list[Linked], list[Finding]]:
        small = [
            track for track in tracks if is_small(track, arrays, picture.height, self.min_face)
        ]
        large = [track for track in tracks if track not in small]
        still = still_ones(large, arrays, picture.duration) if self.ignore_still else set()
        wanted = [track for number, track in enumerate(large) if number not in still]
        return wanted, left_out(len(small), self.min_face, len(still))

    def _is_face(self, track: Linked, arrays: DetectionArrays, scenes: Sequence[Span]) -> bool:
        times = arrays.times[arrays.sampled[np.array(track.samples)]]
        scores = arrays.scores[np.array(track.rows)]
        after = arrays.times[arrays.sampled[track.samples[-1] + 1 :][:1]]
        # A picture is shown until the next one; how long the last one is shown is unknown.
        shown_until = float(after[0]) if len(after) else scenes[-1].end
        enough = min(self.shortest, 0.8 * scenes[track.scene].duration)
        long_enough = shown_until - times[0] >= enough
        return bool(long_enough and scores.mean() >= self.least_score)


@dataclass(eq=False)
class Linked:
    """A track being followed: sample by sample, the row of the detection."""

    scene: int
    samples: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    middle: Float32 = field(default_factory=lambda: np.zeros(2, np.float32))
    speed: Float32 = field(default_factory=lambda: np.zeros(2, np.float32))
    width: float = 1.0
    time: float = 0.0

    def add(self, sample: int, row: int, time: float, box: Float32) -> None:
        middle = box[:2] + box[2:] / 2
        if self.rows and time > self.time:
            speed = ((middle - self.middle) / (time - self.time)).astype(np.float32)
            self.speed = speed if len(self.rows) == 1 else _blend(self.speed, speed)
        self.middle, self.width, self.time = middle.astype(np.float32), float(box[2]), time
        self.samples.append(sample)
        self.rows.append(row)

    def is_gone(self, sample: int, time: float, longest_gap: float) -> bool:
        """Whether the face was out of sight for too long. A picture that stays on screen is no
        absence."""
        return time - self.time > longest_gap and sample > self.samples[-1] + 1

    def expected(self, time: float) -> Float32:
        # the longer it is out of sight, the less its last speed means
        ahead = min(time - self.time, 0.3)
        place: Float32 = self.middle + self.speed * np.float32(ahead)
        return place


def _blend(old: Float32, new: Float32) -> Float32:
    blended: Float32 = (old + np.float32(_TRUST) * (new - old)).astype(np.float32)
    return blended


def scene_spans(detections: Detections) -> list[Span]:
    """The scenes of a video, from its cuts."""
    edges = [0.0, *detections.cuts, detections.picture.duration]
    return [Span(a, b) for a, b in pairwise(edges) if b > a]


def link(arrays: DetectionArrays, scenes: Sequence[Span], longest_gap: float) -> list[Linked]:
    """Link the detections of neighbouring samples into tracks, in order of their first frames."""
    starts = np.array([scene.start for scene in scenes]) - 1e-3
    times = arrays.times[arrays.sampled]
    scene_of = np.maximum(np.searchsorted(starts, times, side="right") - 1, 0)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    finished: list[Linked] = []
    alive: list[Linked] = []
    for sample, (time, scene) in enumerate(zip(times.tolist(), scene_of.tolist(), strict=True)):
        gone = [t for t in alive if t.scene != scene or t.is_gone(sample, time, longest_gap)]
        if gone:
            finished += gone
            alive = [track for track in alive if track not in gone]
        first, last = int(arrays.offsets[sample]), int(arrays.offsets[sample + 1])
        if first == last:
            continue
        boxes = arrays.boxes[first:last]
        taken = _assign(alive, boxes, time, step)
        for row, track in enumerate(taken):
            if track is None:
                track = Linked(scene)  # noqa: PLW2901
                alive.append(track)
            track.add(sample, first + row, time, boxes[row])
    return sorted(finished + alive, key=lambda track: (track.samples[0], track.rows[0]))


def _one_person_each(track: Linked, arrays: DetectionArrays) -> list[Linked]:
    """A track, or its parts if it switched to somebody in other clothes."""
    rows = np.array(track.rows)
    edges = changes(rows, arrays.boxes, arrays.colours, arrays.colours_of)
    return [
        Linked(track.scene, track.samples[start:end], track.rows[start:end])
        for start, end in pairwise([0, *edges, len(rows)])
    ]


def _assign(
    alive: Sequence[Linked], boxes: Float32, time: float, step: float
) -> list[Linked | None]:
    """The track that each box continues, if any; the nearest are matched first. `step`: s between
    samples."""
    taken: list[Linked | None] = [None] * len(boxes)
    if not alive:
        return taken
    expected = np.stack([track.expected(time) for track in alive])
    widths = np.array([track.width for track in alive], np.float32)
    away = np.array([time - track.time for track in alive], np.float32)
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    size = np.sqrt(widths[:, None] * np.maximum(boxes[None, :, 2], 1))
    far = np.linalg.norm(expected[:, None] - middles[None], axis=2) / size
    ratio = np.maximum(widths[:, None], boxes[None, :, 2]) ** 2 / size**2
    way = np.minimum(away, _LONGEST_WAY)
    near = (far < _REACH + _REACH_A_SECOND * way[:, None]) & (ratio < _LARGEST_RATIO)
    leap = (far < _LEAP) & (ratio < _LEAP_RATIO) & (away[:, None] < 1.5 * step)
    cost = np.where(near | leap, far + ratio - 1 + away[:, None], 9e9)
    while cost.min() < 9e9:
        track, row = np.unravel_index(int(cost.argmin()), cost.shape)
        taken[int(row)] = alive[int(track)]
        cost[track, :] = cost[:, row] = 9e9
    return taken


def _expanded(
    linked: Sequence[Linked], arrays: DetectionArrays, scenes: Sequence[Span]
) -> tuple[list[Track], TrackArrays]:
    """Give tracks a box for every frame from their first to their last."""
    tracks, parts, colours, best, vectors = [], [], [], [], []
    first = 0
    for number, track in enumerate(linked):
        frames, boxes, scores = _every_frame(track, arrays)
        times = arrays.times[frames]
        span = scenes[track.scene]
        rows = np.array(track.rows)
        samples = track.samples[-1] - track.samples[0] + 1
        tracks.append(
            Track(
                id=number,
                start=float(times[0]),
                end=min(_shown_until(frames[-1], arrays, scenes), max(span.end, float(times[-1]))),
                scene=track.scene,
                score=round(float(arrays.scores[rows].mean()), 4),
                seen=round(len(rows) / samples, 4),
                first=first,
                frames=len(frames),
            )
        )
        chosen = _best_rows(rows, times_of(track, arrays), arrays)
        best.append(_padded(first + np.searchsorted(frames, _frames_of(track, arrays, chosen))))
        vectors.append(_vectors_of(rows, arrays))
        colours.append(_mean_colours(rows, arrays))
        parts.append((times, frames, boxes, scores))
        first += len(frames)
    return tracks, _track_arrays(parts, colours, best, vectors, arrays)


def _shown_until(frame: int, arrays: DetectionArrays, scenes: Sequence[Span]) -> float:
    """When each picture is replaced by the next; for the last, the end of the video."""
    return float(arrays.times[frame + 1]) if frame + 1 < len(arrays.times) else scenes[-1].end


def _track_arrays(
    parts: Sequence[tuple[npt.NDArray[np.float64], Int64, Float32, Float32]],
    colours: Sequence[Float32],
    best: Sequence[Int64],
    vectors: Sequence[Float32],
    arrays: DetectionArrays,
) -> TrackArrays:
    def column(at: int, empty: tuple[int, ...]) -> npt.NDArray[np.float64]:
        return np.concatenate([part[at] for part in parts]) if parts else np.zeros(empty)

    return TrackArrays(
        times=column(0, (0,)),
        frames=column(1, (0,)).astype(np.int32),
        boxes=column(2, (0, 4)).astype(np.float32),
        scores=column(3, (0,)).astype(np.float32),
        colours=np.array(colours, np.float32).reshape(-1, arrays.colours.shape[1]),
        best=np.array(best, np.int64).reshape(-1, BEST),
        vectors=unit(
            np.array([one.sum(axis=0) for one in vectors], np.float32).reshape(
                -1, arrays.vectors.shape[1]
            )
        ),
        seen=np.array([len(one) for one in vectors], np.int32),
    )


def times_of(track: Linked, arrays: DetectionArrays) -> npt.NDArray[np.float64]:
    """The times of a track's samples, s."""
    times: npt.NDArray[np.float64] = arrays.times[arrays.sampled[np.array(track.samples)]]
    return times


def _every_frame(track: Linked, arrays: DetectionArrays) -> tuple[Int64, Float32, Float32]:
    """The indices of the frames that a track spans, its box in each, and the score where it was
    detected."""
    samples, rows = np.array(track.samples), np.array(track.rows)
    known = arrays.sampled[samples].astype(np.int64)
    frames = np.arange(known[0], known[-1] + 1)
    times, seen = arrays.times[frames], arrays.times[known]
    boxes = np.stack(
        [np.interp(times, seen, arrays.boxes[rows, side]) for side in range(4)], axis=1
    )
    scores = np.zeros(len(frames), np.float32)
    scores[known - known[0]] = arrays.scores[rows]
    return frames, boxes.astype(np.float32), scores


def _best_rows(rows: Int64, times: npt.NDArray[np.float64], arrays: DetectionArrays) -> list[int]:
    """Indices in `rows` of the largest, surest and most frontal faces, some time apart."""
    boxes, points = arrays.boxes[rows], arrays.landmarks[rows]
    eyes, nose = points[:, :2, 0].mean(axis=1), points[:, 2, 0]
    aside = np.abs(nose - eyes) / np.maximum(boxes[:, 2], 1)
    worth = arrays.scores[rows] ** 4 * np.sqrt(boxes[:, 2] * boxes[:, 3]) * (1 - aside)
    chosen: list[int] = []
    for place in np.argsort(-worth).tolist():
        if all(abs(times[place] - times[other]) >= _BEST_APART for other in chosen):
            chosen.append(place)
            if len(chosen) == BEST:
                break
    return chosen


def _frames_of(track: Linked, arrays: DetectionArrays, places: Sequence[int]) -> Int64:
    samples = np.array(track.samples)[list(places)]
    frames: Int64 = arrays.sampled[samples].astype(np.int64)
    return frames


def _padded(rows: Int64) -> Int64:
    return np.concatenate([rows, np.full(BEST - len(rows), -1)])


def _vectors_of(rows: Int64, arrays: DetectionArrays) -> Float32:
    """How the network saw the faces of a track, (k, d)."""
    of = arrays.vectors_of
    if not len(of):
        return arrays.vectors
    places = np.minimum(np.searchsorted(of, rows), len(of) - 1)
    seen: Float32 = arrays.vectors[places[of[places] == rows]]
    return seen


def _mean_colours(rows: Int64, arrays: DetectionArrays) -> Float32:
    places = np.searchsorted(arrays.colours_of, rows)
    places = np.minimum(places, max(0, len(arrays.colours_of) - 1))
    if len(arrays.colours_of):
        places = places[arrays.colours_of[places] == rows]
    if not len(arrays.colours_of) or not len(places):
        return np.zeros(arrays.colours.shape[1], np.float32)
    mean: Float32 = np.median(arrays.colours[places], axis=0)
    return (mean / max(float(mean.sum()), 1e-9)).astype(np.float32)
