"""A recording going through its stages, with a scripted executor."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from reelmill.core.recording import FileState
from reelmill.engine.execution.followers import Followers
from reelmill.engine.execution.planning import Job, Keys
from reelmill.engine.execution.recording_runner import RecordingRunner
from reelmill.engine.inference.stage_run import StageFailed
from reelmill.engine.process import cpu_worker
from reelmill.engine.state.run_db import Original
from reelmill.errors import Failure
from tests.engine.toys import toy_config, toy_pipeline


def test_process__a_stage_fails_after_a_stop__prints_nothing(
    tmp_path: Path,
) -> None:
    # proves: G12
    told: list[object] = []

    async def stop_then_fail() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        stopped = asyncio.Event()

        async def make(*_: object) -> None:
            await stopped.wait()
            raise StageFailed(Failure("read", "crash", "worker-0 killed", 1), final=True)

        running = asyncio.create_task(runner(tmp_path, make).process(job(tmp_path)))
        await settled()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        stopped.set()
        await settled()
        gc.collect()
        await settled()

    asyncio.run(stop_then_fail())
    assert told == []


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def job(folder: Path) -> Job:
    state = FileState("ab" * 32, "", 1, 1)
    return Job(Original(str(folder / "a.txt"), "a", 0, 1, 1, before=state), 1, None)


def runner(folder: Path, make: Any) -> RecordingRunner:
    pipeline, config = toy_pipeline(folder / "out"), toy_config(folder / "out")
    cache: Any = SimpleNamespace(
        keys=Keys(pipeline),
        known=lambda *_, **__: None,
        task=lambda recording, _: cpu_worker.StageTask(0, recording, (), "key", folder / "read"),
        clear=lambda *_: None,
    )
    executor: Any = SimpleNamespace(expect=lambda _: None, make=make, followers=Followers())
    earlier: Any = SimpleNamespace(entered=lambda _: None)
    unused: Any = None
    return RecordingRunner(pipeline, config, unused, unused, unused, cache, executor, earlier)
