"""From items to outputs: queues of items, batches from many recordings, and the model workers that
infer them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.arena_queue import ArenaQueue
from reelmill.engine.inference.item_queues import ItemQueues
from reelmill.engine.inference.memory_estimator import MemoryEstimator
from reelmill.engine.inference.replica_manager import EndedWorker, ReplicaManager
from reelmill.engine.inference.replica_set import ReplicaSet
from reelmill.engine.inference.replicas import Replica
from reelmill.engine.inference.run_inference import RunInference
from reelmill.engine.inference.serving import Serving
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.inference.told import Told
from reelmill.engine.process.arena import Allocator
from reelmill.engine.process.client import Client
from reelmill.engine.resources import policy
from reelmill.engine.resources.model_profiles import ModelProfiles
from reelmill.engine.stage import Device, ModelSpec, ModelStage

#: The memory in MB that a model worker of a model is known to need on a kind of device.
NeedOf = Callable[[ModelSpec, str], float]


class InferenceService:
    """The items of all runs on their way to the models, and the model workers that infer them."""

    def __init__(
        self,
        config: EngineConfig,
        arena_descriptor: int,
        allocator: Allocator,
        log_folder: Path,
        on_room: Callable[[], None],
        estimator: MemoryEstimator | None = None,
        need_of: NeedOf = lambda spec, kind: 0.0,
    ) -> None:
        """`on_room`: called when the arena has free room again."""
        self._config = config
        self._estimator = estimator or MemoryEstimator(None, ModelProfiles(None))
        self._need_of = need_of
        self._arena_queue = ArenaQueue(allocator, on_room)
        serving = Serving(
            config,
            arena_descriptor,
            log_folder,
            self._arena_queue,
            self._estimator,
            self._make_room,
        )
        self.replicas = ReplicaManager(config, serving)
        self.items = ItemQueues(lambda: self.replicas.sets, self._arena_queue, config.cores)
        self._runs: list[RunInference] = []
        self._numbers = itertools.count()

    def join(self, client: Client, told: Told, config: EngineConfig | None = None) -> RunInference:
        """A run begins. Its stages share models, queues and batches with those of other runs that
        infer alike. `config`: the run's batch sizes, if they are not those of the engine."""
        config = config or self._config
        run = RunInference(client, told, self.replicas, self.items)
        for position, stage in enumerate(client.stages):
            if isinstance(stage, ModelStage):
                replica_set = self.replicas.of(stage.model)
                run.uses(position, self._queue_for(replica_set, stage, config), replica_set)
        self._runs.append(run)
        return run

    def _queue_for(
        self, replica_set: ReplicaSet, stage: ModelStage[Any, Any], config: EngineConfig
    ) -> StageQueue:
        most = min(config.max_batch, stage.max_batch_size or config.max_batch)
        start = policy.first_batch_size(0, 0, config.batch_size, most)
        for queue in replica_set.queues:
            if queue.takes(stage, start, most):
                return queue
        return StageQueue(next(self._numbers), stage, start, most)

    def leave(self, run: RunInference) -> None:
        """A run has ended, and none of its items is left. Its models stay loaded."""
        run.leave()
        self._runs.remove(run)
        self.replicas.forget_unused()

    @property
    def arena_used(self) -> float:
        """The part of the arena that is in use."""
        return self._arena_queue.used_share

    # -- models that nobody needs

    async def unload_idle(self, after: float = 0.0) -> list[str]:
        """Unload the models that no run has needed for `after` seconds, and name them."""
        idle = [one for one in self.replicas.sets if one.replicas]
        idle = [one for one in idle if one.seconds_idle(self._is_needed(one)) > after]
        await self.replicas.stop(idle)
        self.replicas.forget_unused()
        return [one.spec.display_name for one in idle]

    def _is_needed(self, replica_set: ReplicaSet) -> bool:
        return any(run.needs(replica_set) for run in self._runs)

    async def _make_room(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """Before a model is loaded that does not fit beside the others, unload those that no run
        needs, the one that was needed last at the end."""
        device = replica.device
        need = self._need_of(replica_set.spec, device.kind)
        idle = [
            (one.seconds_idle(needed=False), one)
            for one in self.replicas.sets
            if one is not replica_set and self._is_idle_on(one, device)
        ]
        for _, one in sorted(idle, key=lambda pair: -pair[0]):
            if need <= policy.BUDGET_SHARE * self._estimator.free_now_mb(device):
                return
            await self.replicas.stop([one])

    def idle_on(self, kind: str) -> list[ModelSpec]:
        """The loaded models on a kind of device that no run needs."""
        return [one.spec for one in self.replicas.sets if self._is_idle_on(one, Device(kind))]

    def _is_idle_on(self, replica_set: ReplicaSet, device: Device) -> bool:
        devices = {replica.device.kind for replica in replica_set.replicas}
        is_used = replica_set.is_busy or self._is_needed(replica_set)
        return device.kind in devices and not is_used

    # -- the end

    async def hang_up(self) -> None:
        """Let all model workers exit, without waiting for that."""
        await self.replicas.hang_up()

    async def stop(self) -> list[EndedWorker]:
        """End all model workers; see `ReplicaManager.stop`."""
        return await self.replicas.stop()
