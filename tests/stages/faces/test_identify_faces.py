"""From tracks to persons by their faces, through the stages as the engine calls them.

# proves: F1 F3
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import (
    DetectionArrays,
    Detections,
    Persons,
    Picture,
    Tracks,
    read_detections,
    read_persons,
    read_tracks,
    write_arrays,
)
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.media.video.frames import Reducer
from reelmill.media.video.index import index_video
from reelmill.media.video.reader import open_pictures
from reelmill.models.faces.boxes import overlaps
from reelmill.models.faces.detector import Faces
from reelmill.models.faces.facenet import face_pictures
from reelmill.stages.faces.chunks import CHUNK, FrameChunk, frame_chunks
from reelmill.stages.faces.clustering import together
from reelmill.stages.faces.embed import chosen_faces, face_vectors
from reelmill.stages.faces.identify_faces import IdentifyFaces
from reelmill.stages.faces.known_people import KnownFace, named
from reelmill.stages.faces.track import TrackFaces
from reelmill.testing import context_of
from synthetic.cast import cast
from synthetic.videos import Script, Truth, make_video
from tests.stages.faces.face_looks import Coarse, CoarseSpec


@pytest.fixture(scope="module")
def video(tmp_path_factory) -> tuple[Truth, Recording, Tracks]:
    """Two people in several shots: truth, recording and their tracks."""
    path = tmp_path_factory.mktemp("faces") / "두 사람.mp4"
    script = Script(
        seconds=8, width=480, height=270, rate=12, persons=2, sizes=(50, 90),
        shot_seconds=(1.5, 2.5), seed=2,
    )  # fmt: skip
    truth = make_video(path, script)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    recording = Recording(path, path.stem, path.parent, FileState(digest, "", 0, 0))
    detections = detected(path, truth)
    return truth, recording, TrackFaces().run(context_of(recording), Inputs([detections]))


def chunks_of(path: Path, size: tuple[int, int] = (480, 270)) -> Iterator[FrameChunk]:
    with open_pictures(path, index=index_video(path)) as pictures:
        yield from frame_chunks(pictures, (-math.inf, math.inf), size, 0, Reducer((480, 270), 0))


def faces_in(chunk: FrameChunk, first: int, arrays: DetectionArrays) -> list[Faces]:
    """The faces of each frame of a chunk whose first one is frame `first`."""
    scale = np.float32(chunk.frames[0].shape[0] / 270)
    found = []
    for sample in range(first, first + len(chunk.sampled)):
        rows = slice(arrays.offsets[sample], arrays.offsets[sample + 1])
        boxes = arrays.boxes[rows]
        corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
        found.append(Faces(corners * scale, arrays.scores[rows], arrays.landmarks[rows] * scale))
    return found


def with_vectors(path: Path, arrays: DetectionArrays) -> DetectionArrays:
    """With the vectors of the faces, as the stage that finds them takes them."""
    vectors, of, first = [], [], 0
    for chunk in chunks_of(path):
        seen, places = face_vectors(Coarse(), chunk, faces_in(chunk, first, arrays))
        vectors.append(seen)
        of.append(places + arrays.offsets[first])
        first += len(chunk.sampled)
    return replace(arrays, vectors=np.concatenate(vectors), vectors_of=np.concatenate(of))


def detected(path: Path, truth: Truth) -> Detections:
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
        vectors=np.zeros((0, 1), np.float32),
        vectors_of=np.zeros(0, np.int64),
    )
    write_arrays(path.parent / "detections.npz", with_vectors(path, arrays))
    duration = truth.frames / truth.rate
    picture = Picture(0, truth.width, truth.height, 0, truth.frames, truth.rate, duration)
    cuts = [cut / truth.rate for cut in truth.cuts]
    return Detections("detections.npz", picture, "truth", truth.frames, truth.frames, 0, cuts)


def identified(video, **settings) -> Persons:
    _, recording, tracks = video
    return IdentifyFaces(CoarseSpec(), **settings).run(context_of(recording), Inputs([tracks]))


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


def test_each_person_is_one_across_all_cuts(video) -> None:
    persons = identified(video)
    assert persons.method == "faces" and persons.told_apart_by == "coarse"
    assert persons.network is not None and persons.network.digest == "coarse-1"
    assert sorted(who_is_who(video, persons), key=min) == [{0}, {1}]
    assert len(video[0].cuts) >= 2
    assert "by their faces (coarse)" in persons.notes[0]


def test_few_pictures_of_each_track_are_embedded(video) -> None:
    _, recording, tracks = video
    seen = read_tracks(recording.folder, tracks).seen
    assert len(seen) == len(tracks.tracks) and (seen >= 1).all()
    chunks = [math.ceil(track.frames / CHUNK) + 1 for track in tracks.tracks]
    assert (seen <= 2 * np.array(chunks)).all()


def test_the_embedded_faces_are_the_largest_some_time_apart(video) -> None:
    _, recording, _ = video
    arrays = read_detections(recording.folder, Detections("detections.npz", *[None] * 6))
    (chunk, *_) = chunks_of(recording.path)
    found = faces_in(chunk, 0, arrays)
    chosen = list(chosen_faces(chunk, found, np.ones(2, np.float32)))
    assert chosen and {sample for sample, _ in chosen} <= set(chunk.kept_of)
    assert 0 not in chunk.kept_of, "the first frame of a scene may be mixed with the one before"
    times = chunk.times[chunk.sampled]
    for (one, face), (other, its) in combinations(chosen, 2):
        far = found[one].boxes[face] - found[other].boxes[its]
        assert np.abs(far).max() > 60 or abs(times[one] - times[other]) >= 0.2


def test_a_person_who_goes_on_in_the_next_chunk_has_a_face_in_each(video) -> None:
    _, recording, _ = video
    arrays = read_detections(recording.folder, Detections("detections.npz", *[None] * 6))
    (chunk, *_, last) = chunks_of(recording.path)
    assert chunk.is_first and last.is_last and not (chunk.is_last or last.is_first)
    found = faces_in(chunk, 0, arrays)
    counts = {
        is_first: len(list(chosen_faces(replace(chunk, is_first=is_first), found, np.ones(2))))
        for is_first in (False, True)
    }
    assert counts[False] < counts[True]


def test_faces_are_cut_from_the_full_size_not_from_what_is_searched(video) -> None:
    _, recording, _ = video
    arrays = read_detections(recording.folder, Detections("detections.npz", *[None] * 6))
    (small, *_) = chunks_of(recording.path, (160, 90))
    seen, places = face_vectors(Coarse(), small, faces_in(small, 0, arrays))
    rows = np.searchsorted(arrays.vectors_of, places)
    alike = (seen * arrays.vectors[rows]).sum(axis=1)
    assert len(seen) and alike.min() > 0.999


def test_persons_get_the_names_of_known_people(video) -> None:
    persons = identified(video, people=faces_of(0, 1))
    shown = who_is_who(video, persons)
    names = [cast()[min(found)].name for found in shown]
    assert [person.name for person in persons.persons] == names
    assert all(0.6 <= person.named_by <= 1 for person in persons.persons)
    assert [person.label for person in persons.persons] == ["A", "B"]


def test_an_unknown_person_keeps_a_letter(video) -> None:
    persons = identified(video, people=faces_of(1))
    assert sorted(person.name or "-" for person in persons.persons) == ["-", "admiral"]


def test_a_known_face_joins_the_pieces_of_a_person(video) -> None:
    strict = identified(video, threshold=0.9999)
    assert len(strict.persons) > 2
    _, recording, tracks = video
    seen = read_tracks(recording.folder, tracks).vectors
    spans = np.array([[t.start, t.end] for t in tracks.tracks], np.float32)
    apart = together(spans[:, 0], spans[:, 1])
    ones = np.ones(len(seen), np.float32)
    pieces = np.arange(len(seen))
    persons, names = named(pieces, seen, ones, apart, faces_of(0, 1), 0.6)
    assert len(set(persons.tolist())) == 2
    assert sorted(name for name, _ in names.values()) == ["admiral", "astronaut"]


def test_no_tracks_give_no_persons(video) -> None:
    _, recording, tracks = video
    empty = replace(tracks, tracks=[], file="none.npz")
    arrays = read_tracks(recording.folder, tracks)
    rows = {name: value[:0] for name, value in vars(arrays).items()}
    np.savez(recording.folder / "none.npz", **rows)
    persons = identified((None, recording, empty), people=faces_of(0))
    assert persons.persons == []
