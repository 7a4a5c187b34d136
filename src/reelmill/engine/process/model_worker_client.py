"""Model hosts: a process that holds one loaded model on one device and infers batches.

This is the coordinator's end; `hosting` is what runs in the process. Ending the process is how its
memory is given back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from reelmill.engine.process.handle import Child
from reelmill.engine.process.model_worker import Batch, HostError, Inferred, Load, Release, Released
from reelmill.engine.stage import Device, ModelSpec
from reelmill.errors import ModelUnavailableError, ResourceError, TransientError


class ModelHost:
    """The coordinator's end of a model host."""

    def __init__(self, name: str, spec: ModelSpec, device: Device, child: Child) -> None:
        self.name = name
        self.spec = spec
        self.device = device
        self.child = child
        self.footprint_mb = 0.0
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
    ) -> ModelHost:
        """Start a process and load the model into it; a failed start leaves nothing behind.

        `born` is told the process's id before it loads.

        Raises:
            ModelUnavailableError: the weights cannot be had.
            ResourceError: the model does not fit the device.
            TransientError: anything else that went wrong while loading.
            CrashError: the process died or hung.
        """
        child = await Child.start(
            name,
            "reelmill.engine.process.model_worker:serve",
            arena_descriptor,
            log_folder,
            python=load.spec.python,
            packages=_packages(load),
            environment={
                "OMP_NUM_THREADS": str(load.threads),
                "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as NVML counts
                **load.spec.environment,
            },
        )
        born(child.pid)
        host = cls(name, load.spec, load.device, child)
        try:
            await child.send(load)
            answer = await child.receive(deadline)
        except BaseException:
            await child.kill()
            raise
        if isinstance(answer, HostError):
            await child.kill()
            raise _as_exception(answer, load.spec)
        host.footprint_mb = answer.footprint_mb
        host.device_mb = answer.device_mb
        host.load_seconds = answer.seconds
        host.warm_up_seconds = answer.warm_up_seconds
        host.paces = answer.paces
        return host

    async def infer(self, batch: Batch, deadline: float) -> Inferred | HostError:
        """Raises CrashError when the process died or needed longer than `deadline` seconds."""
        await self.child.send(batch)
        answer: Inferred | HostError = await self.child.receive(deadline)
        return answer

    async def release(self, deadline: float) -> float:
        """Have it give back what its libraries keep; MB that came back. Only between batches.

        Raises:
            CrashError: the process died or hung.
        """
        await self.child.send(Release())
        answer: Released = await self.child.receive(deadline)
        return answer.mb

    async def stop(self) -> None:
        await self.child.stop()


def _packages(load: Load) -> set[str]:
    """What a host in another environment needs to read its first message, and to ask NVML."""
    used = {type(one).__module__.partition(".")[0] for one in (load.spec, *load.stages.values())}
    return used if load.device.kind == "cpu" else used | {"pynvml"}


def _as_exception(error: HostError, spec: ModelSpec) -> Exception:
    text = f"model {spec.title}: {error.message}"
    if error.unavailable:
        return ModelUnavailableError(error.message)
    if error.kind == "resource":
        return ResourceError(text)
    return TransientError(text)
