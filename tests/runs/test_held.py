"""Runs whose work is done by other engines: recordings are held until they are released."""

# proves: G17

from __future__ import annotations

import json
import time
from pathlib import Path

from reelmill.core.atomic import write_text
from reelmill.engine.execution.planning import Elsewhere
from reelmill.engine.telemetry.events import Planned, RecordingFinished
from reelmill.errors import Failure
from reelmill.runs.run import Run
from tests.runs.toy_task import recordings, toy_task

TEXTS = {"one.txt": "hello there", "two.txt": "some words", "three.txt": "never done"}


def test_recordings_wait_for_their_release_and_failures_elsewhere_hold(tmp_path: Path) -> None:
    paths = recordings(tmp_path / "in", TEXTS)
    run = Run(toy_task(), paths, out=tmp_path / "out", held=True, device="cpu", workers=1)
    run.start()
    events = run.events()
    assert Planned(3, 0) in (next(events) for _ in range(20)), "all are known from the beginning"
    held = sorted(run.held())
    assert held == sorted(map(str, paths))
    one, three, two = held
    run.release(one)
    assert next(e for e in events if isinstance(e, RecordingFinished)).outcome.path == one
    failure = Failure("shout", "crash", f"{two}: a worker died on it", 2, permanent=True)
    run.release(two, Elsewhere(100.0, failure))
    outcome = next(e for e in events if isinstance(e, RecordingFinished)).outcome
    assert (outcome.path, outcome.status, outcome.failure) == (two, "failed", failure)
    assert outcome.seconds > 100
    summary = run.wait(120)
    assert {one.path: one.status for one in summary.outcomes}[three] == "waiting"
    told = json.loads((tmp_path / "out" / "failed_files.json").read_text())
    assert [one["stage"] for one in told if failure.message in one.values()] == ["shout"], told


def test_what_earlier_runs_finished_is_not_held(tmp_path: Path) -> None:
    paths = recordings(tmp_path / "in", TEXTS)
    given = {"out": tmp_path / "out", "device": "cpu", "workers": 1}
    with Run(toy_task(), paths[:2], **given) as run:
        run.wait(120)
    run = Run(toy_task(), paths, held=True, **given).start()
    assert next(e for e in run.events() if isinstance(e, Planned)).reused == 2
    assert run.held() == [str(paths[2])]
    run.release(str(paths[2]))
    assert run.wait(120).count("done") == 3


def test_the_setting_called_engine_is_still_given_by_name(tmp_path: Path) -> None:
    run = Run(toy_task(), out=tmp_path / "out", engine="whisperx")
    assert run.settings.engine == "whisperx"


def test_a_stopped_run_keeps_its_folder_while_it_is_fed(tmp_path: Path) -> None:
    paths = recordings(tmp_path / "in", TEXTS)
    run = Run(toy_task(), paths, out=tmp_path / "out", held=True, device="cpu", workers=1).start()
    run.held()
    with run.feeding():
        run.stop("told to")
        time.sleep(1.0)
        assert not run.is_over
        write_text(tmp_path / "out" / ".cache" / "brought.json", "{}")
    run.join()
    assert run.is_over
    with run.feeding():  # too late, and harmless
        assert run.is_over
