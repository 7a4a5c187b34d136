"""Artifacts on disk, and the keys that decide whether one may be used again."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.planning import Keys
from reelmill.engine.process import cpu_worker as work
from reelmill.engine.state import artifact_store as store
from reelmill.errors import InputError
from tests.engine.toys import Read, Shout, ShoutModel, ShoutStage, Words, toy_pipeline


def recording(tmp_path: Path, content: str = "ab", name: str = "a") -> Recording:
    state = FileState(content * 32, "", 1, 1)
    return Recording(Path("/in") / f"{name}.wav", name, tmp_path / content, state)


def test_an_artifact_comes_back_and_says_what_made_it(tmp_path: Path) -> None:
    # proves: G13
    path = tmp_path / "sub" / "read.json"
    store.save(path, Read(), "k", recording(tmp_path), Words(["a", "통화"]))
    assert store.load(path, Words) == Words(["a", "통화"])
    envelope = json.loads(path.read_text())
    assert envelope["schema"] == "reelmill/words/1"
    assert envelope["stage"]["name"] == "read" and envelope["key"] == "k"
    assert envelope["recording"]["sha256"] == "ab" * 32
    assert "통화" in path.read_text(), "for people to read"


def test_names_that_are_no_utf8_are_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "read.json"
    store.save(path, Read(), "k", recording(tmp_path, name=os.fsdecode(b"\xff")), Words(["a"]))
    assert store.load(path, Words) == Words(["a"])
    assert store.key_in(path) == "k"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": "reelmill/words/1"}', "null"])
def test_a_damaged_artifact_is_bad_input_with_its_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "read.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"read\.json"):
        store.load(path, Words)
    assert store.key_in(path) is None


def test_another_schema_is_told(tmp_path: Path) -> None:
    path = tmp_path / "read.json"
    store.save(path, Read(), "k", recording(tmp_path), Words([]))
    with pytest.raises(InputError, match="holds reelmill/words/1"):
        store.load(path, Shout)


def _digest(**changes: Any) -> str:
    return store.stage_digest(dataclasses.replace(ShoutStage(ShoutModel()), **changes))


def test_a_key_follows_everything_that_decides_the_result_and_nothing_else() -> None:
    # proves: G12
    class Newer(ShoutStage):
        version: ClassVar[int] = 2

    class Other(ShoutModel):
        @property
        def identity(self) -> str:
            return "shouter-2"

    same = _digest()
    assert _digest() == same
    assert _digest(log=Path("/elsewhere")) == same, "where it logs decides nothing"
    assert _digest(model=ShoutModel(delay=3.0)) == same, "how fast a model is decides nothing"
    assert _digest(item_bytes=2000) != same
    assert _digest(model=Other()) != same
    assert store.stage_digest(Newer(ShoutModel())) != same


def test_keys_hang_together_along_the_pipeline(tmp_path: Path) -> None:
    # proves: G12
    one, two = toy_pipeline(tmp_path), toy_pipeline(tmp_path, item_bytes=4)
    keys, others = Keys(one), Keys(two)
    ours, theirs = recording(tmp_path), recording(tmp_path, "cd")
    read, shout, write = one.stages
    assert keys.of(read, ours) == others.of(two.stages[0], ours)
    assert keys.of(shout, ours) != others.of(two.stages[1], ours)
    assert keys.of(write, ours) != others.of(two.stages[2], ours)
    assert len({keys.of(stage, r) for stage in one.stages for r in (ours, theirs)}) == 6
    copy = recording(tmp_path, name="b")
    assert keys.of(shout, copy) == keys.of(shout, ours), "a copy is the same content"
    assert keys.of(write, copy) != keys.of(write, ours), "but is exported under its own name"


def test_keys_of_finished_recordings_are_forgotten(tmp_path: Path) -> None:
    keys = Keys(toy_pipeline(tmp_path))
    for number in range(50):
        one = recording(tmp_path, f"{number:02d}")
        keys.of_all_ends(one)
        keys.forget(one)
    assert len(keys._known) == 0


def task(tmp_path: Path, key: str = "k") -> work.StageTask:
    return work.StageTask(0, recording(tmp_path), (), key, tmp_path / "read.json")


def test_what_was_written_but_not_noted_is_taken_over(tmp_path: Path) -> None:
    # proves: G12
    ours = task(tmp_path)
    assert work.adopt(ours, Read()) is None
    store.save(ours.target, Read(), "k", ours.recording, Words(["a", "b"]))
    made = work.adopt(ours, Read())
    assert made is not None and made.facts == {"media_seconds": 2.0}


def test_what_is_anothers_or_damaged_is_not_taken_over(tmp_path: Path) -> None:
    # proves: G12
    ours = task(tmp_path)
    store.save(ours.target, Read(), "other", ours.recording, Words([]))
    assert work.adopt(ours, Read()) is None
    ours.target.write_text(json.dumps({"key": "k", "schema": "reelmill/words/1", "data": 5}))
    assert work.adopt(ours, Read()) is None
