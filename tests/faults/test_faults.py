"""Every kind of fault in model workers and CPU workers, on toy stages and on a real command."""

from __future__ import annotations

import signal
import time
from importlib import resources
from pathlib import Path

import pytest

from tests.faults.faults import OUT_OF_MEMORY, START, TASK, Fault, schedule, struck
from tests.faults.kit import MarkedRun, ToyRun, leftovers, make_texts, outputs
from tests.faults.test_kill import expected

QUICK = {"least_deadline": 1.0, "stall_timeout": 8.0, "retry_waits": (0.05, 0.1, 0.2)}
SAMPLES = resources.files("reelmill") / "assets" / "samples"


@pytest.mark.parametrize(
    "faults",
    [
        [
            Fault("memory", 1, START),
            Fault("slow", 1, seconds=0.2),
            *(Fault(kind, at) for at, kind in enumerate(OUT_OF_MEMORY, start=3)),
            Fault("busy", 8),
        ],
        [  # far enough apart that no item is struck twice: it would rightly be charged with it
            Fault("kill", 1, START),
            Fault("kill", 2),
            Fault("segfault", 7),
            Fault("exit", 12),
            Fault("hang", 17),
            Fault("device", 22),
            Fault("kill", 6, TASK),
            Fault("exit", 30, TASK),
        ],
    ],
    ids=["processes that live", "processes that die"],
)
def test_faults_outside_the_recordings_fail_no_recording(
    tmp_path: Path, faults: list[Fault]
) -> None:
    # proves: G4 G8 G10 G11
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 20, 21)
    environment = schedule(tmp_path / "faults", faults, **QUICK)
    run = ToyRun(folder, out, log, environment=environment)
    assert run.wait() == 0, run.stderr
    assert set(struck(tmp_path / "faults")) == set(faults)
    assert outputs(out) == expected(folder)
    assert leftovers(out) == []
    assert run.survivors() == []
    assert (tmp_path / "faults" / "descriptors").read_text() == ""


def test_a_run_stopped_by_its_memory_limit_continues_with_a_higher_one(tmp_path: Path) -> None:
    # proves: G7 G12
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 20, 23)
    environment = schedule(tmp_path / "faults", [], {"sample": 0.2, "tell": 0.2})
    environment["REELMILL_MEMORY_LIMIT"] = "1"  # percent of the machine's: always in use
    run = ToyRun(folder, out, log, 0.5, environment)
    assert run.wait() == 3, run.stderr
    assert "releasing what can be released" in run.stderr
    assert "the limit is 1%" in run.stderr and "--memory-limit" in run.stderr
    assert run.survivors() == []
    again = ToyRun(folder, out, log)
    assert again.wait() == 0, again.stderr
    assert outputs(out) == expected(folder)


def test_sigterm_ends_a_run_whose_processes_hang(tmp_path: Path) -> None:
    # proves: G12
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 20, 24)
    environment = schedule(tmp_path / "faults", [], drain_seconds=0.5)
    run = ToyRun(folder, out, log, 0.1, environment)
    run.wait_for(lambda: "merge" in log.read_text())
    for process in run.children("faults.faults:serve"):
        process.suspend()
    told = time.monotonic()
    run.tell(signal.SIGTERM)
    assert run.wait() == 3, run.stderr
    # in earnest it waits 20 s for what was begun instead of half a second
    assert time.monotonic() - told < 18
    assert run.survivors() == []


def test_a_real_model_that_runs_out_of_memory_and_dies_still_gives_the_text(tmp_path: Path) -> None:
    # proves: G4 G10
    faults = [Fault("ctranslate2", 1, "recognize"), Fault("segfault", 2, "recognize")]
    environment = schedule(tmp_path / "faults", faults, retry_waits=(0.1,))
    sample = str(SAMPLES / "planning a trip.ogg")
    options = ("--model", "demo", "--no-align", "--diarizer", "none", "--device", "cpu:1")
    run = MarkedRun(
        "tests.faults.commandrun",
        ("voice", sample, "-o", tmp_path / "out", *options),
        tmp_path / "stderr",
        environment,
    )
    assert run.wait() == 0, run.stderr
    assert struck(tmp_path / "faults") == faults
    assert len((tmp_path / "out" / "planning a trip.txt").read_text().split()) > 20
    assert run.survivors() == []
