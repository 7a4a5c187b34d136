"""DetectSpeaking: find whose face is speaking, by the mouth and the sound, every 40 ms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    Audio,
    Detections,
    Person,
    Persons,
    Span,
    SpeakingArrays,
    SpeakingPersons,
    TrackArrays,
    Tracks,
    VideoIndex,
    read_tracks,
    write_arrays,
)
from reelmill.core.arrays import Float32, Int64, UInt8
from reelmill.core.vectors import distinct
from reelmill.engine.stage import Inputs, ModelSpec, ModelStage, StageContext
from reelmill.media.audio.samples import open_samples
from reelmill.media.video.frames import Stretch, stretches
from reelmill.models.faces.lr_asd import RATE, SAMPLE_RATE, cepstra
from reelmill.models.faces.lr_asd_convert import SIDE, SOUND_FRAMES
from reelmill.stages.faces.mouths import BELOW, HALF, KeptMouths

#: The least number of seconds of video whose faces one process cuts out.
_PART_SECONDS = 30.0
#: Moments in a window of the network, and from the beginning of one window to the next.
_WINDOW, _HOP = 150, 125
#: The brightness of a face of which there is no picture.
_NO_FACE = 110
#: Boxes are medians over so many moments, probabilities means over so many.
_STEADY, _SMOOTH = 13, 5
#: A face speaks if that is more likely than not, unless another in the picture is this much more
#: likely (difference of logits): of two faces that move, one may only be listening.
_SURE, _MUCH_SURER = 0.5, 2.0
#: Pauses and speech shorter than these, in s, are ignored.
_LONGEST_PAUSE, _SHORTEST = 0.3, 0.2
_SAME_FRAME = 1e-3


@dataclass(frozen=True)
class SpeakingWindow:
    """Moments `first` up to `first + t` of a track: `sound` (4 t, 13) and `faces` (t, 112, 112).
    The cost is the number of moments."""

    sound: Float32
    faces: UInt8
    track: int
    first: int

    @property
    def cost(self) -> float:
        return float(len(self.faces))


@dataclass(frozen=True)
class WindowActivity:
    """The probability that the face speaks, (t,)."""

    probabilities: Float32
    track: int
    first: int


@dataclass(frozen=True)
class DetectSpeaking(ModelStage[SpeakingWindow, WindowActivity]):
    """Finds when each person is seen to speak; nobody, where sound is missing or unreadable.

    The faces come from the pictures that `DetectFaces` kept with `mouths`.
    """

    name: ClassVar[str] = "detect_speaking"
    version: ClassVar[int] = 4
    display_name = "Finding who is speaking"
    commands = ("faces",)
    models = ("active_speaker",)
    enabled_by = ("active_speaker", "lr-asd")
    needs = (VideoIndex, Audio, Detections, Tracks, Persons)
    produces = SpeakingPersons

    model: ModelSpec

    def parts(self, context: StageContext, inputs: Inputs) -> Sequence[Stretch]:
        tracks = inputs[Tracks]
        if not inputs[Audio].samples or not tracks.tracks:
            return []
        parts = stretches(inputs[VideoIndex], _PART_SECONDS)
        return [p for p in parts if any(t.start < p[1] and t.end > p[0] for t in tracks.tracks)]

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[SpeakingWindow]:
        arrays = read_tracks(context.folder, inputs[Tracks])
        part: Stretch = context.part
        seen = [
            moments
            for one in inputs[Tracks].tracks
            if len((moments := _moments(arrays, one.id, one.first, one.frames, part)).ticks)
        ]
        if not seen:
            return
        heard = open_samples(context.folder, inputs[Audio])
        kept = KeptMouths.open(context.folder, inputs[Detections])
        for moments in seen:
            yield from _windows(moments, moments.faces(kept), heard)

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Any, batch: Sequence[SpeakingWindow]) -> list[WindowActivity]:
        found = model.speaking([(item.sound, item.faces) for item in batch])
        return [
            WindowActivity(probabilities, item.track, item.first)
            for probabilities, item in zip(found, batch, strict=True)
        ]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[WindowActivity]
    ) -> SpeakingPersons:
        persons, tracks = inputs[Persons], inputs[Tracks]
        activity = _joined(list(outputs), len(tracks.tracks))
        write_arrays(context.path("activity.npz"), activity)
        notes = persons.notes
        if not inputs[Audio].samples:
            notes = [
                *notes,
                "the video has no sound that can be read, so nobody is marked as speaking",
            ]
        kept = {one.name: getattr(persons, one.name) for one in fields(Persons)}
        said = _said(activity)
        kept["persons"] = [speaking(person, said) for person in persons.persons]
        kept["notes"] = notes
        return SpeakingPersons(
            **kept, activity=context.sidecar("activity.npz"), speaking_by=self.model.name
        )


@dataclass(frozen=True)
class _Moments:
    """A track's moments in a part: their numbers (n,), the frame of the video that is nearest to
    each, and the picture's box in it (n, 4)."""

    track: int
    ticks: Int64
    frames: Int64
    boxes: Float32

    def faces(self, kept: KeptMouths) -> UInt8:
        """(n, SIDE, SIDE); a face of which there is no picture is grey."""
        faces = np.full((len(self.ticks), SIDE, SIDE), _NO_FACE, np.uint8)
        shown: tuple[int, UInt8 | None] = (-1, None)
        for row, (frame, box) in enumerate(zip(self.frames.tolist(), self.boxes, strict=True)):
            if frame != shown[0]:  # several moments may show the same frame
                shown = frame, kept.square(frame, box, SIDE)
            if shown[1] is not None:
                faces[row] = shown[1]
        return faces


def _moments(arrays: TrackArrays, number: int, first: int, count: int, part: Stretch) -> _Moments:
    """The moments of a track that a part shows, from row `first` on."""
    rows = slice(first, first + count)
    times, boxes, frames = arrays.times[rows], arrays.boxes[rows], arrays.frames[rows]
    inside = np.flatnonzero((times >= part[0] - _SAME_FRAME) & (times < part[1] - _SAME_FRAME))
    if not len(inside):
        return _Moments(number, np.zeros(0, np.int64), frames[:0].astype(np.int64), boxes[:0])
    times, boxes, frames = times[inside], boxes[inside], frames[inside]
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    half = max(step, 1 / RATE) / 2  # a frame shows the moments up to halfway to the next
    ticks = np.arange(np.ceil((times[0] - half) * RATE), np.ceil((times[-1] + half) * RATE))
    ticks = ticks[ticks >= 0].astype(np.int64)
    right = np.clip(np.searchsorted(times, ticks / RATE), 1, max(1, len(times) - 1))
    right = np.minimum(right, len(times) - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.abs(times[left] - ticks / RATE) <= np.abs(times[right] - ticks / RATE)
    nearest = np.where(nearer, left, right)
    return _Moments(number, ticks, frames[nearest].astype(np.int64), _mouth_boxes(boxes[nearest]))


def _mouth_boxes(boxes: Float32) -> Float32:
    """Smoothed boxes (left, top, right, bottom) of the lower faces for boxes (x, y, width,
    height)."""
    half = boxes[:, 2:].max(axis=1) / 2
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    steady = np.stack([_median(values) for values in (*middles.T, half)], axis=1)
    x, y, half = steady.T
    y = y + BELOW * half
    side = HALF * half
    return np.stack([x - side, y - side, x + side, y + side], axis=1).astype(np.float32)


def _median(values: Float32) -> Float32:
    """Running medians; the first and last value continue beyond the ends."""
    padded = np.pad(values, _STEADY // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _STEADY)
    return np.asarray(np.median(windows, axis=1), np.float32)


def _windows(
    moments: _Moments, shown: UInt8, heard: npt.NDArray[np.int16]
) -> Iterator[SpeakingWindow]:
    """Windows that overlap; `shown` are the faces of the moments."""
    count = len(moments.ticks)
    for start in range(0, max(1, count - (_WINDOW - _HOP)), _HOP):
        faces = shown[start : start + _WINDOW]
        first = int(moments.ticks[start])
        step = SAMPLE_RATE // RATE
        samples = heard[first * step : (first + len(faces) + 1) * step].astype(np.float32)
        sound = cepstra(samples, SOUND_FRAMES * len(faces))
        yield SpeakingWindow(sound, faces, moments.track, first)


def _joined(found: Sequence[WindowActivity], tracks: int) -> SpeakingArrays:
    """Take means where windows overlap, then over neighbouring moments."""
    firsts, parts = np.zeros(tracks, np.int64), []
    of_track: dict[int, list[WindowActivity]] = {}
    for one in found:
        of_track.setdefault(one.track, []).append(one)
    for track in range(tracks):
        windows = of_track.get(track, [])
        first = min((one.first for one in windows), default=0)
        end = max((one.first + len(one.probabilities) for one in windows), default=0)
        sums, counts = np.zeros(end - first, np.float32), np.zeros(end - first, np.float32)
        for one in windows:
            rows = slice(one.first - first, one.first - first + len(one.probabilities))
            sums[rows] += one.probabilities
            counts[rows] += 1
        firsts[track] = first
        parts.append(_smoothed((sums / np.maximum(counts, 1)).astype(np.float32)))
    offsets = np.cumsum([0, *(len(part) for part in parts)])
    whole = np.concatenate([np.zeros(0, np.float32), *parts])
    return SpeakingArrays(offsets, firsts, whole.astype(np.float32))


def _smoothed(values: Float32) -> Float32:
    if not len(values):
        return values
    padded = np.pad(values, _SMOOTH // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _SMOOTH)
    return np.asarray(windows.mean(axis=1), np.float32)


def _said(activity: SpeakingArrays) -> list[Int64]:
    """The moments in which each track's face speaks."""
    counts = np.diff(activity.offsets)
    tracks = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(tracks)) - np.repeat(activity.offsets[:-1], counts)
    moments = activity.first[tracks] + within
    likely = np.clip(activity.probabilities.astype(np.float64), 1e-4, 1 - 1e-4)
    logits = np.log(likely / (1 - likely))
    surest = np.full(int(moments.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(surest, moments, logits)
    speaks = (likely >= _SURE) & (logits >= surest[moments] - _MUCH_SURER)
    return [moments[(tracks == track) & speaks] for track in range(len(counts))]


def speaking(person: Person, said: Sequence[Int64]) -> Person:
    """A person with the times at which one of its faces speaks."""
    own = [said[track] for interval in person.intervals for track in interval.tracks]
    moments = distinct(np.concatenate([np.zeros(0, np.int64), *own]))
    return replace(person, speaking=speaking_spans(moments.tolist()))


def speaking_spans(moments: Sequence[int]) -> list[Span]:
    """The spans of moments, with short pauses bridged and short spans left out."""
    runs: list[list[int]] = []
    for moment in moments:
        if runs and moment - runs[-1][1] - 1 <= _LONGEST_PAUSE * RATE:
            runs[-1][1] = moment
        else:
            runs.append([moment, moment])
    spans = [(first / RATE, (last + 1) / RATE) for first, last in runs]
    return [Span(start, end) for start, end in spans if end - start >= _SHORTEST - 1e-9]
