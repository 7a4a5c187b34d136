"""Model workers: processes that hold one loaded model on one device and infer batches.

This is the coordinator's end; `model_worker` is the code in the process. Ending the process is the
way to release its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from reelmill.engine.process.handle import WorkerProcess
from reelmill.engine.process.model_worker import (
    Batch,
    Inferred,
    Load,
    ModelWorkerError,
    Release,
    Released,
)
from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import ModelUnavailableError, ResourceError, TransientError


class ModelWorker:
    """The coordinator's end of a model worker."""

    def __init__(self, name: str, spec: ModelSpec, device: Device, process: WorkerProcess) -> None:
        self.name = name
        self.spec = spec
        self.device = device
        self.process = process
        self.loaded_mb = 0.0
        self.device_mb: float | None = None
        self.load_seconds = 0.0
        self.warm_up_seconds: float | None = None
        self.paces: Mapping[int, float] = {}

    @classmethod
    async def start(
        cls,
        name: str,
        load: Load,
        arena_descriptor: int,
        log_folder: Path,
        *,
        deadline: float,
        born: Callable[[int], None] = lambda pid: None,
    ) -> ModelWorker:
        """Start a process and load the model into it. A failed start leaves nothing behind.

        `born` receives the process's id before the model is loaded.

        Raises:
            ModelUnavailableError: the weights are not available.
            ResourceError: the model does not fit the device.
            TransientError: anything else that went wrong while loading.
            CrashError: the process died or hung.
        """
        process = await WorkerProcess.start(
            name,
            "reelmill.engine.process.model_worker:serve",
            arena_descriptor,
            log_folder,
            python=load.spec.python,
            packages=_packages(load),
            environment={
                "OMP_NUM_THREADS": str(load.threads),
                "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # by NVML's numbering
                **load.spec.environment,
            },
        )
        born(process.pid)
        worker = cls(name, load.spec, load.device, process)
        try:
            await process.send(load)
            answer = await process.receive(deadline)
        except BaseException:
            await process.kill()
            raise
        if isinstance(answer, ModelWorkerError):
            await process.kill()
            raise _as_exception(answer, load.spec)
        worker.loaded_mb = answer.loaded_mb
        worker.device_mb = answer.device_mb
        worker.load_seconds = answer.seconds
        worker.warm_up_seconds = answer.warm_up_seconds
        worker.paces = answer.paces
        return worker

    async def infer(self, batch: Batch, deadline: float) -> Inferred | ModelWorkerError:
        """Infer a batch. Raises CrashError when the process died or took longer than `deadline`
        seconds."""
        await self.process.send(batch)
        answer: Inferred | ModelWorkerError = await self.process.receive(deadline)
        return answer

    async def release(self, deadline: float) -> float:
        """Ask it to release memory that its libraries keep, and return the released MB. Only
        between batches.

        Raises:
            CrashError: the process died or hung.
        """
        await self.process.send(Release())
        answer: Released = await self.process.receive(deadline)
        return answer.mb

    async def stop(self) -> None:
        await self.process.stop()


def _packages(load: Load) -> set[str]:
    """The packages a model worker in another environment needs to read its first message and to ask
    NVML."""
    used = {type(one).__module__.partition(".")[0] for one in (load.spec, *load.stages.values())}
    return used if load.device.kind == "cpu" else used | {"pynvml"}


def _as_exception(error: ModelWorkerError, spec: ModelSpec) -> Exception:
    text = f"model {spec.display_name}: {error.message}"
    if error.unavailable:
        return ModelUnavailableError(error.message)
    if error.kind == "resource":
        return ResourceError(text)
    return TransientError(text)
