"""Model workers: processes that hold one loaded model on one device and infer batches.

This is the coordinator's end; `model_worker` is the code in the process. Ending the process is the
way to release its memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.engine.process.client import Client
from reelmill.engine.process.handle import WorkerProcess
from reelmill.engine.process.model_worker import (
    Batch,
    Inferred,
    Load,
    ModelWorkerError,
    Release,
    Released,
    Update,
)
from reelmill.engine.stage import Device, ModelSpec, ModelStage
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
        #: The stages it can infer, and where it may write.
        self.stages: dict[int, ModelStage[Any, Any]] = {}
        self._places: dict[int, tuple[gate.Place, ...]] = {}
        self._packages: set[str] = set()

    @classmethod
    async def start(
        cls,
        name: str,
        load: Load,
        arena_descriptor: int,
        log_folder: Path,
        *,
        deadline: float,
        clients: Sequence[Client] = (),
        born: Callable[[int], None] = lambda pid: None,
    ) -> ModelWorker:
        """Start a process and load the model into it. It may write where these runs may; if none
        are given, wherever this process may. A failed start leaves nothing behind.

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
            packages=_packages(load.spec, load.stages.values(), load.device),
            environment={
                "OMP_NUM_THREADS": str(load.threads),
                # NumPy's threads wait busily at first, and its part in small networks is small.
                "OPENBLAS_NUM_THREADS": "1" if load.spec.lightweight else str(load.threads),
                "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # by NVML's numbering
                **load.spec.environment,
            },
        )
        born(process.pid)
        worker = cls(name, load.spec, load.device, process)
        places = places_of(clients)
        if clients:
            load = replace(load, places=_joined(places.values()))
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
        worker.stages = dict(load.stages)
        worker._places = dict(places)
        worker._packages = _packages(load.spec, load.stages.values(), load.device)
        return worker

    def can_infer(self, stages: Iterable[ModelStage[Any, Any]]) -> bool:
        """Whether it has what these stages are made of. A process in another environment can import
        only the packages that it was started with."""
        if self.spec.python is None:
            return True
        return _packages(self.spec, stages, self.device) <= self._packages

    async def update(
        self, stages: Mapping[int, ModelStage[Any, Any]], clients: Iterable[Client]
    ) -> None:
        """Tell it from now on to infer these stages, for these runs.

        Raises:
            CrashError: the process died.
        """
        runs = {client.number: client for client in clients}
        if stages.keys() == self.stages.keys() and runs.keys() == self._places.keys():
            return
        new = {at: stage for at, stage in stages.items() if at not in self.stages}
        gone = tuple(self.stages.keys() - stages.keys())
        entered = places_of(one for at, one in runs.items() if at not in self._places)
        left = [self._places.pop(at) for at in self._places.keys() - runs.keys()]
        self.stages = dict(stages)
        self._places |= entered
        await self.process.send(Update(new, gone, _joined(entered.values()), _joined(left)))

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

    def hang_up(self) -> None:
        """Let it exit, without waiting for that."""
        self.process.hang_up()

    async def stop(self) -> None:
        await self.process.stop()


def places_of(clients: Iterable[Client]) -> dict[int, tuple[gate.Place, ...]]:
    """Where runs may write, by their numbers; without the keys that seal results."""
    return {one.number: gate.without_keys(one.places()) for one in clients}


def _joined(places: Iterable[tuple[gate.Place, ...]]) -> tuple[gate.Place, ...]:
    """All places, each once."""
    return tuple({place.given: place for some in places for place in some}.values())


def _packages(spec: ModelSpec, stages: Iterable[ModelStage[Any, Any]], device: Device) -> set[str]:
    """The packages a model worker in another environment needs to read its messages and to ask
    NVML."""
    used = {type(one).__module__.partition(".")[0] for one in (spec, *stages)}
    return used if device.kind == "cpu" else used | {"pynvml"}


def _as_exception(error: ModelWorkerError, spec: ModelSpec) -> Exception:
    text = f"model {spec.display_name}: {error.message}"
    if error.unavailable:
        return ModelUnavailableError(error.message)
    if error.kind == "resource":
        return ResourceError(text)
    return TransientError(text)
