"""Workers that are started before a run is planned: they are used, or they end."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from reelmill.engine.process import cpu_worker
from reelmill.engine.process.arena import resize_memory
from reelmill.engine.process.early import EarlyWorkers
from reelmill.engine.resources.devices import choose_devices
from reelmill.errors import CrashError
from reelmill.pipelines.choices import BuildContext
from reelmill.runs.task import Task, task_named
from tests.engine.process.test_cpu_pool import Bench


def begun(others: set[psutil.Process]) -> list[psutil.Process]:
    """The processes of this one that began since; earlier tests may have left helpers behind."""
    return [one for one in psutil.Process().children() if one not in others]


def on_early_bench(
    folder: Path,
    do: Callable[[Bench, EarlyWorkers], Awaitable[None]],
    count: int = 1,
    imports: tuple[str, ...] = (),
) -> None:
    async def body() -> None:
        early = EarlyWorkers()
        resize_memory(early.memory, 1 << 20)
        early.begin(count, imports)
        bench = Bench(folder, 2, early=early)
        try:
            await asyncio.wait_for(do(bench, early), 180)
        finally:
            await bench.processes.close()
            os.close(bench.memory)
            early.close()

    asyncio.run(body())


def test_a_worker_that_started_early_does_the_first_task(tmp_path: Path) -> None:
    others = set(psutil.Process().children())

    async def do(bench: Bench, early: EarlyWorkers) -> None:
        (waiting,) = begun(others)
        assert isinstance(await bench.read("a"), cpu_worker.Made)
        assert bench.processes.pids == [waiting.pid]

    on_early_bench(tmp_path, do, imports=("tests.engine.toys",))


def test_workers_that_nobody_took_end_with_the_run(tmp_path: Path) -> None:
    others = set(psutil.Process().children())

    async def do(bench: Bench, early: EarlyWorkers) -> None:
        await bench.read("a")
        assert len(begun(others)) == 3
        early.end_waiting()
        assert [one.pid for one in begun(others)] == bench.processes.pids

    on_early_bench(tmp_path, do, count=3)
    assert not begun(others)


def test_an_early_worker_gets_the_limits_of_the_run_that_takes_it(tmp_path: Path) -> None:
    async def do(bench: Bench, early: EarlyWorkers) -> None:
        bench.client.environment = {"TOY_LIMIT": "3"}
        answer = await bench.read("limited")
        assert isinstance(answer, cpu_worker.Failed) and "the limit is 3" in answer.message

    on_early_bench(tmp_path, do, imports=("tests.engine.toys",))


def test_no_more_workers_are_started_than_asked_for() -> None:
    others = set(psutil.Process().children())
    early = EarlyWorkers()
    try:
        early.begin(1, ())
        early.begin(2, ())
        early.begin(1, ())
        assert len(begun(others)) == 2
    finally:
        early.close()


def test_what_kills_an_early_worker_is_told(tmp_path: Path) -> None:
    async def do(bench: Bench, early: EarlyWorkers) -> None:
        with pytest.raises(CrashError, match=r"exit code 1; last log line: .*ZeroDivisionError"):
            await bench.read("a")

    (tmp_path / "broken_module.py").write_text("1 / 0\n")
    sys.path.insert(0, str(tmp_path))
    try:
        on_early_bench(tmp_path, do, imports=("broken_module",))
    finally:
        sys.path.remove(str(tmp_path))


def test_nothing_starts_once_the_run_is_over() -> None:
    early = EarlyWorkers()
    early.close()
    early.begin(2, ())
    assert early.take() is None


@pytest.mark.parametrize("name", ["voice", "faces"])
def test_early_workers_import_all_that_a_pipeline_takes(tmp_path: Path, name: str) -> None:
    """Run in a process of its own, as a worker is."""
    stages = tmp_path / "stages.pkl"
    stages.write_bytes(pickle.dumps(_stages(task_named(name), tmp_path)))
    script = (
        "import importlib, pickle, sys; from pathlib import Path\n"
        "import reelmill.engine.process.cpu_worker\n"
        "for name in sys.argv[2:]: importlib.import_module(name)\n"
        "before = set(sys.modules); pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "print(*[one for one in set(sys.modules) - before if one.startswith('reelmill.')])\n"
    )
    imports = task_named(name).worker_imports
    command = [sys.executable, "-c", script, str(stages), *imports]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


def _stages(task: Task, out: Path) -> object:
    text = {"model": "demo", "align": False, "diarizer": "none"} if task.name == "voice" else {}
    settings = task.settings({"out": out, **text})
    return task.build(BuildContext(settings, choose_devices("cpu", []), out)).stages
