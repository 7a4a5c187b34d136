"""What every command has in common."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill import cli, tasks


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_a_run_has_begun_is_a_stop_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
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
    assert capsys.readouterr().err == f"reelmill: stopped by {number.name}\n"
