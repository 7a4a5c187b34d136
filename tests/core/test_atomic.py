"""Atomic writes: old or new content, no leftovers, long names."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from reelmill.core import gate
from reelmill.core.atomic import (
    NAME_MAX_BYTES,
    is_leftover,
    replacing,
    shortened,
    write_bytes,
    write_text,
    write_together,
)
from reelmill.core.recording import FileState, Recording


def test_replacing_writes_a_new_file_and_replaces_an_old_one(tmp_path: Path):
    target = tmp_path / "new" / "folder" / "한글 파일.txt"
    write_text(target, "하나\r\n둘\n")
    assert target.read_bytes() == "하나\r\n둘\n".encode()
    write_bytes(target, b"\x00two")
    assert target.read_bytes() == b"\x00two"
    assert list(target.parent.iterdir()) == [target]


def test_text_mode_keeps_line_ends_unchanged(tmp_path: Path):
    with replacing(tmp_path / "a", "w") as file:
        file.write("가\n나\r\n")
    assert (tmp_path / "a").read_bytes() == "가\n나\r\n".encode()


def test_an_error_leaves_the_old_content_and_nothing_else(tmp_path: Path):
    target = tmp_path / "a.json"
    write_text(target, "old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as file:
        file.write(b"new")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_names_of_the_longest_length_can_be_written(tmp_path: Path):
    name = "가" * 84 + ".md"  # 254 bytes, beyond which the system itself refuses
    write_text(tmp_path / name, "x")
    assert (tmp_path / name).read_text() == "x"
    with pytest.raises(OSError, match="File name too long"):
        write_text(tmp_path / ("가" * 86), "x")
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_temporary_names_are_recognized_and_fit(tmp_path: Path):
    with replacing(tmp_path / ("나" * 85)):
        [temporary] = tmp_path.iterdir()
        assert is_leftover(temporary)
        assert len(os.fsencode(temporary.name)) <= NAME_MAX_BYTES
    for name in ("a.part", ".hidden", ".x.part", "나" * 85, ".x.12.part", "reelmill-part"):
        assert not is_leftover(Path(name))


def test_a_name_that_is_not_utf8_can_be_written(tmp_path: Path):
    target = tmp_path / os.fsdecode(b"\xff\xfe.txt")
    write_text(target, target.name)
    assert target.read_bytes() == b"\xff\xfe.txt"


def test_a_killed_writer_leaves_only_a_leftover(tmp_path: Path):
    code = (
        "import sys, pathlib, time\n"
        "from reelmill.core import gate\n"
        "from reelmill.core.atomic import replacing\n"
        "target = pathlib.Path(sys.argv[1]); gate.own(target.parent)\n"
        "with replacing(target) as file:\n"
        "    file.write(b'half'); file.flush(); print('in', flush=True); time.sleep(60)\n"
    )
    target = tmp_path / "a.json"
    write_text(target, "old")
    writer = subprocess.Popen([sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"in\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    assert target.read_text() == "old"
    [left] = [p for p in tmp_path.iterdir() if p != target]
    assert is_leftover(left)


def test_a_reader_never_sees_a_partial_file(tmp_path: Path):
    target, stop, seen = tmp_path / "a", threading.Event(), set()
    write_bytes(target, b"a" * 100_000)

    def read() -> None:
        while not stop.is_set():
            seen.add(target.read_bytes()[:1] * (target.stat().st_size == 100_000))

    reader = threading.Thread(target=read)
    reader.start()
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        write_bytes(target, b"b" * 100_000)
        write_bytes(target, b"a" * 100_000)
    stop.set()
    reader.join()
    assert seen <= {b"a", b"b"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_raises_an_oserror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("reelmill.core.gate.create", lambda path: os.open("/dev/full", os.O_WRONLY))
    with pytest.raises(OSError, match="No space left"):
        write_bytes(tmp_path / "a", b"x")


def test_files_written_together_get_their_names_once_all_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # proves: G12
    steps, fsync, link = [], os.fsync, os.link

    def flush(descriptor: int) -> None:
        time.sleep(0.02)
        fsync(descriptor)
        steps.append(os.fstat(descriptor).st_ino)

    def name(*arguments: Any, **more: Any) -> None:
        link(*arguments, **more)
        steps.append("named")

    monkeypatch.setattr(os, "fsync", flush)
    monkeypatch.setattr(os, "link", name)
    out, contents = tmp_path / "out", {"a.txt": b"one", "a.srt": b"two"}
    with gate.output(out, "voice", []):
        write_together({out / one: data for one, data in contents.items()}, of=_recording())
    files = {(out / one).stat().st_ino for one in (*contents, ".cache/written.jsonl")}
    assert set(steps[:3]) == files and steps[3:] == ["named", "named"]
    assert {one: (out / one).read_bytes() for one in contents} == contents


def test_files_written_together__one_that_cannot_be_flushed__leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # proves: G12
    def flush(descriptor: int) -> None:
        if os.fstat(descriptor).st_size == 3:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", flush)
    out = tmp_path / "out"
    with gate.output(out, "voice", []), pytest.raises(OSError, match="Input/output"):
        write_together({out / "a.txt": b"ok", out / "b.txt": b"bad"}, of=_recording())
    assert [one.name for one in out.rglob("*") if one.is_file()] == ["written.jsonl"]


def _recording() -> Recording:
    return Recording(Path("/in/a.wav"), "a", Path("/work"), FileState("ab" * 32, "", 1, 1))


def test_shortened_never_cuts_inside_a_character():
    assert shortened("가나다", 9) == "가나다"
    assert shortened("가나다", 8) == "가나"
    assert shortened("a나다", 5) == "a나"
    assert shortened("가", 2) == ""
