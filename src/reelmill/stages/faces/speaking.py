"""DetectSpeaking: find whose face is speaking, by the mouth and the sound, every 40 ms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    Audio,
    Media,
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
from reelmill.media.video.frames import (
    Reducer,
    Stretch,
    choose_track,
    reduced_size,
    shown_size,
    stretches,
    upright_size,
)
from reelmill.media.video.reader import open_pictures
from reelmill.models.faces.boxes import crops
from reelmill.models.faces.lr_asd import RATE, SAMPLE_RATE, cepstra
from reelmill.models.faces.lr_asd_convert import SIDE, SOUND_FRAMES

if TYPE_CHECKING:
    from reelmill.media.video.crop import Frame


#: The least number of seconds of video whose faces one process cuts out.
_PART_SECONDS = 30.0
#: Faces are cut from pictures whose shorter side is reduced to this many pixels.
_SHORT_SIDE = 720
#: Moments in a window of the network, and from the beginning of one window to the next.
_WINDOW, _HOP = 150, 125
#: In halves of a face's longer side: how far the middle of the crop is below the middle of the
#: face, and half the side of the crop (the network was trained on the lower face).
_BELOW, _HALF = 0.4, 0.7
#: Boxes are medians over so many moments, probabilities means over so many.
_STEADY, _SMOOTH = 13, 5
#: A face speaks if that is more likely than not, unless another in the picture is this much more
#: likely (difference of logits): of two faces that move, one may only be listening.
_SURE, _MUCH_SURER = 0.5, 2.0
#: Pauses and speech shorter than these, in s, are ignored.
_LONGEST_PAUSE, _SHORTEST = 0.3, 0.2
_SAME_FRAME = 1e-3
#: Pixels around a crop that interpolation at its edge may take.
_BESIDE = 2.0


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

    Args:
        track: as in `DetectFaces`.
    """

    name: ClassVar[str] = "detect_speaking"
    version: ClassVar[int] = 3
    display_name = "Finding who is speaking"
    commands = ("faces",)
    models = ("active_speaker",)
    enabled_by = ("active_speaker", "lr-asd")
    needs = (Media, VideoIndex, Audio, Tracks, Persons)
    produces = SpeakingPersons

    model: ModelSpec
    track: int | None = None

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
        for moments in self._filled(context, inputs, part, seen):
            yield from _windows(moments, heard)

    def _filled(
        self, context: StageContext, inputs: Inputs, part: Stretch, seen: list[_Moments]
    ) -> Iterator[_Moments]:
        """Yield each track's moments of the part as soon as all their faces are cut out."""
        track = choose_track(context.recording.path, inputs[Media], self.track)
        upright = upright_size(track)
        size = reduced_size(*shown_size(track), _SHORT_SIDE)
        scale = np.array([size[0] / upright[0], size[1] / upright[1]] * 2, np.float32)
        reducer = Reducer(size, track.rotation)
        waiting = list(seen)
        with open_pictures(context.recording, draft=True, index=inputs[VideoIndex]) as opened:
            for time, frame in opened.between(*part):
                picture = _Shown(frame, reducer)
                for moments in waiting:
                    moments.take(time, picture, scale)
                done = [moments for moments in waiting if moments.whole]
                waiting = [moments for moments in waiting if not moments.whole]
                yield from done
                if not waiting:
                    return
        yield from waiting  # faces that could not be decoded again stay grey

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


@dataclass
class _Moments:
    """A track's moments in a part: their numbers (n,), the time of the frame that shows each, the
    picture's box in it (n, 4), and the faces (n, 112, 112) cut out so far."""

    track: int
    ticks: Int64
    times: npt.NDArray[np.float64]
    boxes: Float32
    faces: UInt8
    at: int = field(default=0)

    @property
    def whole(self) -> bool:
        return self.at == len(self.ticks)

    def take(self, time: float, picture: _Shown, scale: Float32) -> None:
        """Cut out the faces that the frame of `time` shows."""
        self.at = max(self.at, int(np.searchsorted(self.times, time - _SAME_FRAME)))
        until = int(np.searchsorted(self.times, time + _SAME_FRAME, "right"))
        if until <= self.at:
            return
        cut = picture.cut(self.boxes[self.at : self.at + 1] * scale)
        self.faces[self.at : until] = np.round(cut @ np.array([0.299, 0.587, 0.114], np.float32))
        self.at = until


@dataclass
class _Shown:
    """A frame from which faces are cut; where that is possible, without converting all of it."""

    frame: Frame
    reducer: Reducer
    _whole: UInt8 | None = None

    def cut(self, box: Float32) -> UInt8:
        """The square (SIDE, SIDE, 3) of a box (1, 4) in pixels of the reduced frame."""
        corner = (0, 0)
        if self.reducer.keeps(self.frame):
            left, top, right, bottom = box[0].tolist()
            around = (left - _BESIDE, top - _BESIDE, right + _BESIDE, bottom + _BESIDE)
            picture, corner = self.reducer.part(self.frame, *around)
        else:
            if self._whole is None:
                self._whole = self.reducer.reduced(self.frame)
            picture = self._whole
        inside = box - np.array([*corner, *corner], np.float32)
        (square,) = crops([picture], np.zeros(1, np.int64), inside, SIDE)
        return np.asarray(square)


def _moments(arrays: TrackArrays, number: int, first: int, count: int, part: Stretch) -> _Moments:
    """The moments of a track that a part shows, from row `first` on."""
    rows = slice(first, first + count)
    times, boxes = arrays.times[rows], arrays.boxes[rows]
    inside = np.flatnonzero((times >= part[0] - _SAME_FRAME) & (times < part[1] - _SAME_FRAME))
    if not len(inside):
        return _Moments(number, np.zeros(0, np.int64), times[:0], boxes[:0], _grey(0))
    times, boxes = times[inside], boxes[inside]
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    half = max(step, 1 / RATE) / 2  # a frame shows the moments up to halfway to the next
    ticks = np.arange(np.ceil((times[0] - half) * RATE), np.ceil((times[-1] + half) * RATE))
    ticks = ticks[ticks >= 0].astype(np.int64)
    right = np.clip(np.searchsorted(times, ticks / RATE), 1, max(1, len(times) - 1))
    right = np.minimum(right, len(times) - 1)
    left = np.maximum(right - 1, 0)
    nearer = np.abs(times[left] - ticks / RATE) <= np.abs(times[right] - ticks / RATE)
    nearest = np.where(nearer, left, right)
    return _Moments(number, ticks, times[nearest], _mouth_boxes(boxes[nearest]), _grey(len(ticks)))


def _grey(count: int) -> UInt8:
    return np.full((count, SIDE, SIDE), 110, np.uint8)


def _mouth_boxes(boxes: Float32) -> Float32:
    """Smoothed boxes (left, top, right, bottom) of the lower faces for boxes (x, y, width,
    height)."""
    half = boxes[:, 2:].max(axis=1) / 2
    middles = boxes[:, :2] + boxes[:, 2:] / 2
    steady = np.stack([_median(values) for values in (*middles.T, half)], axis=1)
    x, y, half = steady.T
    y = y + _BELOW * half
    side = _HALF * half
    return np.stack([x - side, y - side, x + side, y + side], axis=1).astype(np.float32)


def _median(values: Float32) -> Float32:
    """Running medians; the first and last value continue beyond the ends."""
    padded = np.pad(values, _STEADY // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _STEADY)
    return np.asarray(np.median(windows, axis=1), np.float32)


def _windows(moments: _Moments, heard: npt.NDArray[np.int16]) -> Iterator[SpeakingWindow]:
    """Windows that overlap."""
    count = len(moments.ticks)
    for start in range(0, max(1, count - (_WINDOW - _HOP)), _HOP):
        faces = moments.faces[start : start + _WINDOW]
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
