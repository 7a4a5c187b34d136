"""From items to outputs: queues of items, batches from many recordings, and the model workers that
infer them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.arena_queue import ArenaQueue
from reelmill.engine.inference.item_queues import ItemQueues
from reelmill.engine.inference.memory_estimator import MemoryEstimator
from reelmill.engine.inference.replica_manager import EndedWorker, ReplicaManager
from reelmill.engine.inference.replica_set import replica_sets
from reelmill.engine.inference.replicas import Told
from reelmill.engine.inference.serving import Serving
from reelmill.engine.inference.stage_run import StageRun
from reelmill.engine.process.arena import Allocator
from reelmill.engine.resources.model_profiles import ModelProfiles
from reelmill.engine.stage import Stage


class InferenceService:
    """The items of a run on their way to the models, and the model workers that infer them."""

    def __init__(
        self,
        stages: Sequence[Stage],
        config: EngineConfig,
        arena_descriptor: int,
        allocator: Allocator,
        log_folder: Path,
        told: Told,
        estimator: MemoryEstimator | None = None,
    ) -> None:
        estimator = estimator or MemoryEstimator(None, ModelProfiles(None))
        self._arena_queue = ArenaQueue(allocator, told.room)
        self._serving = Serving(
            stages, config, arena_descriptor, log_folder, self._arena_queue, told, estimator
        )
        sets = replica_sets(stages, config)
        self.replicas = ReplicaManager(sets, config, self._serving)
        self.items = ItemQueues(sets, self._arena_queue)

    def open(self, stage: int, label: str, spill_base: Path) -> StageRun:
        """Start a recording's run through a stage, and load the stage's model if it is not loaded.

        Args:
            stage: its position in the pipeline.
            label: what messages call the recording.
            spill_base: the name that those of spill files begin with.
        """
        self.replicas.expect(stage)
        return self.items.open(stage, label, spill_base)

    def drain(self) -> None:
        """Accept no new batches. Batches that model workers are inferring are finished."""
        self._serving.drain()
        self._arena_queue.drain()

    async def stop(self) -> list[EndedWorker]:
        """End all model workers; see `ReplicaManager.stop`."""
        return await self.replicas.stop()
