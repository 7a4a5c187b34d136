"""Every kind of fault in model hosts and CPU workers, on toy stages and on a real command."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from tests.faults.faults import OUT_OF_MEMORY, START, TASK, Fault, schedule, struck
from tests.faults.kit import MarkedRun, ToyRun, leftovers, make_texts, outputs
from tests.faults.test_kill import expected

QUICK = {"least_deadline": 1.0, "task_deadline": 8.0, "retry_waits": (0.05, 0.1, 0.2)}
SAMPLES = resources.files("reelmill") / "assets" / "samples"


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(kind, at) for at, kind in enumerate(OUT_OF_MEMORY, start=2)],
        [Fault("kill", 2), Fault("segfault", 3), Fault("exit", 5), Fault("device", 6)],
        [Fault("slow", 1, seconds=0.3), Fault("hang", 3), Fault("busy", 5), Fault("error", 7)],
        [Fault("memory", 1, START), Fault("kill", 2, START)],
        [Fault("kill", 3, TASK), Fault("exit", 9, TASK)],
    ],
    ids=["out of memory", "dead", "slow, hung, odd", "at the start", "workers"],
)
def test_faults_that_are_not_the_recordings_cost_no_recording(
    tmp_path: Path, faults: list[Fault]
) -> None:
    # proves: G4 G8 G10 G11
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 20, 21)
    environment = schedule(tmp_path / "faults", faults, **QUICK)
    run = ToyRun(folder, out, log, environment=environment)
    assert run.wait() == 0, run.stderr
    assert struck(tmp_path / "faults") == faults
    assert outputs(out) == expected(folder)
    assert leftovers(out) == []
    assert run.survivors() == []
    assert (tmp_path / "faults" / "descriptors").read_text() == ""


def test_a_disk_that_is_full_for_a_host_stops_the_run(tmp_path: Path) -> None:
    # proves: G7
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 20, 22)
    environment = schedule(tmp_path / "faults", [Fault("disk", 3)])
    run = ToyRun(folder, out, log, environment=environment)
    assert run.wait() == 3, run.stderr
    assert "disk" in run.stderr and "full" in run.stderr


def test_a_real_model_runs_out_of_memory_and_dies_and_the_text_is_there(tmp_path: Path) -> None:
    # proves: G4 G10
    faults = [Fault("ctranslate2", 1, "transcribe"), Fault("segfault", 2, "transcribe")]
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
