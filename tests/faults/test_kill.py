"""Runs that are killed, stopped, or find the disk full, and are then continued."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.faults.kit import (
    ToyRun,
    artifacts,
    leftovers,
    make_texts,
    outputs,
    shared_memory,
    small_disk,
)

#: How often the coordinator is killed before the run may end: 20 for the full proof.
KILLS = int(os.environ.get("REELMILL_TEST_KILLS", "6"))
RECORDINGS = 40
WORKER, HOST = "process.cpu_worker:serve", "process.model_worker:serve"


def expected(folder: Path) -> dict[str, str]:
    """What the toy pipeline writes: each word in capitals and its place."""
    return {
        f"{path.stem}.up": " ".join(
            f"{word.upper()}{at}" for at, word in enumerate(path.read_text().split())
        )
        for path in folder.iterdir()
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_kill_9_at_random_moments_loses_and_repeats_nothing(tmp_path: Path, seed: int) -> None:
    # proves: G12 G9 G20
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, RECORDINGS, seed)
    moment, before_all, kills, made = random.Random(seed), shared_memory(), 0, {}
    for _ in range(KILLS):
        run = ToyRun(folder, out, log, delay=0.015 * KILLS)  # slow enough to be killed so often
        # planning, starting, inferring, merging: a resumed run is in each of them sooner or later
        deadline = time.monotonic() + moment.uniform(0.3, 1.6)
        while time.monotonic() < deadline and run.process.poll() is None:
            time.sleep(0.005)
        assert run.process.poll() in (None, 0), run.stderr
        kills += run.process.poll() is None
        run.kill()
        assert run.survivors() == []
        now = artifacts(out)
        assert {path: now.get(path) for path in made} == made, "an artifact was made again"
        made = now
    last = ToyRun(folder, out, log)
    assert last.wait() == 0, last.stderr
    assert last.survivors() == []
    assert kills >= 0.8 * KILLS, "it was finished before it could be killed"
    assert outputs(out) == expected(folder)
    assert {path: artifacts(out).get(path) for path in made} == made
    assert leftovers(out) == []
    # Tests in other processes have some for a moment.
    until = time.monotonic() + 60
    while shared_memory() - before_all and time.monotonic() < until:
        time.sleep(0.2)
    assert shared_memory() - before_all == set()


def test_an_undisturbed_run_gives_the_same_results_as_killed_ones(tmp_path: Path) -> None:
    # proves: G12
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, RECORDINGS, 1)
    assert ToyRun(folder, out, log).wait() == 0
    assert outputs(out) == expected(folder)
    lines = log.read_text().splitlines()
    assert len(lines) == len(set(lines)) == 2 * RECORDINGS, "a stage ran twice"
    assert leftovers(out) == []


@pytest.mark.parametrize("entry", [WORKER, HOST])
def test_a_killed_worker_process_is_replaced_and_fails_no_recording(
    tmp_path: Path, entry: str
) -> None:
    # proves: G10
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 20, 3)
    run = ToyRun(folder, out, log, delay=0.05)
    run.wait_for(lambda: "merge" in log.read_text())
    victims = run.children(entry)
    assert victims
    victims[0].kill()
    assert run.wait() == 0, run.stderr
    assert outputs(out) == expected(folder)
    assert leftovers(out) == []
    assert run.survivors() == []


def test_a_run_continues_when_all_workers_are_killed_at_once(tmp_path: Path) -> None:
    # proves: G10
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 20, 4)
    run = ToyRun(folder, out, log, delay=0.05)
    run.wait_for(lambda: "merge" in log.read_text())
    victims = run.children(WORKER)
    run.tell(signal.SIGSTOP)  # so that no retry falls into the hands of the next victim
    for victim in victims:
        victim.kill()
    run.tell(signal.SIGCONT)
    assert run.wait() == 0, run.stderr
    assert outputs(out) == expected(folder)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_work_finish_and_the_next_run_continues(
    tmp_path: Path, number: signal.Signals
) -> None:
    # proves: G12
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, RECORDINGS, 5)
    run = ToyRun(folder, out, log, delay=0.3)
    run.wait_for(lambda: "merge" in log.read_text())
    told = time.monotonic()
    run.tell(number)
    assert run.wait() == 3, run.stderr
    assert time.monotonic() - told < 30
    assert "stopping" in run.stderr
    assert run.survivors() == []
    made = artifacts(out)
    assert made and len(outputs(out)) < RECORDINGS
    again = ToyRun(folder, out, log)
    assert again.wait() == 0, again.stderr
    assert outputs(out) == expected(folder)
    assert {path: artifacts(out).get(path) for path in made} == made
    assert leftovers(out) == []


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    # proves: G12
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 10, 6)
    run = ToyRun(folder, out, log, delay=60.0)  # a drain would wait for the batch
    run.wait_for(log.with_name(f"{log.name}.inferring").exists)
    run.tell(signal.SIGINT)
    run.wait_for(lambda: "stopping" in run.stderr)
    told = time.monotonic()
    run.tell(signal.SIGINT)
    assert run.wait() == 3, run.stderr
    assert time.monotonic() - told < 30
    assert run.survivors() == []


def test_a_signal_before_the_start_ends_the_run(tmp_path: Path) -> None:
    # proves: G12
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, RECORDINGS, 7)
    run = ToyRun(folder, out, log, delay=0.1)
    run.wait_for((out / ".cache" / "ledger.sqlite").exists)
    run.tell(signal.SIGTERM)
    assert run.wait() == 3, run.stderr
    assert run.survivors() == []


def test_the_second_run_on_a_folder_says_who_is_using_it(tmp_path: Path) -> None:
    # proves: G18
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, RECORDINGS, 8)
    first = ToyRun(folder, out, log, delay=0.1)
    first.wait_for(lambda: "merge" in log.read_text())
    first.process.send_signal(signal.SIGSTOP)  # or on a busy machine it is over before the second
    second = ToyRun(folder, out, tmp_path / "log2")
    assert second.wait() == 2
    first.process.send_signal(signal.SIGCONT)
    assert f"process {first.process.pid}" in second.stderr
    assert "-o" in second.stderr and "Traceback" not in second.stderr
    elsewhere = ToyRun(folder, tmp_path / "out2", tmp_path / "log3")
    assert elsewhere.wait() == 0, elsewhere.stderr
    assert first.wait() == 0, first.stderr
    assert outputs(out) == outputs(tmp_path / "out2") == expected(folder)


def test_a_killed_run_leaves_no_stale_lock(tmp_path: Path) -> None:
    # proves: G18
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 4, 9)
    run = ToyRun(folder, out, log, delay=5.0)
    run.wait_for(lambda: run.children(HOST))
    run.kill()
    again = ToyRun(folder, out, log)  # at once: worker processes that still die hold no lock
    assert again.wait() == 0, again.stderr


def test_a_full_disk_stops_the_run_with_a_message_and_it_continues_with_space(
    tmp_path: Path,
) -> None:
    # proves: G12 G7
    folder, disk, log = tmp_path / "in", tmp_path / "disk", tmp_path / "log"
    make_texts(folder, RECORDINGS, 10)
    for path in folder.iterdir():
        path.write_text(" ".join(f"{path.stem}{at:x>2000}" for at in range(40)))
    with small_disk(disk, "3m") as remount:
        out = disk / "out"
        run = ToyRun(folder, out, log)
        assert run.wait() == 3, run.stderr
        assert "disk" in run.stderr and "full" in run.stderr
        assert "FAILED" not in run.stderr and "Traceback" not in run.stderr
        assert run.survivors() == []
        assert remount("size=64m")
        again = ToyRun(folder, out, log)
        assert again.wait() == 0, again.stderr
        assert outputs(out) == expected(folder)
        assert leftovers(out) == []


def test_a_disk_full_from_the_start_is_reported_before_any_work(tmp_path: Path) -> None:
    folder, disk, log = tmp_path / "in", tmp_path / "disk", tmp_path / "log"
    make_texts(folder, 3, 11)
    with small_disk(disk, "64k"):
        with (disk / "ballast").open("wb", buffering=0) as file:
            for _ in range(15):
                file.write(b"x" * 4096)
        run = ToyRun(folder, disk / "out", log)
        assert run.wait() in (2, 3), run.stderr
        assert "Traceback" not in run.stderr
        assert log.read_text() == ""


def test_an_output_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    # proves: G14
    folder, disk, log = tmp_path / "in", tmp_path / "disk", tmp_path / "log"
    make_texts(folder, 2, 12)
    with small_disk(disk, "4m") as remount:
        assert remount("ro")
        run = ToyRun(folder, disk / "out", log)
        assert run.wait() == 2
        assert "cannot be written" in run.stderr and "Traceback" not in run.stderr


def test_a_file_instead_of_the_output_folder_is_refused(tmp_path: Path) -> None:
    folder, log = tmp_path / "in", tmp_path / "log"
    make_texts(folder, 2, 13)
    (tmp_path / "out").write_text("in the way")
    run = ToyRun(folder, tmp_path / "out", log)
    assert run.wait() == 2
    assert "cannot be written" in run.stderr and "Traceback" not in run.stderr
    assert (tmp_path / "out").read_text() == "in the way"


def test_worker_processes_end_when_the_coordinator_is_killed(tmp_path: Path) -> None:
    # proves: G9
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    make_texts(folder, 4, 14)
    run = ToyRun(folder, out, log, delay=100.0)  # the model worker is inside a long call
    run.wait_for(lambda: run.children(HOST) and "read" in log.read_text())
    assert all(isinstance(process, psutil.Process) for process in run.children(WORKER))
    run.kill()
    assert run.survivors() == []  # although the call goes on for longer than they are waited for
