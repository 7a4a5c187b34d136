"""Several runs on one engine."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from reelmill import Engine
from reelmill.engine.telemetry.events import RecordingFinished
from reelmill.errors import UsageError
from reelmill.runs.run import Run
from tests.runs.toy_task import recordings, toy_task

WORDS = " ".join(f"word{n}" for n in range(12))


def on(engine: Engine, out: Path, *paths: Path, slow: float = 0.0, priority: int = 0) -> Run:
    return Run(
        toy_task(delay=slow), paths, out=out, engine=engine, priority=priority,
        batch_size=2, max_batch=2,
    )  # fmt: skip


def test_two_runs_on_one_engine_have_their_own_results(tmp_path: Path) -> None:
    with Engine(device="cpu", workers=1) as engine:
        runs = []
        for name in ("red", "blue"):
            texts = {f"{name}{n}.txt": f"{name} {n} {WORDS}" for n in range(3)}
            run = on(engine, tmp_path / name, *recordings(tmp_path / "in", texts), slow=0.02)
            runs.append(run.start())
        assert {one.out.name for one in engine.snapshot().runs} == {"red", "blue"}
        for run in runs:
            assert run.wait(60).count("done") == 3
        assert engine.snapshot().runs == ()
    for name in ("red", "blue"):
        assert {one.name for one in (tmp_path / name).glob("*.up")} == {
            f"{name}{n}.up" for n in range(3)
        }


def test_a_paused_run_starts_nothing_until_it_is_resumed(tmp_path: Path) -> None:
    files = recordings(tmp_path / "in", {f"{n}.txt": f"{n} {WORDS}" for n in range(3)})
    with Engine(device="cpu", workers=1) as engine, on(engine, tmp_path / "out") as run:
        run.pause()
        run.add(files)
        time.sleep(0.5)
        assert run.is_paused and engine.snapshot().runs[0].done == 0
        run.resume()
        assert next(one for one in run.events() if isinstance(one, RecordingFinished))
    assert run.summary is not None and run.summary.count("done") == 3


def test_settings_of_the_engine_are_not_a_runs(tmp_path: Path) -> None:
    engine = Engine(device="cpu", workers=1)
    with pytest.raises(UsageError, match=r"give it to Engine\(workers=\.\.\.\)"):
        Run(toy_task(), out=tmp_path, engine=engine, workers=2)
    run = on(engine, tmp_path / "out")
    with pytest.raises(UsageError, match="this engine is not open"):
        run.start()
    with engine:
        assert on(engine, tmp_path / "out").settings.device == "cpu"
    with pytest.raises(UsageError, match="this engine was closed"):
        engine.open()


def test_closing_the_engine_stops_its_runs(tmp_path: Path) -> None:
    files = recordings(tmp_path / "in", {f"{n}.txt": f"{n} {WORDS}" for n in range(5)})
    with Engine(device="cpu", workers=1) as engine:
        run = on(engine, tmp_path / "out", *files, slow=0.1).start()
    assert run.is_over and run.summary is not None
    assert run.summary.stopped == "the engine was closed"
