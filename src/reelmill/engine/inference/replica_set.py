"""All replicas of a model, and the stages whose items they infer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.replicas import Replica
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.resources import policy
from reelmill.engine.stage import Device, ModelSpec, ModelStage, Stage


class ReplicaSet:
    """A model, the stages that use it, and its replicas. There are none while it is not needed."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        self._queues: dict[int, StageQueue] = {}
        self._replicas: list[Replica] = []
        self._work = asyncio.Event()

    # -- stages and their items

    def serve(self, queue: StageQueue) -> None:
        """Register a stage whose items this model infers."""
        self._queues[queue.position] = queue

    def queue(self, position: int) -> StageQueue:
        """The items of the stage at a position of the pipeline."""
        return self._queues[position]

    @property
    def stages(self) -> dict[int, ModelStage[Any, Any]]:
        """The stages by their position in the pipeline."""
        return {at: queue.stage for at, queue in self._queues.items()}

    def waiting(self) -> bool:
        """Whether an item waits."""
        return any(len(queue.batcher) for queue in self._queues.values())

    def fullest(self, device: Device) -> StageQueue:
        """The stage with the most waiting batches for a device."""
        return max(self._queues.values(), key=lambda queue: queue.fill(device))

    def wake(self) -> None:
        """Wake the replicas, because there may be work."""
        self._work.set()

    async def wait_for_work(self) -> None:
        """Wait until `wake` is called."""
        self._work.clear()
        await self._work.wait()

    # -- replicas

    @property
    def replicas(self) -> Sequence[Replica]:
        """The current replicas."""
        return tuple(self._replicas)

    @property
    def taking_batches(self) -> int:
        """How many of them accept batches."""
        return sum(not replica.retiring for replica in self._replicas)

    def is_first(self, replica: Replica) -> bool:
        """Whether this replica makes the measurements that apply to all."""
        return bool(self._replicas) and self._replicas[0] is replica

    def join(self, replica: Replica) -> None:
        """Add a replica."""
        self._replicas.append(replica)

    def leave(self, replica: Replica) -> None:
        """Remove a replica that has ended. It may be removed already."""
        if replica in self._replicas:
            self._replicas.remove(replica)


def replica_sets(stages: Sequence[Stage], config: EngineConfig) -> dict[int, ReplicaSet]:
    """The models of a pipeline, by the positions of the stages that use them."""
    by_model: dict[ModelSpec, ReplicaSet] = {}
    found: dict[int, ReplicaSet] = {}
    for position, stage in enumerate(stages):
        if not isinstance(stage, ModelStage):
            continue
        most = min(config.max_batch, stage.max_batch_size or config.max_batch)
        size = policy.first_batch_size(0, 0, config.batch_size, most)
        found[position] = by_model.setdefault(stage.model, ReplicaSet(stage.model))
        found[position].serve(StageQueue(position, stage, size, most))
    return found
