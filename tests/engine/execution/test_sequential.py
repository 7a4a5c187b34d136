"""Models loaded sequentially, on real processes: each is gone before the next one is loaded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.execution.sequential import SequentialPasses
from reelmill.engine.inference.replica_manager import EndedWorker
from reelmill.engine.resources.monitor import DeviceSample, Monitor
from reelmill.engine.resources.placement import ModelPass
from reelmill.engine.stage import Device
from reelmill.engine.telemetry.events import Event, Noted, ignore
from reelmill.engine.telemetry.metrics import RunSummary
from tests.engine.toys import ShoutModel, toy_config, toy_sources
from tests.engine.two_models import two_models

TEXTS = {f"통화 {i}.txt": " ".join(f"w{j}" for j in range(i + 1)) for i in range(6)}


class Listening:
    def __init__(self) -> None:
        self.notes: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Noted):
            self.notes.append(event.text)


def run(
    tmp_path: Path,
    texts: dict[str, str] = TEXTS,
    config: dict[str, Any] | None = None,
    devices: Any = None,
    listener: Listening | None = None,
    **models: Any,
) -> RunSummary:
    out, log = tmp_path / "out", tmp_path / "log"
    log.touch()
    sources = toy_sources(tmp_path / "in", texts)
    settings = {"placement": "sequential", **(config or {})}
    coordinator = Coordinator(
        two_models(out, log, **models),
        toy_config(out, **settings),
        listener or Listening(),
        devices,
    )
    return asyncio.run(asyncio.wait_for(coordinator.run(sources), 180))


def order(tmp_path: Path) -> list[str]:
    """What the models did, without repetitions: `load one`, `infer one` and so on."""
    steps: list[str] = []
    for line in (tmp_path / "log").read_text().splitlines():
        step = line.rpartition(" ")[0]
        if step.startswith(("load", "infer")) and step not in steps[-1:]:
            steps.append(step)
    return steps


def right(tmp_path: Path, texts: dict[str, str] = TEXTS) -> bool:
    return all(
        (tmp_path / "out" / f"{Path(name).stem}.up").read_text()
        == " ".join(2 * word.upper() for word in text.split())
        for name, text in texts.items()
    )


def metrics(tmp_path: Path, event: str) -> list[dict[str, Any]]:
    newest = sorted((tmp_path / "out" / ".cache" / "runs").glob("*.jsonl"))[-1]
    lines = [json.loads(line) for line in newest.read_text().splitlines()]
    return [line for line in lines if line["event"] == event]


def test_all_recordings_go_through_one_model_before_the_next_one_loads(tmp_path: Path) -> None:
    # proves: G9
    listener = Listening()
    summary = run(tmp_path, listener=listener)
    assert summary.count("done") == len(TEXTS) and right(tmp_path)
    assert order(tmp_path) == ["load one", "infer one", "load two", "infer two"]
    assert any("one after the other" in note for note in listener.notes)
    assert [len(model_pass["model_workers"]) for model_pass in metrics(tmp_path, "turn ended")] == [
        1,
        1,
    ]
    assert all(model_pass["processes_left"] == [] for model_pass in metrics(tmp_path, "turn ended"))


def test_more_recordings_than_slots_and_a_small_arena_still_finish(tmp_path: Path) -> None:
    # proves: G9 G20
    config = {"open_recordings": 2, "arena_bytes": 1 << 16}
    summary = run(tmp_path, config=config, item_bytes=10_000)
    assert summary.count("done") == len(TEXTS) and right(tmp_path)
    assert order(tmp_path) == ["load one", "infer one", "load two", "infer two"]


def test_a_model_needed_twice_is_loaded_twice(tmp_path: Path) -> None:
    # proves: G9
    assert run(tmp_path, again=True).count("done") == len(TEXTS)
    steps = ["load one", "infer one", "load two", "infer two", "load one", "infer one"]
    assert order(tmp_path) == steps


def test_resident_models_are_loaded_together(tmp_path: Path) -> None:
    # proves: G9
    listener = Listening()
    config = {"placement": "auto"}
    summary = run(tmp_path, config=config, listener=listener, second={"need_mb": 10.0})
    assert summary.count("done") == len(TEXTS) and right(tmp_path)
    assert order(tmp_path).index("load two") < len(order(tmp_path)) - 1
    assert metrics(tmp_path, "turn ended") == []
    assert any("all stay loaded" in note for note in listener.notes)
    assert summary.model_workers[0].model == "two", "the largest begins to load first"


def test_measured_memory_decides_the_next_placement(tmp_path: Path) -> None:
    # proves: G9
    listener = Listening()
    config = {"placement": "auto", "model_profiles": tmp_path / "cache" / "model_profiles.json"}
    run(tmp_path, config=config, first={"need_mb": 1e9, "ballast_mb": 100}, listener=listener)
    assert any("estimated" in note and "one after the other" in note for note in listener.notes)
    seen = json.loads((tmp_path / "cache" / "model_profiles.json").read_text())["models"]
    (one,) = (mb for key, mb in seen.items() if key.endswith("one one"))
    (two,) = (mb for key, mb in seen.items() if key.endswith("two two"))
    assert 90 < one["loaded_mb"] - two["loaded_mb"] < 130, "its ballast, and nobody else's"
    again = Listening()
    more = {**TEXTS, "new.txt": "w w w"}
    summary = run(tmp_path, more, config, first={"need_mb": 1e9, "ballast_mb": 100}, listener=again)
    assert summary.count("done") == len(more) and right(tmp_path, more)
    assert any("measured" in note and "all stay loaded" in note for note in again.notes)


def test_a_bad_recording_and_a_crashing_item_fail_only_their_recordings(tmp_path: Path) -> None:
    # proves: G9 G10
    texts = {**TEXTS, "bad.txt": "unreadable", "poison.txt": "a kill2 b"}
    summary = run(tmp_path, texts)
    failed = {outcome.name: outcome.failure for outcome in summary.outcomes if outcome.failure}
    assert set(failed) == {"bad", "poison"} and right(tmp_path)
    assert failed["poison"].stage == "second" and failed["poison"].kind == "crash"
    assert failed["bad"].kind == "input"


def test_a_model_that_cannot_start_stops_the_run_and_earlier_passes_are_kept(
    tmp_path: Path,
) -> None:
    # proves: G9 G11 G12
    summary = run(
        tmp_path, config={"retry_waits": (0.01,)}, second={"fails": "weights are damaged"}
    )
    assert summary.stopped is not None and "weights are damaged" in summary.stopped
    assert summary.count("waiting") == len(TEXTS)
    (tmp_path / "log").write_text("")
    again = run(tmp_path)
    assert again.count("done") == len(TEXTS) and right(tmp_path)
    assert order(tmp_path) == ["load two", "infer two"], "the first pass was done already"


def test_a_run_stopped_during_a_pass_can_be_continued(tmp_path: Path) -> None:
    # proves: G9 G12
    out, log = tmp_path / "out", tmp_path / "log"
    log.touch()
    sources = toy_sources(tmp_path / "in", TEXTS)
    slow = two_models(out, log, first={"delay": 0.2})
    coordinator = Coordinator(slow, toy_config(out, placement="sequential", max_batch=2), ignore)

    async def stopped() -> RunSummary:
        running = asyncio.create_task(coordinator.run(sources))
        while "merge" not in log.read_text():
            await asyncio.sleep(0.01)
        coordinator.stop("for a test")
        return await running

    summary = asyncio.run(stopped())
    assert summary.count("waiting") == len(TEXTS) and "load two" not in order(tmp_path)
    merged = log.read_text().count("merge ")
    assert run(tmp_path).count("done") == len(TEXTS) and right(tmp_path)
    assert log.read_text().count("merge ") == len(TEXTS), f"{merged} were merged before the stop"


class SpoilsBetweenPasses:
    """No card; the first time that no model is loaded any more, an artifact is damaged."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._is_done = False

    def sample(self, own_pids: Sequence[int]) -> tuple[DeviceSample, ...]:
        log = self._folder / "log"
        loaded = [line.split() for line in log.read_text().splitlines() if line.startswith("load")]
        is_over = bool(loaded) and all(int(pid) not in own_pids for _, _, pid in loaded)
        if is_over and not self._is_done:
            artifacts = self._folder / "out" / ".cache" / "artifacts"
            sorted(artifacts.rglob("shout-*.json"))[0].write_text("{")
            self._is_done = True
        return ()


def test_a_damaged_artifact_of_an_earlier_pass_is_made_again_in_the_next_round(
    tmp_path: Path,
) -> None:
    # proves: G9 G12
    summary = run(tmp_path, devices=SpoilsBetweenPasses(tmp_path))
    assert summary.count("done") == len(TEXTS) and right(tmp_path)
    ended = [line["model"] for line in metrics(tmp_path, "turn ended")]
    assert ended == ["one", "two", "one", "two"]
    assert any("damaged" in warning for warning in summary.warnings)


class FakeCard:
    """A card of 1000 MB whose memory in use is given from outside."""

    def __init__(self, used: Sequence[float]) -> None:
        self._used = list(used)

    def sample(self, own_pids: Sequence[int]) -> tuple[DeviceSample, ...]:
        used = self._used.pop(0) if len(self._used) > 1 else self._used[0]
        return (DeviceSample(0, "card", used, 1000.0, 0.0),)


@pytest.mark.parametrize(
    ("used", "held"), [([100.0, 600.0, 600.0, 110.0], False), ([100.0, 600.0], True)]
)
def test_gpu_memory_that_is_not_freed_is_reported(used: list[float], held: bool) -> None:
    # proves: G9
    lines: list[dict[str, Any]] = []
    warnings: list[str] = []
    monitor = Monitor(FakeCard(used), dict)
    recorder = SimpleNamespace(
        monitor=monitor,
        sample=monitor.take,
        clock=lambda: 0.0,
        line=lines.append,
        warn=warnings.append,
    )

    async def stop() -> list[EndedWorker]:
        return [EndedWorker("model-worker-0", 1 << 22, Device("cuda", 0), 50.0)]

    async def admit(jobs: Sequence[Any], process: Any) -> None:
        for job in jobs:
            await process(job)

    async def process(job: Any, model_pass: ModelPass) -> None:
        job.status = "done"

    inference: Any = SimpleNamespace(end_pass=stop, place=dict, begin_pass=set)
    planner: Any = SimpleNamespace(new_placements=lambda specs: {})
    passes = SequentialPasses(
        [ModelPass(ShoutModel(), frozenset())],
        planner,
        inference,
        recorder,  # type: ignore[arg-type]
        stopping=lambda: False,
        back_within=0.5,
    )
    jobs: Any = [SimpleNamespace(status="waiting")]
    asyncio.run(passes.take(jobs, admit, process, give_up=lambda job, error: None))
    assert bool(warnings) == held
    (ended,) = (line for line in lines if line["event"] == "turn ended")
    assert ended["device_used_mb_before"] == {"cuda:0": 100.0}
    assert ended["device_used_mb_after"] == {"cuda:0": 600.0 if held else 110.0}
    assert ended["processes_left"] == []
