"""Numbers that people keep from run to run, as long as the same network tells them apart.

# proves: F3 F9
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import FaceNetworkUsed, read_persons, write_arrays
from reelmill.core.keys import user_key
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.planning import Found
from reelmill.engine.state.artifact_store import Stored, save
from reelmill.export.names import SpeakerName
from reelmill.models.faces.dlib import shipped
from reelmill.runs.across_videos import PEOPLE, write_people
from reelmill.stages.faces.identify_faces import IdentifyFaces
from tests.stages.faces.people import persons_of

ONE, OTHER = FaceNetworkUsed("dlib", "1111"), FaceNetworkUsed("vggface2", "2222")


def video(folder: Path, network: FaceNetworkUsed | None, *vectors: list[float]) -> Found:
    """A video in which people with these vectors are found, told apart by a network or, without
    one, by their clothes."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = "ABCDEF"[: len(vectors)]
    seen = {letter: {0: (50.0, 50.0)} for letter in letters}
    persons = persons_of(folder, np.arange(3) / 25, seen, size=(100, 100))
    arrays = read_persons(folder, persons)
    rows = np.array(vectors, np.float32)
    arrays = replace(arrays, embeddings=rows / np.linalg.norm(rows, axis=1, keepdims=True))
    write_arrays(folder / persons.file, arrays)
    method = "appearance" if network is None else "faces"
    persons = replace(persons, method=method, network=network, threshold=0.6)
    recording = Recording(folder / "a.mp4", "a", folder, FileState(folder.name, "", 0, 0))
    stored = Stored(folder / "persons.json", "key", recording.id)
    save(stored.path, IdentifyFaces(shipped()), stored.key, recording, persons, user_key().seal)
    return Found(recording, stored)


def numbers(out: Path, *found: Found) -> dict:
    """The number of each letter."""
    write_people(found, out)
    people = json.loads((out / PEOPLE).read_text())["people"]
    return {seen["person"]: one["id"] for one in people for seen in one["seen_in"]}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out/.cache").mkdir(parents=True)
    return tmp_path / "out"


def test_the_network_is_recorded_in_people_json(tmp_path: Path, out: Path) -> None:
    write_people([video(tmp_path / "a", ONE, [1, 0])], out)
    content = json.loads((out / PEOPLE).read_text())
    assert content["told_apart_by"] == "dlib"
    assert content["network"] == {"name": "dlib", "digest": "1111"}
    write_people([video(tmp_path / "a", None, [1, 0])], out)
    content = json.loads((out / PEOPLE).read_text())
    assert (content["told_apart_by"], content["network"]) == ("appearance", None)


def test_numbers_of_one_network_are_not_used_by_another(tmp_path: Path, out: Path) -> None:
    """The same vectors are other people's to another network."""
    assert numbers(out, video(tmp_path / "a", ONE, [0, 1], [1, 0])) == {"A": "P1", "B": "P2"}
    turned = [[1.0, 0.0], [0.0, 1.0]]
    assert numbers(out, video(tmp_path / "b", ONE, *turned)) == {"A": "P2", "B": "P1"}
    assert numbers(out, video(tmp_path / "b", OTHER, *turned)) == {"A": "P1", "B": "P2"}
    assert numbers(out, video(tmp_path / "c", None, *turned)) == {"A": "P1", "B": "P2"}
    assert numbers(out, video(tmp_path / "c", ONE, *turned)) == {"A": "P2", "B": "P1"}, "kept"


def test_people_have_the_names_given_by_the_user(tmp_path: Path, out: Path) -> None:
    found = [video(tmp_path / "a", ONE, [1, 0], [0, 1])]
    write_people(found, out, (SpeakerName("B", "Kim"), SpeakerName("A", "Lee", "other.mp4")))
    people = json.loads((out / PEOPLE).read_text())["people"]
    assert [one["name"] for one in people] == [None, "Kim"]
