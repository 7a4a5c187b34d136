"""Artifacts of the faces stages survive a round trip through files."""

from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import (
    OnScreen,
    Person,
    PersonArrays,
    Persons,
    Picture,
    Thumbnail,
    read_persons,
    write_arrays,
)
from reelmill.errors import InputError

PICTURE = Picture(0, 1280, 720, 0, 4, 25.0, 0.16)


def person(label: str, first: int, frames: int) -> Person:
    where = [OnScreen(0.0, 0.08, [0])]
    return Person(label, None, where, 0.08, 0.5, Thumbnail(0.0, 1, 2, 3, 4), first, frames)


def arrays() -> PersonArrays:
    return PersonArrays(
        times=np.array([0.0, 0.04, 0.08]),
        frames=np.array([0, 1, 2], np.int32),
        boxes=np.arange(12, dtype=np.float32).reshape(3, 4),
        tracks=np.array([0, 0, 1], np.int32),
        embeddings=np.eye(2, 4, dtype=np.float32),
    )


def test_rows_of_a_person_are_read_back(tmp_path: Path) -> None:
    people = [person("A", 0, 2), person("B", 2, 1)]
    persons = Persons("persons.npz", PICTURE, "appearance", 0.5, people, [])
    write_arrays(tmp_path / persons.file, arrays())
    back = read_persons(tmp_path, persons)
    assert back.boxes[back.of(people[1])].tolist() == [[8, 9, 10, 11]]
    assert back.times[back.of(people[0])].tolist() == [0.0, 0.04]
    assert persons.sidecars() == ["persons.npz"]
    assert [p.name for p in tmp_path.iterdir()] == ["persons.npz"]


def test_damaged_arrays_raise_an_error(tmp_path: Path) -> None:
    persons = Persons("persons.npz", PICTURE, "appearance", 0.5, [], [])
    (tmp_path / persons.file).write_bytes(b"PK\x03\x04 cut short")
    with pytest.raises(InputError, match=r"persons\.npz"):
        read_persons(tmp_path, persons)
