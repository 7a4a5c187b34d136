"""From a video file to persons, through the stages as the engine calls them.

# proves: F1 F3 F5
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import (
    Detections,
    Persons,
    Picture,
    Tracks,
    read_detections,
    read_persons,
)
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Device, Inputs
from reelmill.errors import InputError
from reelmill.media.probe import probe
from reelmill.media.video.index import index_video
from reelmill.models.faces.boxes import overlaps
from reelmill.models.faces.mtcnn import MtcnnSpec
from reelmill.stages.clips.plan import PlanClips
from reelmill.stages.faces import chunks as face_chunks
from reelmill.stages.faces.chunks import CHUNK
from reelmill.stages.faces.detect import DetectFaces
from reelmill.stages.faces.identify_appearance import IdentifyByAppearance
from reelmill.stages.faces.track import TrackFaces
from reelmill.testing import context_of, items_of
from synthetic.staged import pictures, swaying, tiles, write
from synthetic.videos import CLEAR_SHARE, Script, Truth, make_video
from tests.media.films import film, turn

SPEC = MtcnnSpec()


@dataclass
class Found:
    recording: Recording
    detections: Detections
    tracks: Tracks
    persons: Persons


def recording(path: Path) -> Recording:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Recording(path, path.stem, path.parent, FileState(digest, "", 0, 0))


def detected(path: Path, model) -> tuple[Recording, Detections]:
    stage, source = DetectFaces(SPEC), recording(path)
    inputs = Inputs([probe(path), index_video(path)])
    outputs = []
    for item in items_of(stage, source, inputs):
        outputs += stage.infer(model, [item])
    return source, stage.merge(context_of(source), inputs, iter(outputs))


@pytest.fixture(scope="module")
def model():
    return SPEC.load(Device("cpu"), 1)


@pytest.fixture(scope="module")
def truth_and_found(tmp_path_factory, model) -> tuple[Truth, Found]:
    path = tmp_path_factory.mktemp("faces") / "세 사람.mp4"
    script = Script(
        seconds=9, width=640, height=360, persons=3, sizes=(36, 90), shot_seconds=(2, 3), seed=4
    )
    truth = make_video(path, script)
    source, detections = detected(path, model)
    tracks = TrackFaces().run(context_of(source), Inputs([detections]))
    persons = IdentifyByAppearance().run(context_of(source), Inputs([tracks]))
    return truth, Found(source, detections, tracks, persons)


def rows_by_frame(found: Found) -> dict[int, list[tuple[int, np.ndarray]]]:
    arrays = read_persons(found.recording.folder, found.persons)
    rows: dict[int, list[tuple[int, np.ndarray]]] = {}
    for number, person in enumerate(found.persons.persons):
        for frame, box in zip(
            arrays.frames[arrays.of(person)], arrays.boxes[arrays.of(person)], strict=True
        ):
            corners = np.concatenate([box[:2], box[:2] + box[2:]]).astype(np.float32)
            rows.setdefault(int(frame), []).append((number, corners))
    return rows


def test_nearly_every_face_of_every_frame_is_found(truth_and_found) -> None:
    truth, found = truth_and_found
    rows = rows_by_frame(found)
    hits, people = 0, {}
    clear = [i for i, visible in enumerate(truth.visible) if visible >= CLEAR_SHARE]
    for i in clear:
        x, y, width, height = truth.box[i]
        box = np.array([[x, y, x + width, y + height]], np.float32)
        for number, corners in rows.get(truth.frame[i], []):
            if overlaps(box, corners[None])[0, 0] >= 0.5:
                hits += 1
                people.setdefault(truth.person[i], set()).add(number)
                break
    assert hits / len(clear) >= 0.99
    # each person is one person from the first to the last shot, and nobody else's
    assert all(len(numbers) == 1 for numbers in people.values())
    assert len({number for numbers in people.values() for number in numbers}) == len(people)


def test_there_are_hardly_any_false_faces(truth_and_found) -> None:
    truth, found = truth_and_found
    arrays = read_persons(found.recording.folder, found.persons)
    assert len(found.persons.persons) == len(set(truth.person))
    assert len(arrays.times) <= len(truth.frame) + 0.05 * truth.frames


def test_cuts_are_found_at_their_times(truth_and_found) -> None:
    truth, found = truth_and_found
    assert [round(cut * truth.rate) for cut in found.detections.cuts] == truth.cuts
    assert found.persons.cuts == pytest.approx(found.detections.cuts)


def test_few_frames_are_searched_completely(truth_and_found) -> None:
    _, found = truth_and_found
    assert found.detections.picture.frames == 225
    assert found.detections.sampled < 0.55 * 225
    assert found.detections.looks < 0.25 * 225


def test_the_artifact_has_the_method_and_its_limits(truth_and_found) -> None:
    _, found = truth_and_found
    assert found.persons.method == "appearance"
    assert "dressed alike" in found.persons.notes[0]
    assert all(person.likeness >= found.persons.threshold for person in found.persons.persons)


def test_parts_and_batches_do_not_change_what_is_found(truth_and_found, model) -> None:
    _, found = truth_and_found
    stage, path = DetectFaces(SPEC), found.recording.path
    inputs = Inputs([probe(path), index_video(path)])
    items = list(items_of(stage, found.recording, inputs))
    assert all(len(item.sampled) <= CHUNK + 1 for item in items)
    again = stage.merge(context_of(found.recording), inputs, iter(stage.infer(model, items)))
    one = read_detections(found.recording.folder, again)
    other = read_detections(found.recording.folder, found.detections)
    assert np.array_equal(one.offsets, other.offsets)
    assert np.allclose(one.boxes, other.boxes, atol=0.5)


def test_chunks_of_large_frames_have_fewer_frames(tmp_path: Path, monkeypatch) -> None:
    source = recording(film(tmp_path / "a.mp4", [n / 25 for n in range(50)]))
    stage, inputs = DetectFaces(SPEC), Inputs([probe(source.path), index_video(source.path)])
    (whole,) = items_of(stage, source, inputs)
    monkeypatch.setattr(face_chunks, "_MOST_BYTES", 5 * whole.frames[0].nbytes)
    chunks = list(items_of(stage, source, inputs))
    assert max(len(chunk.sampled) for chunk in chunks) <= 5 + 1
    assert sum(len(chunk.times) for chunk in chunks) == len(whole.times)


def test_a_rotated_video_is_searched_upright(tmp_path: Path, model) -> None:
    from synthetic.movie import write_movie

    path = tmp_path / "phone.mp4"
    upright = np.zeros((320, 240, 3), np.uint8) + np.uint8(120)
    from PIL import Image

    from synthetic.cast import cast

    canvas = Image.fromarray(upright)
    actor = cast()[1]
    small = actor.picture.resize([side // 3 for side in actor.picture.size])
    canvas.paste(small, (40, 60), small)
    lying = np.ascontiguousarray(np.rot90(np.asarray(canvas)))  # as the phone's sensor has it
    from fractions import Fraction

    write_movie(path, [lying] * 10, Fraction(25))
    turn(path, 90)
    source, detections = detected(path, model)
    picture = detections.picture
    arrays = read_detections(source.folder, detections)
    x, y, width, height = arrays.boxes[0]
    face = [side / 3 for side in actor.face]
    assert (picture.width, picture.height, picture.rotation) == (240, 320, 90)
    assert len(arrays.boxes) == 5 + 1
    assert [x, y, width, height] == pytest.approx([40 + face[0], 60 + face[1], *face[2:]], abs=8)


def test_no_faces_are_a_result_and_no_picture_is_an_error(tmp_path: Path, model) -> None:
    source, detections = detected(film(tmp_path / "a.mp4", [n / 25 for n in range(30)]), model)
    assert detections.boxes == 0
    tracks = TrackFaces().run(context_of(source), Inputs([detections]))
    persons = IdentifyByAppearance().run(context_of(source), Inputs([tracks]))
    assert persons.persons == []
    from tests.media.make import clicks, write

    sound = write(tmp_path / "b.wav", clicks(1, 16000, (0.5,)), container="wav", codec="pcm_s16le",
                  rate=16000)  # fmt: skip
    with pytest.raises(InputError, match="no picture"):
        detected(sound, model)


def test_damage_is_reported_with_its_place(tmp_path: Path, model) -> None:
    # proves: F6 G21
    path = film(tmp_path / "film.ts", [n / 25 for n in range(200)], sound=False)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path.write_bytes(data)
    _, found = detected(path, model)
    (problem,) = found.problems
    assert problem.label == "damaged pictures" and problem.severity == "warning"
    assert 2 < problem.start < 4.5 < problem.end < 7


@pytest.mark.parametrize(
    ("quarters", "clockwise", "lies"),
    [(1, 90, "on its side"), (2, 180, "upside down"), (3, 270, "on its side")],
)
def test_a_film_that_is_not_upright_is_reported(
    tmp_path: Path, model, quarters: int, clockwise: int, lies: str
) -> None:
    # proves: F6 G21
    men = [swaying(0, 180, 150, 110), swaying(1, 450, 150, 110)]
    upright = pictures(20, (640, 360), lambda frame: [man(frame) for man in men])
    path = write(
        tmp_path / "film.mp4", (np.ascontiguousarray(np.rot90(one, quarters)) for one in upright)
    )
    _, found = detected(path, model)
    assert found.turned_by == clockwise
    (problem,) = found.problems
    assert problem.severity == "grave" and f"the film is {lies}" in problem.text
    assert f"turned by {clockwise} degrees clockwise" in problem.text
    assert f"-display_rotation {360 - clockwise} " in problem.text


def test_a_film_on_its_side_without_faces_is_refused_with_that_reason(tmp_path: Path) -> None:
    source = recording(film(tmp_path / "film.mp4", [0, 0.04]))
    picture = Picture(0, 192, 128, 0, 2, 25.0, 0.08)
    found = Detections("none.npz", picture, "mtcnn", 2, 2, 0, [], turned_by=90)
    tracks = Tracks("none.npz", picture, [], [], 0)
    nobody = Persons("none.npz", picture, "faces", 0.6, [], [])
    inputs = Inputs([probe(source.path), found, tracks, nobody])
    with pytest.raises(InputError, match=r"on its side.*90 degrees clockwise"):
        PlanClips().run(context_of(source), inputs)


def test_a_film_without_faces_is_not_reported_as_on_its_side(tmp_path: Path, model) -> None:
    path = write(tmp_path / "film.mp4", pictures(20, (640, 360), lambda frame: []))
    _, found = detected(path, model)
    assert found.turned_by == 0 and found.problems == []


def test_the_tiles_of_a_video_call_are_found(tmp_path: Path, model) -> None:
    # proves: F4
    path = write(tmp_path / "call.mp4", tiles(30, (640, 360), 2, 4))
    _, found = detected(path, model)
    (layout,) = found.layouts
    assert len(layout.tiles) == 4 and layout.start == 0.0
