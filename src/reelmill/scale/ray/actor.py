"""The actor: one engine on a node of a Ray cluster, which executes shards.

It keeps what happens until the submitter asks for it.
"""

from __future__ import annotations

import importlib
import queue
from collections.abc import Callable, Sequence
from typing import cast

from reelmill.core.keys import user_key
from reelmill.runs.engine import Engine
from reelmill.runs.task import Task
from reelmill.scale.messages import AnyEvent, packed_events, unpacked_task
from reelmill.scale.roots import Roots, roots_of_environment
from reelmill.scale.shard_worker import Ending, ShardWorker
from reelmill.scale.store_work import store_side
from reelmill.scale.worker import worker_name
from reelmill.settings import load_settings

#: The most events that are handed over at a time.
_MOST_EVENTS = 1000


class ShardActor:
    """Executes shards. Ray starts it where the resources are, and calls it in several threads.

    Ray gives it the GPU that it asked for by `CUDA_VISIBLE_DEVICES`, so the engine sees no other.
    """

    def __init__(
        self,
        roots: Sequence[str],
        cores: int,
        lease_s: float,
        tasks: str,
        store: str | None = None,
    ) -> None:
        """Open an engine.

        Args:
            roots: those of the submitter, for nodes that name none in `REELMILL_ROOTS`.
            cores: how many it may use.
            lease_s: a worker that gave no sign of life for so long is gone.
            tasks: what gives tasks by name, as `module:function`.
            store: the submitter's, for nodes that name none in `REELMILL_STORE`.

        Raises:
            UsageError: a root does not exist here, or a device; or the store cannot be used.
        """
        module, _, function = tasks.partition(":")
        by_name = cast(Callable[[str], Task], getattr(importlib.import_module(module), function))
        self._seal = user_key().seal
        self._events: queue.SimpleQueue[str] = queue.SimpleQueue()
        name, found = worker_name(), Roots.parse(roots_of_environment() or roots)
        side = store_side(load_settings().store or store, name, found, self._seal, lease_s)
        self._engine = Engine(cores=cores).open()
        self._worker = ShardWorker(name, found, self._engine, self._seal, lease_s, by_name, side)

    def name(self) -> str:
        """How the worker is called in reports."""
        return self._worker.name

    def execute(self, message: str) -> Ending:
        """Execute a shard.

        Raises:
            MessageError: the message is not one of ours.
        """
        return self._worker.execute(unpacked_task(message, self._seal), self._report)

    def events(self, seconds: float) -> list[str]:
        """What has happened since the last call; waits so long for something."""
        found: list[str] = []
        try:
            found.append(self._events.get(timeout=seconds))
            while len(found) < _MOST_EVENTS:
                found.append(self._events.get_nowait())
        except queue.Empty:
            pass
        return found

    def close(self) -> None:
        """End all processes."""
        self._worker.stop()
        self._worker.close()
        self._engine.close()

    def _report(self, *events: AnyEvent) -> None:
        for text in packed_events(events, self._seal):
            self._events.put(text)
