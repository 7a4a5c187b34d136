"""Workers that start before their command is imported: taken by its run, or not there at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from reelmill.commands import head_start as module
from reelmill.commands.head_start import head_start
from reelmill.runs.run import Run
from tests.engine.process.test_early import begun
from tests.runs.toy_task import toy_task

IMPORTS = ("tests.engine.toys",)


def test_a_run_takes_the_workers_that_are_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: 4)
    others = set(psutil.Process().children())
    (tmp_path / "a.txt").write_text("one two")
    at_work: set[int] = set()
    with head_start({"out": tmp_path / "out"}, IMPORTS) as early:
        started = {one.pid for one in begun(others)}
        task = replace(toy_task(), worker_imports=IMPORTS)
        run = Run(task, tmp_path / "a.txt", out=tmp_path / "out", workers=2)
        run.head_start = early
        run.on_kept = lambda kept: at_work.update(one.pid for one in begun(others))
        with run:
            pass
    assert run.summary is not None and [one.status for one in run.summary.outcomes] == ["done"]
    assert len(started) == 2 and started <= at_work
    assert not begun(others)


def test_workers_end_with_a_command_that_cannot_begin(tmp_path: Path) -> None:
    others = set(psutil.Process().children())
    with pytest.raises(LookupError), head_start({"out": tmp_path / "out"}, IMPORTS):
        raise LookupError
    assert not begun(others)


@pytest.mark.parametrize(
    "options", [{"on": "celery"}, {"claim": True}, {"shard": "1/2"}, {"engine": "x"}, {"out": "."}]
)
def test_none_start_where_others_do_the_work_or_it_may_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".cache").mkdir()
    with head_start(options, IMPORTS) as early:
        assert early is None


def test_none_start_on_a_single_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    with head_start({"out": tmp_path / "out"}, IMPORTS) as early:
        assert early is None
