"""The examples of the library, as a user runs them; with the demo model."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "library"
ASSETS = Path(str(resources.files("reelmill") / "assets"))
#: Words and speakers have tests of their own; here they would only take time.
QUICK = {"REELMILL_ALIGN": "false", "REELMILL_DIARIZER": "none", "REELMILL_DEVICE": "cpu"}


def begin(script: str, *arguments: Path | str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, EXAMPLES / script, *arguments],
        env={**os.environ, **QUICK},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    folder = tmp_path / "calls"
    folder.mkdir()
    shutil.copy(ASSETS / "samples" / "planning a trip.ogg", folder)
    return folder


def test_the_example_turns_calls_into_a_table(tmp_path: Path, calls: Path) -> None:
    shutil.copy(ASSETS / "samples" / "broken.m4a", calls)
    table = tmp_path / "sentences.csv"
    running = begin("calls_to_csv.py", calls, table, "demo")
    told, errors = running.communicate(timeout=180)
    assert (running.returncode, told) == (1, "")
    assert errors.startswith("broken.m4a: ") and len(errors.splitlines()) == 1
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert {row["recording"] for row in rows} == {"planning a trip.ogg"}
    assert "to the police station on Sunday" in " ".join(row["text"] for row in rows)


def test_the_example_processes_an_inbox_while_it_fills(tmp_path: Path, calls: Path) -> None:
    inbox, out = tmp_path / "inbox", tmp_path / "out"
    inbox.mkdir()
    running = begin("inbox.py", inbox, out, "demo")
    (recording,) = calls.iterdir()
    for name in ("first.ogg", "second.ogg"):
        shutil.copy(recording, inbox / name)
        until = time.monotonic() + 180
        while not (out / name).with_suffix(".txt").exists():
            assert time.monotonic() < until and running.poll() is None, running.communicate()
            time.sleep(0.05)
    (inbox / "stop").touch()
    told, errors = running.communicate(timeout=180)
    assert (running.returncode, errors) == (0, "")
    assert told == "done: first\ndone: second\n"


def test_the_example_runs_two_jobs_in_one_loop(tmp_path: Path, calls: Path) -> None:
    running = begin("server.py", calls, ASSETS / "films", tmp_path / "out")
    told, errors = running.communicate(timeout=180)
    assert (running.returncode, errors) == (0, "")
    lines = told.splitlines()
    assert lines[-1] == "2"
    assert set(lines[:-1]) == {"calls: planning a trip done", "films: 会議 회의 done"}
    assert (tmp_path / "out" / "films" / "会議 회의.ko.srt").exists()
