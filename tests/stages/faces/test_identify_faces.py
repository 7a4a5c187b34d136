"""From tracks to persons by their faces, through the stages as the engine calls them.

# proves: F1 F3
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import (
    DetectionArrays,
    Detections,
    FaceVectors,
    Persons,
    Picture,
    Tracks,
    read_face_vectors,
    read_persons,
    read_tracks,
    write_arrays,
)
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.media.probe import probe
from reelmill.media.video.index import index_video
from reelmill.models.faces.boxes import overlaps
from reelmill.models.faces.facenet import face_pictures
from reelmill.stages.faces.clustering import together
from reelmill.stages.faces.embed import EmbedFaces
from reelmill.stages.faces.identify_faces import IdentifyFaces
from reelmill.stages.faces.known_people import KnownFace, named
from reelmill.stages.faces.track import TrackFaces
from reelmill.testing import context_of, items_of
from synthetic.cast import cast
from synthetic.videos import Script, Truth, make_video
from tests.stages.faces.face_looks import Coarse, CoarseSpec

EMBED = EmbedFaces(CoarseSpec())


def embedded(recording: Recording, inputs: Inputs, stage: EmbedFaces = EMBED) -> FaceVectors:
    outputs = []
    for item in items_of(stage, recording, inputs):
        outputs += stage.infer(Coarse(), [item])
    return stage.merge(context_of(recording, stage), inputs, iter(outputs))


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> tuple[Truth, Recording, list]:
    """Two people in several shots: truth, recording and the artifacts up to their tracks."""
    path = tmp_path_factory.mktemp("faces") / "두 사람.mp4"
    script = Script(
        seconds=8, width=480, height=270, rate=12, persons=2, sizes=(50, 90),
        shot_seconds=(1.5, 2.5), seed=2,
    )  # fmt: skip
    truth = make_video(path, script)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    recording = Recording(path, path.stem, path.parent, FileState(digest, "", 0, 0))
    detections = detected(path.parent, truth)
    return (
        truth,
        recording,
        [
            probe(path),
            index_video(path),
            TrackFaces().run(context_of(recording), Inputs([detections])),
        ],
    )


def detected(folder: Path, truth: Truth) -> Detections:
    """As if every face of every frame had been found where it is."""
    rows = [i for i in np.argsort(truth.frame, kind="stable") if truth.visible[i] > 0.9]
    frames = np.array(truth.frame)[rows]
    boxes = np.array(truth.box, np.float32)[rows]
    places = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
    arrays = DetectionArrays(
        times=np.arange(truth.frames) / truth.rate,
        sampled=np.arange(truth.frames, dtype=np.int32),
        offsets=np.searchsorted(frames, np.arange(truth.frames + 1)),
        boxes=boxes,
        scores=np.full(len(rows), 0.99, np.float32),
        landmarks=boxes[:, None, :2] + places * boxes[:, None, 2:],
        looked=np.ones(truth.frames, np.bool_),
        colours=np.zeros((0, 8), np.float32),
        colours_of=np.zeros(0, np.int64),
    )
    write_arrays(folder / "detections.npz", arrays)
    duration = truth.frames / truth.rate
    picture = Picture(0, truth.width, truth.height, 0, truth.frames, truth.rate, duration)
    cuts = [cut / truth.rate for cut in truth.cuts]
    return Detections("detections.npz", picture, "truth", truth.frames, truth.frames, 0, cuts)


@pytest.fixture(scope="module")
def vectors(video) -> FaceVectors:
    _, recording, artifacts = video
    return embedded(recording, Inputs(artifacts))


def identified(video, vectors, **settings) -> Persons:
    _, recording, artifacts = video
    return IdentifyFaces(**settings).run(context_of(recording), Inputs([*artifacts, vectors]))


def who_is_who(video, persons: Persons) -> list[set[int]]:
    """For each person found, whom of the truth it shows."""
    truth, recording, _ = video
    arrays = read_persons(recording.folder, persons)
    shown: list[set[int]] = []
    for person in persons.persons:
        found: set[int] = set()
        rows = arrays.of(person)
        for frame, box in zip(arrays.frames[rows], arrays.boxes[rows], strict=True):
            corners = np.concatenate([box[:2], box[:2] + box[2:]])[None].astype(np.float32)
            for at in np.flatnonzero(np.array(truth.frame) == frame):
                x, y, width, height = truth.box[at]
                true = np.array([[x, y, x + width, y + height]], np.float32)
                if overlaps(true, corners)[0, 0] > 0.5:
                    found.add(truth.person[at])
        shown.append(found)
    return shown


def faces_of(*actors: int) -> tuple[KnownFace, ...]:
    """The cast's own pictures as references."""
    known = []
    for number in actors:
        actor = cast()[number]
        x, y, width, height = actor.face
        frame = np.asarray(actor.picture.convert("RGB"))
        box = np.array([[x, y, x + width, y + height]], np.float32)
        (vector,) = Coarse().embed(face_pictures(frame, box))
        known.append(KnownFace(actor.name, tuple(vector.tolist())))
    return tuple(known)


def test_each_person_is_one_across_all_cuts(video, vectors) -> None:
    persons = identified(video, vectors)
    assert persons.method == "faces" and persons.told_apart_by == "coarse"
    assert persons.network is not None and persons.network.digest == "coarse-1"
    assert sorted(who_is_who(video, persons), key=min) == [{0}, {1}]
    assert len(video[0].cuts) >= 2
    assert "by their faces (coarse)" in persons.notes[0]


def test_few_pictures_of_each_track_are_embedded(video, vectors) -> None:
    _, recording, artifacts = video
    tracks = artifacts[2]
    assert vectors.unseen == 0
    assert len(tracks.tracks) <= vectors.faces <= 2 * len(tracks.tracks)
    one = embedded(recording, Inputs(artifacts), dataclasses.replace(EMBED, faces=1))
    assert one.faces == len(tracks.tracks)
    assert one.file != vectors.file, "other settings must not take the place of its arrays"


def test_the_embedded_faces_are_the_best_of_their_tracks(video) -> None:
    _, recording, artifacts = video
    arrays = read_tracks(recording.folder, artifacts[2])
    items = list(items_of(EMBED, recording, Inputs(artifacts)))
    per_track = np.bincount(np.concatenate([item.tracks for item in items]))
    assert per_track.tolist() == np.minimum(2, (arrays.best >= 0).sum(axis=1)).tolist()
    assert {item.pictures.shape[1:] for item in items} == {(160, 160, 3)}
    assert max(item.cost for item in items) == 8


def test_parts_have_every_face_once(video, monkeypatch) -> None:
    _, recording, artifacts = video
    inputs = Inputs(artifacts)
    whole = np.concatenate([item.tracks for item in items_of(EMBED, recording, inputs)]).tolist()
    monkeypatch.setattr("reelmill.stages.faces.embed._PART_SECONDS", 1.0)
    parts = EMBED.parts(context_of(recording), inputs)
    assert len(parts) > 3
    cut = [
        i.tracks for part in parts for i in EMBED.split(context_of(recording, part=part), inputs)
    ]
    assert np.concatenate(cut).tolist() == whole


def test_persons_get_the_names_of_known_people(video, vectors) -> None:
    persons = identified(video, vectors, people=faces_of(0, 1))
    shown = who_is_who(video, persons)
    names = [cast()[min(found)].name for found in shown]
    assert [person.name for person in persons.persons] == names
    assert all(0.6 <= person.named_by <= 1 for person in persons.persons)
    assert [person.label for person in persons.persons] == ["A", "B"]


def test_an_unknown_person_keeps_a_letter(video, vectors) -> None:
    persons = identified(video, vectors, people=faces_of(1))
    assert sorted(person.name or "-" for person in persons.persons) == ["-", "admiral"]


def test_a_known_face_joins_the_pieces_of_a_person(video, vectors) -> None:
    strict = identified(video, vectors, threshold=0.9999)
    assert len(strict.persons) > 2
    _, recording, artifacts = video
    tracks: Tracks = artifacts[2]
    seen = read_face_vectors(recording.folder, vectors).vectors
    spans = np.array([[t.start, t.end] for t in tracks.tracks], np.float32)
    apart = together(spans[:, 0], spans[:, 1])
    ones = np.ones(len(seen), np.float32)
    pieces = np.arange(len(seen))
    persons, names = named(pieces, seen, ones, apart, faces_of(0, 1), 0.6)
    assert len(set(persons.tolist())) == 2
    assert sorted(name for name, _ in names.values()) == ["admiral", "astronaut"]


def test_no_tracks_give_no_persons(tmp_path: Path, video) -> None:
    _, recording, (media, index, tracks) = video
    empty = dataclasses.replace(tracks, tracks=[], file="none.npz")
    arrays = read_tracks(recording.folder, tracks)
    rows = {name: value[:0] for name, value in vars(arrays).items()}
    np.savez(recording.folder / "none.npz", **rows)
    inputs = Inputs([media, index, empty])
    assert EMBED.parts(context_of(recording), inputs) == []
    found = embedded(recording, inputs)
    persons = IdentifyFaces(people=faces_of(0)).run(
        context_of(recording), Inputs([media, index, empty, found])
    )
    assert persons.persons == [] and found.faces == 0
