"""Originals are opened for reading only, and known by their content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.core import recording as recording_module
from reelmill.core.recording import FileState, open_original, read_state
from reelmill.errors import InputError, TransientError


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1])
def test_the_state_has_hashes_size_and_time(tmp_path: Path, size: int) -> None:
    # proves: G14
    path = tmp_path / "a.wav"
    data = os.urandom(size)
    path.write_bytes(data)
    stat = path.stat()
    state = read_state(path)
    assert state.sha256 == hashlib.sha256(data).hexdigest()
    assert state.md5 == hashlib.md5(data).hexdigest()
    assert (state.size, state.mtime_ns) == (size, stat.st_mtime_ns)
    assert path.stat().st_mtime_ns == stat.st_mtime_ns


def test_an_original_cannot_be_written_through_its_descriptor(tmp_path: Path) -> None:
    # proves: G14
    path = tmp_path / "a.wav"
    path.write_bytes(b"evidence")
    with open_original(path) as file, pytest.raises(OSError, match="Bad file descriptor"):
        os.write(file.descriptor, b"x")
    assert path.read_bytes() == b"evidence"


def test_a_path_that_cannot_be_a_recording_is_reported(tmp_path: Path) -> None:
    # proves: G8
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "dangling.wav").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.wav").symlink_to(tmp_path / "loop.wav")
    (tmp_path / "folder.wav").mkdir()
    for name, cause in {
        "pipe.wav": "not a regular file",  # and does not block
        "dangling.wav": "a link whose target does not exist",
        "loop.wav": "cannot be opened",
        "folder.wav": "not a regular file",
        "gone.wav": "not found",
    }.items():
        with pytest.raises(InputError, match=cause) as told:
            open_original(tmp_path / name)
        assert name in str(told.value)


@pytest.mark.parametrize(
    ("number", "kind"), [(5, TransientError), (116, TransientError), (13, InputError)]
)
def test_transient_errors_are_distinguished_from_permanent_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    # proves: G8
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(recording_module.os, "open", refuse)
    with pytest.raises(kind):
        open_original(tmp_path / "a.wav")


def test_a_file_that_is_still_being_written_is_a_transient_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G8 G14
    path = tmp_path / "a.wav"
    path.write_bytes(b"x" * 10)
    real = os.fstat

    def grows(descriptor: int) -> os.stat_result:
        stat = real(descriptor)
        with path.open("ab") as file:
            file.write(b"more")
        return stat

    monkeypatch.setattr(recording_module.os, "fstat", grows)
    with pytest.raises(TransientError, match="still being written"):
        read_state(path)


states = st.builds(FileState, st.text(), st.text(), st.integers(), st.integers())


@given(states, states)
def test_differences_name_exactly_the_changed_fields(one: FileState, other: FileState) -> None:
    # proves: G14
    named = [text.split(":")[0] for text in one.differences(other)]
    assert named == [
        name
        for name in ("sha256", "md5", "size", "mtime_ns")
        if getattr(one, name) != getattr(other, name)
    ]
    assert one.differences(one) == []
