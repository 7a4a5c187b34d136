"""Several runs on one engine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from reelmill import Engine
from reelmill.engine.execution import coordinator
from reelmill.engine.telemetry.engine_snapshot import ModelWorkerState
from reelmill.engine.telemetry.events import RecordingFinished
from reelmill.errors import UsageError
from reelmill.runs.run import Run
from tests.runs.toy_task import recordings, toy_task

WORDS = " ".join(f"word{n}" for n in range(12))


def on(
    engine: Engine,
    out: Path,
    *paths: Path,
    slow: float = 0.0,
    priority: int = 0,
    model: dict[str, Any] | None = None,
    size: int = 4,
) -> Run:
    return Run(
        toy_task(delay=slow, **(model or {})), paths, out=out, engine=engine, priority=priority,
        batch_size=size, max_batch=size,
    )  # fmt: skip


def until(what: Callable[[], Any], seconds: float = 90.0) -> None:
    """Wait for something that happens soon."""
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit, "did not happen in time"
        time.sleep(0.02)


def batches(out: Path) -> list[dict[str, Any]]:
    """The batches of a folder's latest run, as its metrics have them."""
    newest = sorted((out / ".cache" / "runs").glob("*.jsonl"))[-1]
    lines = [json.loads(line) for line in newest.read_text().splitlines()]
    return [line for line in lines if line["event"] == "batch"]


def artifacts(out: Path) -> dict[str, bytes]:
    """Every artifact and result, without the files about the run."""
    kept = [*out.glob("*.up"), *(out / ".cache" / "artifacts").rglob("*.json")]
    return {str(path.relative_to(out)): path.read_bytes() for path in kept}


def texts(name: str, count: int) -> dict[str, str]:
    return {f"{name}{n}.txt": f"{name} number{n} {WORDS}" for n in range(count)}


def pids(engine: Engine) -> set[int | None]:
    """The processes of model workers."""
    return {worker.pid for worker in engine.snapshot().model_workers}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(device="cpu:1", workers=2) as opened:
        yield opened


def test_two_runs_share_a_model_and_its_batches(engine: Engine, tmp_path: Path) -> None:
    runs = {}
    for name in ("red", "blue"):
        files = recordings(tmp_path / "in", texts(name, 6))
        runs[name] = on(engine, tmp_path / name, *files, slow=0.05)
    for run in runs.values():
        run.start()
    until(lambda: {one.out.name for one in engine.snapshot().runs} == {"red", "blue"})
    until(lambda: pids(engine) - {None})
    model = pids(engine)
    for run in runs.values():
        assert run.wait(180).count("done") == 6
    assert pids(engine) == model and len(model) == 1, "one process for both"
    done = {name: batches(tmp_path / name) for name in runs}
    assert any(one["other_items"] for one in done["red"])
    fills = [one["items"] + one["other_items"] for some in done.values() for one in some]
    assert sum(fills) / len(fills) > 0.9 * 4
    for run in runs.values():
        assert run.summary is not None
        shout = next(one for one in run.summary.stages if one.name == "shout")
        assert shout.items == 6 * 14 == sum(one.items for one in run.summary.model_workers)
    alone = Run(
        toy_task(), [tmp_path / "in" / f"red{n}.txt" for n in range(6)], device="cpu",
        out=tmp_path / "alone", workers=1, batch_size=2, max_batch=2,
    )  # fmt: skip
    with alone:
        pass
    assert artifacts(alone.out) == artifacts(runs["red"].out)


def test_a_run_on_a_warm_engine_loads_nothing(engine: Engine, tmp_path: Path) -> None:
    (file,) = recordings(tmp_path / "in", {"a.txt": WORDS})
    with on(engine, tmp_path / "first", file):
        pass
    model = pids(engine)
    with on(engine, tmp_path / "second", file) as run:
        pass
    assert run.summary is not None and run.summary.count("done") == 1
    assert pids(engine) == model and len(model) >= 1
    assert [one.starts for one in run.summary.model_workers] == [1]


def test_the_death_of_a_model_worker_costs_nothing_and_is_told_to_its_runs(
    engine: Engine, tmp_path: Path
) -> None:
    runs = [
        on(engine, tmp_path / name, *recordings(tmp_path / "in", texts(name, 4)), slow=0.1)
        for name in ("red", "blue")
    ]
    before = pids(engine)
    for run in runs:
        run.start()
    until(lambda: any(one.items > 8 and one.pid not in before for one in loaded(engine)))
    (worker,) = (one for one in loaded(engine) if one.pid not in before)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    for run in runs:
        summary = run.wait(180)
        assert summary.count("done") == 4
    assert any("killed by SIGKILL" in text for run in runs for text in warned(run))


def loaded(engine: Engine) -> list[ModelWorkerState]:
    return [one for one in engine.snapshot().model_workers if one.loaded]


def warned(run: Run) -> list[str]:
    assert run.summary is not None
    return run.summary.warnings


def test_an_item_that_kills_the_model_costs_only_its_recording(
    engine: Engine, tmp_path: Path
) -> None:
    good = recordings(tmp_path / "in", texts("good", 3))
    bad = recordings(tmp_path / "in", {"bad.txt": f"boom {WORDS}", "fine.txt": WORDS})
    runs = [
        on(engine, tmp_path / "good", *good, slow=0.02),
        on(engine, tmp_path / "bad", *bad, slow=0.02),
    ]
    for run in runs:
        run.start()
    first, second = (run.wait(180) for run in runs)
    assert (first.count("done"), first.count("failed")) == (3, 0)
    failed = {one.name: one.failure for one in second.outcomes if one.failure is not None}
    assert failed.keys() == {"bad"} and failed["bad"].kind == "crash"


def test_a_run_that_is_stopped_or_has_no_model_does_not_disturb_the_others(
    engine: Engine, tmp_path: Path
) -> None:
    runs = {
        name: on(engine, tmp_path / name, *recordings(tmp_path / "in", texts(name, 4)), slow=0.06)
        for name in ("stopped", "kept")
    }
    for run in runs.values():
        run.start()
    broken = on(
        engine, tmp_path / "broken", *recordings(tmp_path / "in", {"b.txt": WORDS}),
        model={"broken": "no such weights"},
    ).start()  # fmt: skip
    next(one for one in runs["stopped"].events() if isinstance(one, RecordingFinished))
    runs["stopped"].stop("seen enough")
    ended = runs["stopped"].wait(180)
    assert ended.stopped == "seen enough" and 0 < ended.count("done") < 4
    assert runs["kept"].wait(180).count("done") == 4
    broken.stop()
    assert broken.wait(180).count("done") == 0
    with on(engine, tmp_path / "stopped", *(tmp_path / "in").glob("stopped*")) as again:
        pass
    assert again.summary is not None and again.summary.count("done") == 4


def test_a_run_of_higher_priority_overtakes(engine: Engine, tmp_path: Path) -> None:
    many = recordings(tmp_path / "in", texts("low", 12))
    (scene := tmp_path / "scene").mkdir()
    (scene / "slow").touch()
    low = on(engine, tmp_path / "low", *many, size=2, model={"scene": scene}).start()
    next(one for one in low.events() if isinstance(one, RecordingFinished))
    urgent = recordings(tmp_path / "in", texts("high", 2))
    with on(engine, tmp_path / "high", *urgent, size=2, priority=1, model={"scene": scene}) as high:
        high.wait(180)
    assert high.summary is not None and high.summary.count("done") == 2
    assert not low.is_over and low.progress is not None and low.progress.done < 10
    (scene / "slow").unlink()
    assert low.wait(180).count("done") == 12


def test_many_recordings_can_be_added_at_once(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coordinator, "_ADDED_AT_ONCE", 3)
    files = recordings(tmp_path / "in", {f"{n}.txt": "x" for n in range(10)})
    with on(engine, tmp_path / "out") as run:
        run.add(files[:8])
        run.add(files)
        run.close()
    assert run.summary is not None and run.summary.count("done") == 10


def test_models_that_no_run_needs_are_unloaded(tmp_path: Path) -> None:
    (file,) = recordings(tmp_path / "in", {"a.txt": WORDS})
    with Engine(device="cpu", workers=1, idle_unload=0.5) as engine:
        with on(engine, tmp_path / "one", file):
            until(lambda: pids(engine) - {None})
            before = pids(engine)
        until(lambda: not engine.snapshot().model_workers)
        with on(engine, tmp_path / "two", file) as run:
            pass
        assert run.summary is not None and run.summary.count("done") == 1
        assert before and not before & pids(engine)
    assert not any(pid and psutil.pid_exists(pid) for pid in before)


def test_a_paused_run_starts_nothing_until_it_is_resumed(engine: Engine, tmp_path: Path) -> None:
    files = recordings(tmp_path / "in", {f"{n}.txt": f"{n} {WORDS}" for n in range(3)})
    with on(engine, tmp_path / "out") as run:
        run.pause()
        run.add(files)
        time.sleep(0.5)
        assert run.is_paused and engine.snapshot().runs[0].done == 0
        run.resume()
        assert next(one for one in run.events() if isinstance(one, RecordingFinished))
    assert run.summary is not None and run.summary.count("done") == 3


def test_a_program_that_exits_ends_its_engine_and_runs(engine: Engine, tmp_path: Path) -> None:
    """Nothing is closed: the interpreter ends the run, writes its report, and leaves no process."""
    files = recordings(tmp_path / "in", texts("late", 12))
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.runs.test_engine import Engine, RecordingFinished, on
engine = Engine(device="cpu:1", workers=1).open()
files = map(Path, {list(map(str, files))!r})
run = on(engine, Path({str(tmp_path / "out")!r}), *files, slow=0.1).start()
next(event for event in run.events() if isinstance(event, RecordingFinished))
print(*(worker.pid for worker in engine.snapshot().model_workers))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=180
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out" / "report.html").exists()
    assert not any(psutil.pid_exists(int(pid)) for pid in done.stdout.split())
    with on(engine, tmp_path / "out", *files) as again:
        pass
    assert again.summary is not None
    assert 0 < sum(one.reused for one in again.summary.outcomes) < len(files)


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
