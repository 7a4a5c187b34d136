"""An engine that several runs share: CPU workers, arena and model workers that outlive runs."""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from reelmill.core.cores import usable_cores
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.resident import ResidentEngine
from reelmill.engine.resources.devices import DeviceChoice, choose_devices
from reelmill.engine.resources.monitor import NvmlDevices
from reelmill.engine.telemetry.engine_snapshot import EngineSnapshot
from reelmill.errors import UsageError
from reelmill.runs.engine_config import SHARED, shared_config
from reelmill.runs.work_folder import work_folder
from reelmill.settings import Settings, load_settings

if TYPE_CHECKING:
    from reelmill.runs.run import Run

T = TypeVar("T")

#: The settings that an engine decides for all its runs.
ENGINE_SETTINGS = ("device", "workers", "threads", "memory_limit", "worker_memory", "arena")


class Engine:
    """Processes and models for any number of runs in this program, at the same time and one after
    the other.

        with reelmill.Engine() as engine:
            run = reelmill.Run("voice", out="a", model="large-v3", engine=engine).start()

    Models are loaded when a run first needs them, and stay loaded for later runs. Items of several
    runs are inferred in the same batches wherever their stages infer alike, whatever their language
    or output folder.

    All methods can be called from any thread.
    """

    def __init__(
        self,
        *,
        device: str | None = None,
        workers: int | None = None,
        threads: int | None = None,
        cores: int | None = None,
        memory_limit: int | None = None,
        worker_memory: int | None = None,
        arena: int | None = None,
        idle_unload: float | None = 600.0,
    ) -> None:
        """Prepare an engine without starting anything. Settings not given come from the environment
        (`REELMILL_...`), the user's config file, or a default.

        Args:
            device: `auto`, `cpu[:n]` or `cuda[:n]`, several separated by commas.
            workers: CPU worker processes.
            threads: threads of each model on the CPU.
            cores: cores that models and workers may use; those of this process if not given.
            memory_limit: percentage of the machine's memory above which work is stopped.
            worker_memory: MB of memory that one CPU worker may use.
            arena: MB of shared memory for items on their way to the models.
            idle_unload: seconds after which a model that no run needs is unloaded; None: never.

        Raises:
            UsageError: a setting is not valid.
        """
        given: dict[str, Any] = {
            "device": device,
            "workers": workers,
            "threads": threads,
            "memory_limit": memory_limit,
            "worker_memory": worker_memory,
            "arena": arena,
        }
        self._settings = load_settings(**given)
        self._cores = cores or usable_cores()
        self._idle_unload = idle_unload
        self._guard = threading.Lock()
        self._runs: list[Run] = []
        self._choice: DeviceChoice | None = None
        self._thread: threading.Thread | None = None
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._closing: asyncio.Event
        self._resident: ResidentEngine
        self._error: BaseException | None = None
        self._is_closed = False

    # -- beginning and end

    def open(self) -> Engine:
        """Open the engine; `with` does it. Processes are started when runs need them.

        Raises:
            UsageError: a device does not exist, or the engine was closed.
        """
        with self._guard:
            if self._is_closed:
                raise UsageError("this engine was closed; create another one")
            if self._thread is None:
                self._choice = choose_devices(self._settings.device, NvmlDevices().sample(()))
                self._thread = threading.Thread(
                    target=self._main, name="reelmill engine", daemon=True
                )
                self._thread.start()
        self._started.wait()
        if self._error is not None:
            raise self._error
        _open.add(self)
        return self

    def close(self) -> None:
        """Stop the runs that are going on, and end all processes. Returns when they are gone."""
        with self._guard:
            was_closed, self._is_closed = self._is_closed, True
            left = list(self._runs)
        for run in left:
            run.stop("the engine was closed")
        for run in left:
            run.join()
        if self._thread is not None and self._error is None:
            if not was_closed:
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()
        _open.discard(self)

    def __enter__(self) -> Engine:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    async def __aenter__(self) -> Engine:
        return await asyncio.to_thread(self.open)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self.close)

    def snapshot(self) -> EngineSnapshot:
        """What the engine is doing now.

        Raises:
            UsageError: the engine is not open.
        """
        self._check_open()

        async def taken() -> EngineSnapshot:
            return self._resident.snapshot()

        return self.carry_out(taken())

    # -- in the engine's thread, with which its processes end

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 (raised where it is opened)
            self._error = error
        self._started.set()

    async def _serve(self) -> None:
        self._loop, self._closing = asyncio.get_running_loop(), asyncio.Event()
        assert self._choice is not None
        with work_folder() as logs:
            config = shared_config(self._settings, self._choice, self._cores, logs)
            self._resident = ResidentEngine(
                config, logs, NvmlDevices(), _own_process, self._idle_unload
            )
            self._started.set()
            await self._closing.wait()
            await self._resident.close()

    # -- for its runs

    @property
    def choice(self) -> DeviceChoice:
        """The devices that models are loaded on."""
        assert self._choice is not None
        return self._choice

    @property
    def resident(self) -> ResidentEngine:
        """What the runs share."""
        return self._resident

    def config_for(self, config: EngineConfig) -> EngineConfig:
        """A run's configuration with what the engine decides."""
        mine = self._resident.config
        return replace(config, **{name: getattr(mine, name) for name in SHARED})

    def carry_out(self, work: Coroutine[Any, Any, T]) -> T:
        """Execute a coroutine in the engine's loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _check_open(self) -> None:
        if self._thread is None or self._is_closed:
            raise UsageError("this engine is not open; use it in a `with` block, or call open()")

    def settings_for(self, settings: Settings, given: Mapping[str, Any]) -> Settings:
        """A run's settings with those that the engine decides.

        Raises:
            UsageError: one of these was `given` to the run.
        """
        for name in ENGINE_SETTINGS:
            if given.get(name) is not None:
                raise UsageError(
                    f"{name} belongs to the engine: give it to Engine({name}=...), not to a run "
                    "on the engine"
                )
        decided = {name: getattr(self._settings, name) for name in ENGINE_SETTINGS}
        return settings.model_copy(update=decided)

    def joins(self, run: Run) -> None:
        """A run begins.

        Raises:
            UsageError: the engine is not open.
        """
        with self._guard:
            self._check_open()
            self._runs.append(run)

    def leaves(self, run: Run) -> None:
        """A run has ended, or could not begin."""
        with self._guard:
            if run in self._runs:
                self._runs.remove(run)


def _own_process() -> dict[int, str]:
    return {os.getpid(): "coordinator"}


#: Engines that are open.
_open: weakref.WeakSet[Engine] = weakref.WeakSet()


def close_those_left() -> None:
    """End the processes of all engines when the interpreter exits, after their runs."""
    for engine in list(_open):
        engine.close()
