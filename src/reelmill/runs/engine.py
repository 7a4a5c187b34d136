"""An engine that several runs share: CPU workers, arena and model workers that outlive runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from reelmill.engine.resources.devices import DeviceChoice, choose_devices
from reelmill.engine.resources.monitor import NvmlDevices, usable_cores
from reelmill.engine.telemetry.engine_snapshot import DeviceState, EngineSnapshot, RunState
from reelmill.errors import UsageError
from reelmill.settings import Settings, load_settings

if TYPE_CHECKING:
    from reelmill.runs.run import Run

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
        self.cores = cores or usable_cores()
        self.idle_unload = idle_unload
        self._choice: DeviceChoice | None = None
        self._guard = threading.Lock()
        self._runs: list[Run] = []
        self._opened_at = time.monotonic()
        self._is_closed = False

    def open(self) -> Engine:
        """Open the engine; `with` does it.

        Raises:
            UsageError: a device does not exist, or the engine was closed.
        """
        with self._guard:
            if self._is_closed:
                raise UsageError("this engine was closed; create another one")
            if self._choice is None:
                self._choice = choose_devices(self._settings.device, NvmlDevices().sample(()))
                self._opened_at = time.monotonic()
        return self

    def close(self) -> None:
        """Stop the runs that are going on, and end all processes. Returns when they are gone."""
        with self._guard:
            self._is_closed = True
            left = list(self._runs)
        for run in left:
            run.stop("the engine was closed")
        for run in left:
            run.join()

    def __enter__(self) -> Engine:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def snapshot(self) -> EngineSnapshot:
        """What the engine is doing now."""
        with self._guard:
            runs = list(self._runs)
        samples = NvmlDevices().sample(())
        return EngineSnapshot(
            seconds=time.monotonic() - self._opened_at,
            devices=tuple(map(str, self.choice.devices)),
            gpus=tuple(
                DeviceState(f"cuda:{s.index}", s.name, s.used_mb, s.total_mb, s.utilization)
                for s in samples
            ),
            memory_mb=None,
            machine_used_mb=None,
            machine_total_mb=None,
            cpu_percent=None,
            workers=self._settings.workers or 0,
            workers_busy=0,
            arena_used=0.0,
            model_workers=(),
            queued_items={},
            runs=tuple(_state_of(run) for run in runs),
        )

    # -- for its runs

    @property
    def choice(self) -> DeviceChoice:
        """The devices that models are loaded on.

        Raises:
            UsageError: the engine is not open.
        """
        if self._choice is None or self._is_closed:
            raise UsageError("this engine is not open; use it in a `with` block, or call open()")
        return self._choice

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
        """A run begins. Raises UsageError if the engine is not open."""
        assert self.choice
        with self._guard:
            self._runs.append(run)

    def leaves(self, run: Run) -> None:
        """A run has ended, or could not begin."""
        with self._guard:
            if run in self._runs:
                self._runs.remove(run)


def _state_of(run: Run) -> RunState:
    progress = run.progress
    return RunState(
        run.out,
        run.task_name,
        run.priority,
        run.is_paused,
        progress.recordings if progress else 0,
        progress.done if progress else 0,
        progress.failed if progress else 0,
        sum(progress.queued_items.values()) if progress else 0,
    )
