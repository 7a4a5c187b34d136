"""Several workers on one folder: the same results as from one engine."""

# proves: G17

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import pytest

SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]
COUNT = 6


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short calls of different content, one that is broken, names in Korean."""
    folder = tmp_path_factory.mktemp("shared") / "통화"
    folder.mkdir()
    whole = (SAMPLES / "voicemail.wav").read_bytes()
    for number in range(COUNT):
        changed = bytearray(whole)
        changed[-2 * (number + 1)] ^= 3
        (folder / f"통화 {number}.wav").write_bytes(changed)
    shutil.copy(SAMPLES / "broken.m4a", folder)
    return folder


def started(calls: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    command = [*CLI, "voice", str(calls), "--model", "demo", "-o", str(out), *options]
    environment = {**os.environ, "REELMILL_CLAIM_LEASE": "3", "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, **pipes)


def artifacts(out: Path) -> dict[str, bytes]:
    """What stages made, by content: neither files for people, which are named after recordings,
    nor the note of decoded sound, which is gone when a recording is done.
    """
    folder = out / ".cache" / "artifacts"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.glob("??/*/*.json")
        if not path.name.startswith("decode-")
    }


def written(out: Path) -> dict[str, bytes]:
    """The files for people, without pages, which tell of the run that wrote them."""
    files = (path for path in out.glob("통화*") if path.suffix != ".html")
    return {path.name: path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def alone(calls: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of one engine."""
    out = tmp_path_factory.mktemp("alone") / "out"
    assert started(calls, out).wait(300) == 1, "the broken call alone failed"
    return out


def test_a_killed_workers_part_is_done_by_the_others(
    calls: Path, alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    victim = started(calls, out, "--claim")
    deadline = time.monotonic() + 180
    while not list(out.glob(".cache/claims/*.claim")) and time.monotonic() < deadline:
        time.sleep(0.02)
    victim.send_signal(signal.SIGKILL)
    victim.wait(90)
    assert list(out.glob(".cache/claims/*.claim")), "killed with claims in its hands"
    workers = [started(calls, out, "--claim") for _ in range(2)]
    said = [worker.communicate(timeout=300) for worker in workers]
    assert sorted(worker.returncode for worker in workers)[-1] == 1, said  # broken.m4a
    assert written(out) == written(alone) and len(written(out)) == 5 * COUNT
    assert artifacts(out) == artifacts(alone), "byte for byte"
    report = json.loads((out / "performance_report.json").read_text())
    assert (report["successful"], report["failed"]) == (COUNT, 1)
    assert "Workers" in (out / "report.html").read_text(encoding="utf-8")


def test_shards_of_any_number_make_one_whole(calls: Path, alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = started(calls, out, "--shard", "1/2")
    _, said = first.communicate(timeout=300)
    assert not (out / "report.html").exists(), "the other half is missing"
    second = started(calls, out, "--shard", "2/2")
    second.communicate(timeout=300)
    assert second.returncode == 1, said
    assert written(out) == written(alone) and artifacts(out) == artifacts(alone)


def test_what_contradicts_sharing_is_refused(calls: Path, tmp_path: Path) -> None:
    for options, told in (
        (["--claim", "--fresh"], "--fresh does not go with"),
        (["--shard", "3/2"], "give I/N"),
    ):
        worker = started(calls, tmp_path / "out", *options)
        _, said = worker.communicate(timeout=180)
        assert worker.returncode == 2 and told in said
