"""Which folders of results a run reuses, and how it treats those made by others."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
from pathlib import Path

import pytest

from reelmill.artifacts import ExportedFile, Exports, Media
from reelmill.core import gate
from reelmill.core.kept import read_kept
from reelmill.core.keys import Seal
from reelmill.core.notices import heard_by
from reelmill.core.recording import FileState, Recording
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.adoption import prepare
from reelmill.engine.state.run_db import Ledger
from reelmill.errors import UsageError
from reelmill.stages.media.probe import Probe
from reelmill.stages.transcript.export import Export as ExportTranscript

MINE, THEIRS = Seal(b"m" * 32), Seal(b"t" * 32)
STATE = FileState("ab" * 32, "cd" * 16, 12, 34)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "out" / ".cache"


def prepared(cache: Path, *, adopt: bool = False) -> list[str]:
    said: list[str] = []
    with gate.output(cache.parent, "voice", [], b"key"), heard_by(said.append):
        prepare(cache, MINE, adopt=adopt, commands={"export": "voice"})
    return said


def artifact(cache: Path, seal: Seal) -> store.Stored:
    one = Recording(Path("/in/a.wav"), "a", store.recording_folder(cache, STATE.sha256), STATE)
    path = store.artifact_path(one.folder, "probe", "k")
    store.save(path, Probe(), "k", one, Media("wav", 1.0, [], []), seal)
    return store.Stored(path, "k", STATE.sha256)


def test_a_new_cache_is_private(cache: Path) -> None:
    # proves: G12
    assert prepared(cache) == []
    assert cache.stat().st_mode & 0o777 == 0o700
    Ledger(cache / "ledger.sqlite", MINE).close()
    assert prepared(cache) == []


def test_a_cache_readable_by_others_is_made_private(cache: Path) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o755)
    prepared(cache)
    assert cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_a_cache_writable_by_others_is_refused(cache: Path, mode: int) -> None:
    # proves: G12
    cache.mkdir(parents=True)
    cache.chmod(mode)
    with pytest.raises(UsageError, match=rf"others can write there \(mode {mode:o}\).*--adopt"):
        prepared(cache)
    prepared(cache, adopt=True)
    assert cache.stat().st_mode & 0o777 == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_a_cache_of_another_user_is_refused(cache: Path) -> None:
    # proves: G12
    cache.mkdir(parents=True)
    os.chown(cache, 12345, 12345)
    for adopt in (False, True):
        with pytest.raises(UsageError, match=r"belongs to another user \(uid 12345\)"):
            prepared(cache, adopt=adopt)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_adopted(cache: Path) -> None:
    Ledger(cache / "ledger.sqlite", THEIRS).close()
    (cache / "artifacts").mkdir()
    os.chown(cache / "artifacts", 12345, 12345)
    with pytest.raises(UsageError, match=r"artifacts: belongs to another user and is not adopted"):
        prepared(cache, adopt=True)


def test_a_link_instead_of_the_cache_is_refused(cache: Path, tmp_path: Path) -> None:
    cache.parent.mkdir()
    cache.symlink_to(tmp_path)
    with pytest.raises(UsageError, match="not a real folder"):
        prepared(cache)


def test_a_cache_in_a_folder_writable_by_everybody_is_refused(cache: Path, tmp_path: Path) -> None:
    # proves: G12
    cache.parent.mkdir()
    tmp_path.chmod(0o777)
    with pytest.raises(UsageError, match=r"everybody can write there \(mode 777\)"):
        prepared(cache)
    tmp_path.chmod(0o1777)
    prepared(cache)


def foreign(cache: Path) -> store.Stored:
    ledger = Ledger(cache / "ledger.sqlite", THEIRS)
    ledger.put_note("model", "small")
    ledger.close()
    return artifact(cache, THEIRS)


def old(cache: Path, name: str = "a") -> store.Stored:
    """As version 0.1.0 left it."""
    cache.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(cache / "ledger.sqlite")) as db:
        db.executescript(
            "CREATE TABLE originals (path TEXT PRIMARY KEY, name TEXT UNIQUE, inode, size,"
            " mtime_ns, sha256, md5, hashed_at REAL, after, checked_at, outcome, failure);"
            "CREATE TABLE results (key TEXT PRIMARY KEY, stage TEXT, recording TEXT, files TEXT,"
            " facts TEXT, seconds REAL, at REAL);"
            "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL);"
            "INSERT INTO notes VALUES ('model', 'small'), ('clean', 'no');"
        )
        values = ("/in/a.wav", name, 1, 2, 3)
        db.execute(
            "INSERT INTO originals (path, name, inode, size, mtime_ns) VALUES (?,?,?,?,?)", values
        )
        db.commit()
    stored = artifact(cache, THEIRS)
    text = stored.path.read_text()
    stored.path.write_text(text[: text.index(',\n "files"')] + "\n}\n")
    return stored


@pytest.mark.parametrize("made", [foreign, old])
def test_a_folder_made_by_others_is_refused_unless_adopted(cache: Path, made) -> None:
    # proves: G12
    stored = made(cache)
    with pytest.raises(UsageError, match=r"-o, trust it with --adopt, or .*--adopt --fresh"):
        prepared(cache)
    said = prepared(cache, adopt=True)
    assert said == [
        f"1 results found in {cache} are trusted as they are (--adopt); nobody can tell whether "
        "they were changed earlier"
    ]
    assert store.load(stored, Media, MINE) == Media("wav", 1.0, [], [])
    ledger = Ledger(cache / "ledger.sqlite", MINE)
    assert ledger.note("model") == "small" and ledger.note("clean") is None
    assert prepared(cache) == [], "it is ours from now on"


def test_recordings_keep_their_names_when_they_are_adopted(cache: Path) -> None:
    old(cache, "call 1")
    prepared(cache, adopt=True)
    (known,) = Ledger(cache / "ledger.sqlite", MINE).originals().values()
    assert (known.path, known.name, known.before) == ("/in/a.wav", "call 1", None)


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "a//b"])
def test_names_that_lead_outside_the_folder_are_not_adopted(cache: Path, name: str) -> None:
    # proves: G12
    old(cache, name)
    prepared(cache, adopt=True)
    assert Ledger(cache / "ledger.sqlite", MINE).originals() == {}


def test_adopted_results_may_be_replaced_while_unchanged(cache: Path, tmp_path: Path) -> None:
    # proves: G14
    foreign(cache)
    (cache.parent / "a.txt").write_text("as it was written")
    (cache.parent / "b.txt").write_text("changed since")
    sha256 = hashlib.sha256(b"as it was written").hexdigest()
    files = [ExportedFile(name, sha256, 17) for name in ("a.txt", "b.txt")]
    source = tmp_path / "a.wav"
    one = Recording(source, "a", store.recording_folder(cache, STATE.sha256), STATE)
    path = store.named_path(cache, "export", "a")
    store.save(path, ExportTranscript(Path()), "k", one, Exports(files), THEIRS)
    prepared(cache, adopt=True)
    with gate.output(cache.parent, "voice", [], b"key"):
        assert gate.obstacle(cache.parent / "a.txt", source, STATE.sha256) is None
        changed = gate.obstacle(cache.parent / "b.txt", source, STATE.sha256)
        assert "changed after" in str(changed)
    with gate.output(cache.parent, "subtitle", [], b"key"):
        assert "another result" in str(gate.obstacle(cache.parent / "a.txt", source))


def test_numbers_of_persons_are_adopted(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old(cache)
    (cache / "people.json").write_text(json.dumps({"people": []}))
    assert read_kept(cache / "people.json") is None
    prepared(cache, adopt=True)
    assert read_kept(cache / "people.json") is not None


def test_a_damaged_database_is_reported(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "ledger.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(UsageError, match=r"damaged .*move it elsewhere"):
        prepared(cache)
