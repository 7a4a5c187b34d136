"""Artifacts on disk, and the keys that decide whether one may be used again."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from reelmill import artifacts
from reelmill.artifacts import Artifact, RecordingSummary
from reelmill.artifacts.names import PathBelow, PlainName
from reelmill.core.keys import Seal
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.planning import Keys
from reelmill.engine.process import cpu_worker
from reelmill.engine.stage import setting
from reelmill.engine.state import artifact_store as store
from reelmill.errors import InputError, NotTrustedError, UsageError
from tests.engine.toys import Read, Shout, ShoutModel, ShoutStage, Words, toy_pipeline

SEAL = Seal(b"k" * 32)


@dataclass
class Cut(Artifact):
    schema: ClassVar[str] = "cut/1"
    file: PlainName
    path: PathBelow = "a/b"

    def sidecars(self) -> list[str]:
        return [self.file]


@dataclass(frozen=True)
class CutOut(Read):
    """A stage that leaves an array beside its artifact."""

    name: ClassVar[str] = "cut"
    produces: ClassVar[type[Artifact]] = Cut


def recording(tmp_path: Path, content: str = "ab", name: str = "a") -> Recording:
    state = FileState(content * 32, "", 1, 1)
    return Recording(Path("/in") / f"{name}.wav", name, tmp_path / content, state)


def saved(path: Path, of: Recording, artifact: Artifact, key: str = "k") -> store.Stored:
    stage = CutOut() if isinstance(artifact, Cut) else Read()
    store.save(path, stage, key, of, artifact, SEAL)
    return store.Stored(path, key, of.id)


def cut(tmp_path: Path, content: bytes = b"samples") -> store.Stored:
    one = recording(tmp_path)
    one.folder.mkdir(exist_ok=True)
    (one.folder / "cut.npz").write_bytes(content)
    return saved(one.folder / "cut-1.json", one, Cut("cut.npz"))


def test_an_artifact_is_read_back_with_what_made_it(tmp_path: Path) -> None:
    # proves: G13
    path = tmp_path / "sub" / "read.json"
    stored = saved(path, recording(tmp_path), Words(["a", "통화"]))
    assert store.load(stored, Words, SEAL) == Words(["a", "통화"])
    envelope = json.loads(path.read_text())
    assert envelope["schema"] == "reelmill/words/1"
    assert envelope["stage"]["name"] == "read" and envelope["key"] == "k"
    assert envelope["recording"]["sha256"] == "ab" * 32
    assert "통화" in path.read_text(), "for people to read"


def test_names_that_are_not_utf8_are_stored(tmp_path: Path) -> None:
    of = recording(tmp_path, name=os.fsdecode(b"\xff"))
    assert store.load(saved(tmp_path / "read.json", of, Words(["a"])), Words, SEAL) == Words(["a"])


DEEP = '{"data": {"words": ' + "[" * 100_000 + "]" * 100_000 + "}}"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema": "reelmill/words/1"}', "null", DEEP], ids=range(6)
)
def test_a_damaged_artifact_is_an_input_error_with_its_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "read.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"read\.json"):
        store.load(store.Stored(path, "k", "ab" * 32), Words, SEAL)
    with pytest.raises(InputError, match=r"read\.json"):
        store.load_named(path, Words)


def test_an_artifact_that_was_changed_or_planted_is_not_used(tmp_path: Path) -> None:
    # proves: G12
    path = tmp_path / "read.json"
    stored = saved(path, recording(tmp_path), Words(["passport"]))
    assert store.is_ours(path, SEAL)
    good = path.read_text()
    for forged in (
        good.replace("passport", "pistol"),
        good + " ",
        good.replace('"k"', '"other"'),
        good[: good.index(',\n "mac"')] + "\n}\n",
    ):
        assert forged != good
        path.write_text(forged)
        assert not store.is_ours(path, SEAL)
        with pytest.raises(NotTrustedError, match="not made with your key, or changed since"):
            store.load(stored, Words, SEAL)
    store.save(path, Read(), "k", recording(tmp_path), Words(["pistol"]), Seal(b"x" * 32))
    with pytest.raises(NotTrustedError):
        store.load(stored, Words, SEAL)
    assert store.load_named(path, Words) == Words(["pistol"]), "what a user names is theirs"


def test_an_artifact_moved_to_another_place_is_not_used(tmp_path: Path) -> None:
    # proves: G12
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    first = saved(one, recording(tmp_path, "aa"), Words(["a"]), "k1")
    second = saved(two, recording(tmp_path, "bb"), Words(["b"]), "k2")
    swapped = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(swapped)
    for stored in (first, second):
        with pytest.raises(NotTrustedError, match="the result of other work"):
            store.load(stored, Words, SEAL)
    with pytest.raises(NotTrustedError, match="the result of other work"):
        store.load(store.Stored(one, "k2", "aa" * 32), Words, SEAL)


def test_a_changed_file_beside_an_artifact_is_detected(tmp_path: Path) -> None:
    # proves: G12
    stored = cut(tmp_path)
    file = stored.path.parent / "cut.npz"
    assert store.load(stored, Cut, SEAL) == Cut("cut.npz")
    state = file.stat()
    file.write_bytes(b"forgery")  # as long as it was
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(NotTrustedError, match=r"cut\.npz: not the file that Reelmill wrote here"):
        store.load(stored, Cut, SEAL)
    file.unlink()
    with pytest.raises(InputError, match=r"cut\.npz: cannot be read"):
        store.load(stored, Cut, SEAL)


def test_a_known_file_is_hashed_again_only_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(tmp_path)
    one = recording(tmp_path)
    path = one.folder / "cut-1.json"
    stamps = store.save(path, CutOut(), "k", one, Cut("cut.npz"), SEAL).stamps
    seen = store.Stored(path, "k", one.id, stamps)
    with monkeypatch.context() as patched:
        # hashing ticks at every chunk
        patched.setattr("reelmill.core.progress.tick", lambda: pytest.fail("hashed again"))
        store.load(seen, Cut, SEAL)
    state = (one.folder / "cut.npz").stat()
    (one.folder / "cut.npz").write_bytes(b"forgery")
    os.utime(one.folder / "cut.npz", ns=(state.st_atime_ns, state.st_mtime_ns))
    with pytest.raises(NotTrustedError):
        store.load(seen, Cut, SEAL)


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/b", "", "..", ".", "a\0b"])
def test_names_in_artifacts_cannot_lead_outside_their_folder(tmp_path: Path, name: str) -> None:
    # proves: G12
    path = tmp_path / "cut.json"
    for evil in (
        {"file": name},
        {"file": "x", "path": name if name != "a/b" else "a/../b"},
    ):
        content = {"schema": "reelmill/cut/1", "key": "k", "data": evil}
        path.write_text(json.dumps({**content, "recording": {"sha256": ""}}))
        with pytest.raises(InputError, match="not a plain file name"):
            store.load_named(path, Cut)


def test_every_field_that_names_a_file_is_checked() -> None:
    """`file` and `path`, anywhere in an artifact, and everything in `sidecars`."""
    unchecked = [
        f"{kind.__name__}.{one.name}"
        for kind in vars(artifacts).values()
        if dataclasses.is_dataclass(kind)
        for one in dataclasses.fields(kind)
        if one.name in ("file", "path") and one.type not in ("PlainName", "PathBelow")
    ]
    assert unchecked == []


def test_artifacts_of_others_get_our_mac_when_adopted(tmp_path: Path) -> None:
    stored = cut(tmp_path)
    theirs, mine = stored.path, Seal(b"m" * 32)
    with pytest.raises(NotTrustedError):
        store.load(stored, Cut, mine)
    store.reseal(theirs, mine)
    assert store.load(stored, Cut, mine) == Cut("cut.npz")
    (theirs.parent / "cut.npz").write_bytes(b"forgery")
    with pytest.raises(NotTrustedError):
        store.load(stored, Cut, mine)


def test_another_schema_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "read.json"
    with pytest.raises(InputError, match="holds reelmill/words/1"):
        store.load(saved(path, recording(tmp_path), Words([])), Shout, SEAL)


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


class Unlike:
    """Its text has an address, which differs in each process."""


@dataclass(frozen=True)
class Odd(ShoutStage):
    odd: Any = None
    aside: Any = setting(None, affects_result=False)


@pytest.mark.parametrize(
    "odd", [Unlike(), {1, 2}, Path("model.bin"), [Unlike()], {"a": {1: Unlike()}}, np.float32(0.5)]
)
def test_a_setting_that_cannot_be_part_of_a_key_is_refused(odd: Any) -> None:
    with pytest.raises(
        UsageError,
        match=r"^stage shout: its setting 'odd', .*cannot be part of "
        r"the cache key",
    ):
        store.stage_digest(Odd(ShoutModel(), odd=odd))
    store.stage_digest(Odd(ShoutModel(), aside=odd))


@dataclass(frozen=True)
class Known:
    name: str
    vector: tuple[float, ...]


def test_stage_digest__dataclasses_in_tuples_and_dicts__are_part_of_it() -> None:
    def digest(*values: Any) -> str:
        return store.stage_digest(Odd(ShoutModel(), odd=values))

    assert digest(Known("a", (0.5,))) == digest(Known("a", (0.5,)))
    assert digest(Known("a", (0.5,))) != digest(Known("a", (0.25,)))
    assert digest({"by": [Known("a", ())]}) != digest({"by": [Known("b", ())]})
    assert digest(ShoutModel(delay=3.0)) == digest(ShoutModel()), "a model is its identity"


def test_a_custom_fingerprint_that_cannot_be_part_of_a_key_is_refused() -> None:
    class Mixed(ShoutStage):
        def fingerprint(self) -> dict[Any, Any]:
            return {**super().fingerprint(), 1: "one"}

    with pytest.raises(UsageError, match=r"shout: the value of its fingerprint\(\) cannot be part"):
        store.stage_digest(Mixed(ShoutModel()))


def test_a_key_depends_on_the_keys_of_earlier_stages(tmp_path: Path) -> None:
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


def task(tmp_path: Path, key: str = "k") -> cpu_worker.StageTask:
    return cpu_worker.StageTask(0, recording(tmp_path), (), key, tmp_path / "read.json")


def test_an_unrecorded_artifact_is_adopted(tmp_path: Path) -> None:
    # proves: G12
    ours = task(tmp_path)
    assert cpu_worker.adopt(ours, Read(), SEAL) is None
    saved(ours.target, ours.recording, Words(["a", "b"]))
    made = cpu_worker.adopt(ours, Read(), SEAL)
    assert made is not None and made.summary == RecordingSummary(media_seconds=2.0)


def test_an_artifact_that_a_power_cut_left_empty_does_not_exist(tmp_path: Path) -> None:
    # proves: G12
    ours = task(tmp_path)
    ours.target.parent.mkdir(parents=True, exist_ok=True)
    ours.target.touch()
    assert cpu_worker.adopt(ours, Read(), SEAL) is None


def test_a_foreign_or_damaged_artifact_is_not_adopted(tmp_path: Path) -> None:
    # proves: G12
    ours = task(tmp_path)
    saved(ours.target, ours.recording, Words([]), "other")
    with pytest.raises(NotTrustedError, match="other work"):
        cpu_worker.adopt(ours, Read(), SEAL)
    ours.target.write_text(json.dumps({"key": "k", "schema": "reelmill/words/1", "data": 5}))
    with pytest.raises(InputError):
        cpu_worker.adopt(ours, Read(), SEAL)
