"""One run per output folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reelmill.engine.state.lock import FolderLock
from reelmill.errors import NotOursError, UsageError


def test_the_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    # proves: G18
    path = tmp_path / "out" / ".cache" / "lock"
    first, second = FolderLock(path), FolderLock(path)
    first.acquire()
    with pytest.raises(UsageError, match=rf"process {os.getpid()} on .* since") as told:
        second.acquire()
    assert str(tmp_path / "out") in str(told.value)
    first.release()
    second.acquire()
    second.release()


def test_a_killed_owner_does_not_hold_the_lock(tmp_path: Path) -> None:
    # proves: G12 G18
    path = tmp_path / "lock"
    code = (
        "import os; from pathlib import Path; from reelmill.engine.state.lock import FolderLock; "
        "from reelmill.core import gate; "
        f"gate.own(Path({str(path.parent)!r})); "
        f"FolderLock(Path({str(path)!r})).acquire(); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    lock = FolderLock(path)
    lock.acquire()
    lock.release()


def test_a_lock_file_with_invalid_content_is_usable(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_bytes(b"\xff{")
    first = FolderLock(path)
    first.acquire()
    first.release()
    first.release()  # twice is fine
    assert path.read_bytes() == b"\xff{", "perhaps it is not ours"


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    # proves: G14
    (tmp_path / "notes").write_text("mine")
    (tmp_path / "lock").symlink_to("notes")
    with pytest.raises(NotOursError, match="link"):
        FolderLock(tmp_path / "lock").acquire()
    (tmp_path / "lock").unlink()
    os.link(tmp_path / "notes", tmp_path / "lock")
    with pytest.raises(NotOursError, match="single name"):
        FolderLock(tmp_path / "lock").acquire()
    assert (tmp_path / "notes").read_text() == "mine"


def test_an_owner_with_unreadable_data_is_reported_as_unknown(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    first = FolderLock(path)
    first.acquire()
    path.write_text("[]")
    with pytest.raises(UsageError, match="unknown"):
        FolderLock(path).acquire()
    first.release()


def test_locks_of_different_folders_are_independent(tmp_path: Path) -> None:
    # proves: G18
    locks = [FolderLock(tmp_path / name / "lock") for name in "ab"]
    for lock in locks:
        lock.acquire()
    for lock in locks:
        lock.release()


def test_a_folder_instead_of_the_lock_is_reported(tmp_path: Path) -> None:
    (tmp_path / ".cache" / "lock").mkdir(parents=True)
    with pytest.raises(UsageError, match="remove it"):
        FolderLock(tmp_path / ".cache" / "lock").acquire()
