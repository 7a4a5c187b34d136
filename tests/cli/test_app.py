"""Behaviour that all commands share."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.cli import app as cli
from reelmill.commands import doctor as tasks


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_a_signal_before_the_run_starts_stops_it_with_exit_code_3(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    name: str,
) -> None:
    # proves: G12
    def told(out: Path) -> int:
        os.kill(os.getpid(), number)
        return 0

    monkeypatch.setattr(tasks, "run_doctor", told)
    monkeypatch.setattr("sys.argv", ["reelmill", "doctor"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    assert capsys.readouterr().err == f"reelmill: stopped by {name}\n"


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_a_signal_while_the_command_starts_stops_it_with_exit_code_3(
    number: signal.Signals, name: str
) -> None:
    # proves: G12
    script = f"""
import os, sys
class Told:  # somebody presses Ctrl-C when the command has come to one of its imports
    def find_spec(self, name, path, target=None):
        if name == "typer":
            os.kill(os.getpid(), {int(number)})
sys.meta_path.insert(0, Told())
from reelmill.cli.main import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=180
    )
    assert (done.returncode, done.stderr) == (3, f"reelmill: stopped by {name}\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_python_exits_keeps_the_exit_code(number: signal.Signals) -> None:
    # proves: G12
    script = f"""
import os, sys
class Last:  # its end comes after that of signal handling
    def __del__(self, kill=os.kill, me=os.getpid()):
        kill(me, {int(number)})
last = Last()
sys.argv = ["reelmill", "--version"]
from reelmill.cli.app import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("reelmill ")
