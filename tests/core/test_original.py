"""The bytes read from an original are those that were hashed; a change in between is detected."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reelmill.core import progress
from reelmill.core.recording import Hashing, Identity, Recording, open_original, read_state
from reelmill.errors import ChangedError, InputError

CONTENT = b"what was hashed " * 100


def recording(path: Path) -> Recording:
    path.write_bytes(CONTENT)
    state = read_state(path)
    return Recording(path, "a", path.parent, state, Identity.of(path.stat()))


def swap(path: Path) -> None:
    """Another file of the same size and time takes the name."""
    stat = path.stat()
    other = path.with_name("other")
    other.write_bytes(CONTENT[::-1])
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)


def rewrite(path: Path) -> None:
    """The same file gets other bytes, and its time back."""
    stat = path.stat()
    path.write_bytes(CONTENT[::-1])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


CHANGES = {"swap": (swap, "inode"), "rewrite": (rewrite, "ctime_ns"), "grow": (grow, "size")}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_after_hashing_is_detected_before_reading(name: str, tmp_path: Path) -> None:
    # proves: G14
    change, field = CHANGES[name]
    original = recording(tmp_path / "a.wav")
    change(original.path)
    with pytest.raises(ChangedError, match=rf"a\.wav: changed during the run .*{field}: \d+ -> "):
        open_original(original)


@pytest.mark.parametrize("change", [swap, rewrite, grow, Path.unlink])
def test_a_change_during_reading_is_detected_at_the_end(
    change: Callable[[Path], None], tmp_path: Path
) -> None:
    # proves: G14
    original = recording(tmp_path / "a.wav")
    with pytest.raises(ChangedError, match=r"a\.wav: changed"), open_original(original):
        change(original.path)


def test_an_error_caused_by_a_change_is_reported_as_the_change(tmp_path: Path) -> None:
    original = recording(tmp_path / "a.wav")
    with pytest.raises(ChangedError), open_original(original):
        rewrite(original.path)
        raise InputError("no sound in it")


def test_reading_continues_in_the_opened_file_after_a_rename(tmp_path: Path) -> None:
    # proves: G14
    original = recording(tmp_path / "a.wav")
    opened = open_original(original)
    swap(original.path)
    assert opened.reader().readall() == CONTENT
    opened.close()


def test_several_readers_can_read_an_unchanged_file_at_once(tmp_path: Path) -> None:
    with open_original(recording(tmp_path / "a.wav")) as opened:
        one, other = opened.reader(), opened.reader()
        assert (one.read(4), other.read(8), one.read(4)) == (b"what", b"what was", b" was")
        assert other.seek(-1, os.SEEK_END) == len(CONTENT) - 1
        with pytest.raises(OSError, match="before the start"):
            other.seek(-1)


def test_hashing_in_slices_gives_the_same_hash_and_shows_progress(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(os.urandom(5 << 20))
    before = progress.ticks()
    with Hashing(path) as hashing:
        slices = 0
        while not hashing.go_on(1 << 20):
            slices += 1
            assert hashing.done == slices << 20
        assert hashing.state() == read_state(path)
        assert slices == 5
    assert progress.ticks() - before >= 5
