"""The ledger: content is there in the next run, for any path."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from reelmill.artifacts import RecordingSummary
from reelmill.core.recording import FileState
from reelmill.engine.state.run_db import Ledger, Original, Result
from reelmill.errors import Failure, UsageError

STATE = FileState("ab" * 32, "cd" * 16, 12, 34)


def original(path: str = "/in/a.wav", name: str = "a") -> Original:
    return Original(path, name, 5, 12, 34, STATE, 1.5, STATE, 2.5, "key", None)


def reopened(path: Path) -> Ledger:
    return Ledger(path)


def test_originals_are_read_back_completely(tmp_path: Path) -> None:
    # proves: G12 G14
    ledger = Ledger(tmp_path / "ledger.sqlite")
    first, second = original(), original("/in/b.wav", "b")
    second.failure = Failure("read", "input", "no sound", 1)
    second.after = second.outcome = None
    ledger.put_original(first)
    ledger.put_original(second)
    ledger.close()
    assert reopened(tmp_path / "ledger.sqlite").originals() == {
        first.path: first,
        second.path: second,
    }


@pytest.mark.parametrize("number", [-(10**20), 2**63 - 1, 2**63, 10_413_792_000_000_000_000])
def test_times_and_inodes_beyond_64_bits_are_kept(tmp_path: Path, number: int) -> None:
    """A file dated 2300, a file system with inodes of 64 bits without sign."""
    # proves: G8
    ledger = Ledger(tmp_path / "ledger.sqlite")
    far = original()
    far.inode = far.mtime_ns = number
    far.before = far.after = FileState("ab" * 32, "cd" * 16, 12, number)
    ledger.put_original(far)
    ledger.close()
    assert reopened(tmp_path / "ledger.sqlite").originals() == {far.path: far}


@pytest.mark.parametrize(
    "name",
    ["통화.wav", "a\nb.wav", "-x.wav", "😀.wav", "' OR 1=1.wav", os.fsdecode(b"\xff\xfe.wav")],
)
def test_any_file_name_is_kept(tmp_path: Path, name: str) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put_original(original(f"/in/{name}", Path(name).stem))
    ledger.close()
    assert list(reopened(tmp_path / "ledger.sqlite").originals()) == [f"/in/{name}"]


def database(out: Path) -> Path:
    return out / ".cache" / "ledger.sqlite"


def test_results_are_read_back_as_results_of_earlier_runs(tmp_path: Path) -> None:
    # proves: G12
    ledger = Ledger(database(tmp_path))
    files = [str(tmp_path / ".cache" / "a.json"), str(tmp_path / "b.txt")]
    ledger.put_result(Result("k", "read", "r", ["/x"], RecordingSummary(media_seconds=2.0), 0.5))
    ledger.put_result(Result("k", "read", "r", files))
    ledger.close()
    found = reopened(database(tmp_path)).results()["k"]
    assert found.files == files and found.from_before


def test_results_follow_the_folder_when_it_moves(tmp_path: Path) -> None:
    """A copied or moved folder of results does not refer to the old place."""
    # proves: G12
    one, two = tmp_path / "one", tmp_path / "two"
    ledger = Ledger(database(one))
    ledger.put_original(original(str(tmp_path / "calls" / "a.wav")))
    ledger.put_original(original(str(one / "b.wav"), "b"))
    ledger.put_result(Result("k", "read", "r", [str(one / ".cache" / "a.json"), str(one / "b")]))
    ledger.close()
    shutil.copytree(one, two)
    copied = reopened(database(two))
    assert copied.results()["k"].files == [str(two / ".cache" / "a.json"), str(two / "b")]
    beside = {known.name: known.beside for known in copied.originals().values()}
    assert beside == {"a": str(tmp_path / "calls" / "a.wav"), "b": str(two / "b.wav")}


def edited(path: Path, statement: str, *values: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute(statement, values)
        db.commit()


@pytest.mark.parametrize(
    "statement",
    [
        """UPDATE results SET files = '["../../thesis.docx"]'""",
        """UPDATE results SET facts = '{"notes": ["forged"]}'""",
        "UPDATE results SET key = 'another'",
        "UPDATE results SET files = 5, facts = X'00'",
        "UPDATE results SET mac = NULL",
        "UPDATE results SET mac = X'FF'",
        "INSERT INTO results SELECT 'k2', stage, recording, files, facts, seconds, at, mac"
        " FROM results",
    ],
)
def test_an_edited_or_planted_result_is_ignored(tmp_path: Path, statement: str) -> None:
    # proves: G12
    path = database(tmp_path)
    ledger = Ledger(path)
    ledger.put_result(Result("k", "read", "r", [str(tmp_path / "a")]))
    ledger.close()
    edited(path, statement)
    again = reopened(path)
    assert all(
        key == "k" and one.summary == RecordingSummary() for key, one in again.results().items()
    )
    assert again.refused == 1


def test_edited_choices_and_originals_are_ignored(tmp_path: Path) -> None:
    # proves: G12
    path = database(tmp_path)
    ledger = Ledger(path)
    ledger.put_note("model", "large-v3")
    ledger.put_original(original())
    ledger.close()
    edited(path, "UPDATE notes SET value = './planted' WHERE name = 'model'")
    edited(path, "UPDATE originals SET name = '../../x'")
    again = reopened(path)
    assert again.note("model") is None and again.originals() == {}


def test_a_row_copied_to_another_table_is_ignored(tmp_path: Path) -> None:
    path = database(tmp_path)
    ledger = Ledger(path)
    ledger.put_note("a", "harmless")
    ledger.close()
    edited(path, "INSERT INTO notes SELECT 'model', value, mac FROM notes WHERE name = 'a'")
    assert reopened(path).note("model") is None


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("PRAGMA user_version = 0", "made by Reelmill 0.1.0, which did not mark"),
        ("PRAGMA user_version = 9", r"made by another version of Reelmill \(format 9\)"),
        ("DELETE FROM notes", "not made with your key"),
        ("UPDATE notes SET value = 'somebody'", r"made with another key \(somebody\)"),
    ],
)
def test_a_database_made_with_another_key_is_refused_with_what_to_do(
    tmp_path: Path, statement: str, told: str
) -> None:
    # proves: G12
    Ledger(database(tmp_path)).close()
    edited(database(tmp_path), statement)
    with pytest.raises(UsageError, match=rf"{told}.*-o.*--adopt.*--fresh"):
        Ledger(database(tmp_path))


@pytest.mark.parametrize("table", ["notes", "results", "originals"])
def test_tables_of_another_shape_are_reported(tmp_path: Path, table: str) -> None:
    path = database(tmp_path)
    Ledger(path).close()
    edited(path, f"DROP TABLE {table}")
    edited(path, f"CREATE TABLE {table} (something TEXT)")
    with pytest.raises(UsageError, match=r"damaged|cannot be written"):
        ledger = Ledger(path)
        ledger.originals()
        ledger.results()


def test_an_original_can_be_forgotten(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    odd = os.fsdecode(b"/in/\xff.wav")
    ledger.put_original(original())
    ledger.put_original(original(odd, "b"))
    ledger.forget_original(odd)
    assert set(ledger.originals()) == {"/in/a.wav"}


def test_notes_are_stored(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger.note("model") is None
    ledger.put_note("model", "demo")
    ledger.put_note("model", "small")
    ledger.close()
    assert reopened(tmp_path / "ledger.sqlite").note("model") == "small"


def test_committed_rows_survive_a_kill(tmp_path: Path) -> None:
    # proves: G12
    path = tmp_path / "ledger.sqlite"
    code = (
        "import os, sys; from pathlib import Path; "
        "from reelmill.engine.state.run_db import Ledger; "
        f"from reelmill.core import gate; gate.own(Path({str(path.parent)!r})); "
        f"ledger = Ledger(Path({str(path)!r})); ledger.put_note('a', '1'); ledger.commit(); "
        "ledger.put_note('b', '2'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    ledger = Ledger(path)
    assert ledger.note("a") == "1" and ledger.note("b") is None


def test_a_damaged_ledger_is_reported_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is not a database, it only lies where one was" * 100)
    with pytest.raises(UsageError, match=r"damaged.*move it elsewhere"):
        Ledger(path)


def test_a_ledger_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(UsageError, match="cannot be written"):
        Ledger(tmp_path / "ledger.sqlite")


def test_a_failed_commit_leaves_a_usable_ledger(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = Ledger(path)
    ledger.put_note("filler", "x" * 200_000)
    ledger.commit()
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")  # as full as a disk can be
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for number in range(100):
            ledger.put_note(f"more{number}", "y" * 100_000)
        ledger.commit()
    ledger._db.execute("PRAGMA max_page_count = 100000")
    ledger.put_note("after", "z")
    ledger.close()
    assert Ledger(path).note("after") == "z"
