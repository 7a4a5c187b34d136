"""Commands stop when told, however the signal reaches them."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

import psutil
import pytest

from reelmill.commands.signals import NUMBERS, held_back
from tests.faults.kit import ToyRun, make_texts


def slow_run(folder: Path) -> ToyRun:
    make_texts(folder / "in", 40, 25)
    return ToyRun(folder / "in", folder / "out", folder / "log", 0.2)


def work_has_begun(folder: Path) -> bool:
    return (folder / "log").stat().st_size > 0


@pytest.mark.parametrize("number", NUMBERS)
def test_a_command_whose_parent_blocks_signals_stops_when_told(
    tmp_path: Path, number: signal.Signals
) -> None:
    # proves: G12
    with held_back():  # children inherit it
        run = slow_run(tmp_path)
    run.wait_for(lambda: work_has_begun(tmp_path))
    run.tell(number)
    assert run.wait() == 3, run.stderr


def test_a_signal_that_the_system_hands_to_another_thread_stops_a_command(tmp_path: Path) -> None:
    # proves: G12
    run = slow_run(tmp_path)
    run.wait_for(lambda: work_has_begun(tmp_path))
    pid = run.process.pid
    others = [thread.id for thread in psutil.Process(pid).threads() if thread.id != pid]
    assert tell_thread(pid, others[0], signal.SIGTERM)
    assert run.wait() == 3, run.stderr


def tell_thread(pid: int, thread: int, number: signal.Signals) -> bool:
    """What `os.kill` does, but for one thread of the process."""
    tgkill = {"x86_64": 234, "aarch64": 131}.get(os.uname().machine)
    if tgkill is None:
        pytest.skip(f"the number of the system call is not known for {os.uname().machine}")
    return ctypes.CDLL(None).syscall(tgkill, pid, thread, int(number)) == 0
