"""Each moment of a face is shown to the network with the sound of that moment.

# proves: F8
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import (
    Audio,
    Detections,
    SpeakingArrays,
    SpeakingPersons,
    Track,
    TrackArrays,
    Tracks,
    VideoIndex,
    read_speaking,
    write_arrays,
)
from reelmill.engine.stage import Device, Inputs, ModelSpec
from reelmill.media.probe import probe
from reelmill.media.video.index import index_video
from reelmill.models.faces.detector import DetectorSpec, Faces, no_faces
from reelmill.stages.faces.chunks import FrameChunk
from reelmill.stages.faces.detect import DetectFaces
from reelmill.stages.faces.mouths import KeptMouths, is_moment, mouths_of
from reelmill.stages.faces.speaking import DetectSpeaking, _said, speaking_spans
from reelmill.stages.media.decode import Decode
from reelmill.testing import context_of, items_of
from synthetic.movie import SoundTrack, write_movie
from tests.stages.faces.people import persons_of, recording_of

SECONDS, SIDE = 8, 96
#: When there is a tone, and when each of two faces is bright, s.
TONE, LEFT, RIGHT = (2.0, 4.0), (2.0, 4.0), (5.0, 6.0)


@dataclass(frozen=True)
class BrightSpec(ModelSpec):
    """Whose face is bright speaks."""

    @property
    def name(self) -> str:
        return "bright"

    @property
    def identity(self) -> str:
        return "bright-1"

    def load(self, device: Device, threads: int) -> Bright:
        return Bright()


class Bright:
    def speaking(self, windows) -> list[np.ndarray]:
        return [(f.mean(axis=(1, 2)) / 255).astype(np.float32) for _, f in windows]


STAGE = DetectSpeaking(BrightSpec())
_FEATURES = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])


def film(path: Path, rate: int, *, sound: bool = True) -> None:
    times = np.arange(SECONDS * rate) / rate
    pictures = np.full((len(times), 240, 320, 3), 60, np.uint8)
    for frame, time in zip(pictures, times, strict=True):
        for x, (start, end) in ((20, LEFT), (200, RIGHT)):
            light = 235 if start <= time < end else 20
            frame[60 : 60 + SIDE + 40, x : x + SIDE] = light
    t = np.arange(SECONDS * 48_000) / 48_000
    tone = 0.5 * np.sin(2 * np.pi * 300 * t) * ((t >= TONE[0]) & (t < TONE[1]))
    track = SoundTrack(tone.astype(np.float32), 48_000) if sound else None
    write_movie(path, iter(pictures), Fraction(rate), track)


def followed(folder: Path, rate: int) -> tuple[Tracks, object]:
    """Two faces, each a track from beginning to end, and the persons they are."""
    count = SECONDS * rate
    times, frames = np.arange(count) / rate, np.arange(count, dtype=np.int32)
    boxes = np.concatenate([np.tile([x, 60.0, SIDE, SIDE], (count, 1)) for x in (20, 200)])
    arrays = TrackArrays(
        times=np.tile(times, 2),
        frames=np.tile(frames, 2),
        boxes=boxes.astype(np.float32),
        scores=np.ones(2 * count, np.float32),
        colours=np.zeros((2, 8), np.float32),
        best=np.zeros((2, 5), np.int64),
        vectors=np.zeros((2, 1), np.float32),
        seen=np.zeros(2, np.int32),
    )
    write_arrays(folder / "tracks.npz", arrays)
    seen = {
        label: dict.fromkeys(range(count), (x + 48.0, 108.0))
        for label, x in (("A", 20), ("B", 200))
    }
    persons = persons_of(folder, times, seen, size=(320, 240))
    tracks = [
        Track(number, 0.0, float(SECONDS), 0, 1.0, 1.0, number * count, count) for number in (0, 1)
    ]
    return Tracks("tracks.npz", persons.picture, [], tracks, 0), persons


def made(tmp_path: Path, rate: int, **settings) -> tuple:
    film(tmp_path / "talk.mp4", rate, **settings)
    recording = recording_of(tmp_path / "talk.mp4", tmp_path / "made")
    tracks, persons = followed(recording.folder, rate)
    media, index = probe(recording.path), index_video(recording.path)
    decode = Decode(required=False)
    audio = decode.run(context_of(recording, decode), Inputs([media]))
    faces = found(recording, Inputs([media, index]), Placed())
    return recording, Inputs([media, index, audio, faces, tracks, persons])


@dataclass(frozen=True)
class PlacedSpec(DetectorSpec):
    """Two faces are always where they are."""

    @property
    def name(self) -> str:
        return "placed"

    @property
    def identity(self) -> str:
        return "placed-1"

    @property
    def sure(self) -> float:
        return 0.5

    def load(self, device: Device, threads: int) -> Placed:
        return Placed()


class Placed:
    def look(self, frames) -> list[Faces]:
        boxes = np.array([[x, 60, x + SIDE, 60 + SIDE] for x in (20, 200)], np.float32)
        points = (boxes[:, None, :2] + _FEATURES * SIDE).astype(np.float32)
        return [Faces(boxes, np.ones(2, np.float32), points) for _ in frames]


def found(recording, inputs: Inputs, detector: Placed) -> Detections:
    stage = DetectFaces(PlacedSpec(), mouths=True)
    items = items_of(stage, recording, inputs)
    outputs = [one for item in items for one in stage.infer(detector, [item])]
    return stage.merge(context_of(recording, stage), inputs, iter(outputs))


def run(recording, inputs) -> SpeakingPersons:
    items = items_of(STAGE, recording, inputs)
    outputs = [one for item in items for one in STAGE.infer(Bright(), [item])]
    return STAGE.merge(context_of(recording, STAGE), inputs, iter(outputs))


@pytest.mark.parametrize("rate", [10, 25, 50])
def test_faces_and_sound_of_a_moment_match(tmp_path: Path, rate: int) -> None:
    recording, inputs = made(tmp_path, rate)
    moments = {0: np.zeros(25 * SECONDS), 1: np.zeros(25 * SECONDS)}
    heard = np.zeros(25 * SECONDS)
    for item in items_of(STAGE, recording, inputs):
        assert len(item.sound) == 4 * len(item.faces) <= 600
        rows = slice(item.first, item.first + len(item.faces))
        moments[item.track][rows] = item.faces.mean(axis=(1, 2)) > 128
        heard[rows] = item.sound[:, 0].reshape(-1, 4).mean(axis=1) > 10
    for bright, (start, end) in ((moments[0], LEFT), (moments[1], RIGHT), (heard, TONE)):
        inside = np.flatnonzero(bright)
        assert inside[0] / 25 == pytest.approx(start, abs=0.5 / rate + 0.041)
        assert (inside[-1] + 1) / 25 == pytest.approx(end, abs=0.5 / rate + 0.041)
        assert len(inside) == inside[-1] - inside[0] + 1


def test_each_person_speaks_while_the_face_does(tmp_path: Path) -> None:
    recording, inputs = made(tmp_path, 25)
    found = run(recording, inputs)
    for person, (start, end) in zip(found.persons, (LEFT, RIGHT), strict=True):
        (span,) = person.speaking
        assert (span.start, span.end) == pytest.approx((start, end), abs=0.13)
    assert found.speaking_by == "bright"
    activity = read_speaking(recording.folder, found)
    assert np.diff(activity.offsets).tolist() == [200, 200]
    assert activity.first.tolist() == [0, 0]


def test_in_a_video_without_sound_nobody_speaks_and_a_note_says_so(tmp_path: Path) -> None:
    recording, inputs = made(tmp_path, 10, sound=False)
    assert STAGE.parts(context_of(recording, STAGE), inputs) == []
    found = run(recording, inputs)
    assert [person.speaking for person in found.persons] == [[], []]
    assert "no sound" in found.notes[-1]


def test_a_video_without_persons_is_processed(tmp_path: Path) -> None:
    recording, inputs = made(tmp_path, 10)
    nobody = Inputs([inputs[VideoIndex], inputs[Audio], replace(inputs[Tracks], tracks=[])])
    assert STAGE.parts(context_of(recording, STAGE), nobody) == []


def test_short_pauses_are_bridged_and_short_sounds_left_out() -> None:
    moments = [*range(10, 30), *range(35, 50), *range(100, 103), *range(200, 210)]
    spans = [(span.start, span.end) for span in speaking_spans(moments)]
    assert spans == [(0.4, 2.0), (8.0, 8.4)]


def test_of_two_moving_faces_the_much_surer_one_speaks() -> None:
    listens, speaks, also = (np.full(10, p, np.float32) for p in (0.6, 0.99, 0.97))
    parts = [listens, speaks, also]
    activity = SpeakingArrays(
        np.array([0, 10, 20, 30]), np.array([5, 5, 40]), np.concatenate(parts)
    )
    said = _said(activity)
    assert [len(one) for one in said] == [0, 10, 10]
    both = SpeakingArrays(np.array([0, 10, 20, 30]), np.array([30, 5, 5]), np.concatenate(parts))
    assert [len(one) for one in _said(both)] == [10, 10, 10], "two at once, and one alone later"


def test_the_video_is_not_opened_again(tmp_path: Path) -> None:
    recording, inputs = made(tmp_path, 25)
    recording.path.unlink()
    assert [len(one.speaking) for one in run(recording, inputs).persons] == [1, 1]


def test_what_is_kept_shows_the_box_as_the_video_does(tmp_path: Path) -> None:
    recording, inputs = made(tmp_path, 25)
    kept = KeptMouths.open(recording.folder, inputs[Detections])
    box = np.array([25.5, 90.2, 105.5, 170.2], np.float32)
    for number, wanted in ((0, 20), (60, 235), (199, 20)):
        square = kept.square(number, box, 112)
        assert square is not None and square.shape == (112, 112)
        assert abs(float(np.median(square)) - wanted) < 4
    assert kept.square(60, box + 150, 112) is None, "no face is there"


def test_pictures_of_a_moving_face_reach_farther_than_what_is_asked_for() -> None:
    chunk = FrameChunk(
        frames=tuple(np.full((90, 160, 3), 50 + 10 * k, np.uint8) for k in range(3)),
        times=np.arange(5) / 25,
        sampled=np.array([0, 2, 4]),
        cuts=np.zeros(0, np.int64),
        glances=(np.zeros((1, 1), np.float32),) * 2,
        lost=0,
        between=(np.full((90, 160), 55, np.uint8), np.full((90, 160), 65, np.uint8)),
        between_of=(1, 3),
    )
    boxes = [np.array([[x, 20, x + 30, 50]], np.float32) for x in (40, 48)]
    faces = [Faces(box, np.ones(1, np.float32), np.zeros((1, 5, 2), np.float32)) for box in boxes]
    mouths = mouths_of(chunk, [*faces, no_faces()])
    assert mouths.frames.tolist() == [0, 1, 2, 3, 4], "it stays for a while after it was lost"
    middles = mouths.regions[:, [0, 2]].mean(axis=1)
    assert middles == pytest.approx([55.5, 59.5, 63.5, 63.5, 63.5], abs=1)
    assert (mouths.regions[:, 2] - mouths.regions[:, 0] >= 1.4 * 0.7 * 30).all()
    assert mouths.ends[-1] == len(mouths.data)


@pytest.mark.parametrize(("rate", "kept"), [(10, 10), (25, 25), (50, 25), (60, 25)])
def test_of_many_frames_those_nearest_to_a_moment_are_kept(rate: int, kept: int) -> None:
    frames = [k / rate for k in range(10 * rate) if is_moment(k / rate, rate)]
    assert len(frames) == pytest.approx(10 * kept, rel=0.25)
    moments = np.arange(10 * 25) / 25
    away = np.abs(moments[:, None] - np.array(frames)[None]).min(axis=1)
    assert (away[: -25 // rate - 1] <= 0.5 / rate + 1e-6).all()
