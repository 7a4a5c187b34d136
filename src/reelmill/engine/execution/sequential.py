"""Sequential loading: takes all recordings through one model after the other.

Before the next model is loaded, the memory of the last one is verified to be free: its processes
are gone, and a GPU has as much memory in use as before.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence

from reelmill.engine.execution.planner import Planner
from reelmill.engine.execution.planning import Job
from reelmill.engine.execution.run_recorder import RunRecorder
from reelmill.engine.inference.run_inference import RunInference
from reelmill.engine.resources.placement import ModelPass
from reelmill.engine.stage import Device

#: A recording that needs a model whose pass is over (its artifact was damaged) waits for the next
#: round. More rounds than this mean that artifacts keep being damaged.
_ROUNDS = 3
_TOLERANCE_MB = 64.0

#: Admits recordings, passes each to the function, and returns when all are processed.
Admit = Callable[[Sequence[Job], Callable[[Job], Awaitable[None]]], Awaitable[None]]


class SequentialPasses:
    """Takes all recordings through the models one by one."""

    def __init__(
        self,
        passes: Sequence[ModelPass],
        planner: Planner,
        inference: RunInference,
        recorder: RunRecorder,
        stopping: Callable[[], bool],
        back_within: float,
    ) -> None:
        """`back_within`: how long to wait for a model's memory to be free after its pass, in
        seconds."""
        self._passes = passes
        self._planner = planner
        self._inference = inference
        self._recorder = recorder
        self._stopping = stopping
        self._back_within = back_within

    async def take(
        self,
        jobs: Sequence[Job],
        admit: Admit,
        process: Callable[[Job, ModelPass], Awaitable[None]],
        give_up: Callable[[Job, Exception], None],
    ) -> None:
        left = list(jobs)
        for _ in range(_ROUNDS):
            for model_pass in self._passes:
                if self._stopping() or not left:
                    return
                await self._one(model_pass, left, admit, process)
                left = [job for job in left if job.status == "waiting"]
        for job in left:
            give_up(
                job, RuntimeError(f"its artifacts were damaged again in each of {_ROUNDS} rounds")
            )

    async def _one(
        self,
        model_pass: ModelPass,
        jobs: Sequence[Job],
        admit: Admit,
        process: Callable[[Job, ModelPass], Awaitable[None]],
    ) -> None:
        before = self._used()
        self._inference.place(self._planner.new_placements([model_pass.spec]))
        self._inference.begin_pass(model_pass.stages)
        self._recorder.line(
            {"event": "turn", "at": self._recorder.clock(), "model": model_pass.spec.display_name}
        )

        async def one(job: Job) -> None:
            await process(job, model_pass)

        await admit(jobs, one)
        if not self._stopping():
            await self._end(model_pass, before)

    async def _end(self, model_pass: ModelPass, before: dict[Device, float]) -> None:
        """End the model's workers and wait until their memory is free."""
        self._recorder.sample()  # a short pass may have no sample of its own
        ended = await self._inference.end_pass()
        still = [worker.pid for worker in ended if _exists(worker.pid)]
        gpus = {worker.device for worker in ended if worker.device.kind != "cpu"}
        after = await self._back(before, gpus)
        self._recorder.sample()
        held = {d: after[d] - before[d] for d in gpus if d in after and d in before}
        for device, more in held.items():
            if more > _TOLERANCE_MB:
                self._recorder.warn(
                    f"{model_pass.spec.display_name} has ended, but {device} still has "
                    f"{more:,.0f} MB more in use than before the model was loaded; another "
                    "program may be using it"
                )
        self._recorder.line(
            {
                "event": "turn ended",
                "at": self._recorder.clock(),
                "model": model_pass.spec.display_name,
                "model_workers": [
                    {"pid": worker.pid, "device": str(worker.device), "memory_mb": worker.memory_mb}
                    for worker in ended
                ],
                "processes_left": still,
                "device_used_mb_before": {str(d): before[d] for d in gpus if d in before},
                "device_used_mb_after": {str(d): after[d] for d in gpus if d in after},
            }
        )

    async def _back(self, before: dict[Device, float], gpus: set[Device]) -> dict[Device, float]:
        """Memory in use by device, once it is what it was before, or the wait is over."""
        for _ in range(int(self._back_within / 0.1)):
            used = self._used()
            if all(used.get(d, 0.0) <= before.get(d, 0.0) + _TOLERANCE_MB for d in gpus):
                break
            await asyncio.sleep(0.1)
        return used

    def _used(self) -> dict[Device, float]:
        sample = self._recorder.monitor.fresh()
        return {Device("cuda", device.index): device.used_mb for device in sample.devices}


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another program uses it by now: ours is free
        return False
    return True
