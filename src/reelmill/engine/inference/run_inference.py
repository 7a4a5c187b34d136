"""The models as one run uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from reelmill.engine.inference.item_queues import ItemQueues
from reelmill.engine.inference.replica_manager import EndedWorker, ReplicaManager
from reelmill.engine.inference.replica_set import ReplicaSet
from reelmill.engine.inference.replicas import BatchDone
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.inference.stage_run import StageRun
from reelmill.engine.inference.told import Owner, Told
from reelmill.engine.process.client import Client
from reelmill.engine.resources.placement import Placement
from reelmill.engine.stage import ModelSpec
from reelmill.engine.telemetry.metrics import ModelWorkerTotals


class RunInference:
    """The models of a run's stages, which it may share with other runs. Stages are named by their
    positions in the run's pipeline."""

    def __init__(
        self, client: Client, told: Told, replicas: ReplicaManager, items: ItemQueues
    ) -> None:
        self._client = client
        self._told = told
        self.owner = Owner(client, replace(told, batch=self._batch, fatal=self._fatal))
        self.replicas = replicas
        self.items = items
        self._queues: dict[int, tuple[StageQueue, ReplicaSet]] = {}
        self._pass: frozenset[int] | None = None
        self._totals: dict[str, ModelWorkerTotals] = {}

    def uses(self, stage: int, queue: StageQueue, replica_set: ReplicaSet) -> None:
        """Items of this stage go to this queue."""
        self._queues[stage] = queue, replica_set
        replica_set.join(queue, self.owner)

    # -- models

    def place(self, placements: Mapping[ModelSpec, Placement]) -> None:
        """Where models run that start from now on."""
        self.replicas.place(placements)

    def begin_pass(self, stages: Iterable[int] | None) -> None:
        """Only these stages have their model's pass; None: all of them."""
        self._pass = None if stages is None else frozenset(stages)

    def in_pass(self, stage: int) -> bool:
        """Whether a stage's model may be loaded now."""
        return self._pass is None or stage in self._pass

    def expect(self, stage: int) -> None:
        """Announce that a recording will need this stage, so that its model is loaded while the CPU
        works."""
        replica_set = self._queues[stage][1]
        is_ending = self._client.has_failed or self._client.is_draining
        if not is_ending and not replica_set.spec.is_empty:
            self.replicas.expect(replica_set)

    def needs(self, replica_set: ReplicaSet) -> bool:
        """Whether a recording that was started may need a model now."""
        if not self._client.open_recordings:
            return False
        return any(one is replica_set and self.in_pass(at) for at, (_, one) in self._queues.items())

    async def end_pass(self) -> list[EndedWorker]:
        """End the model workers of the pass's models that no other run needs."""
        mine = {one for at, (_, one) in self._queues.items() if self.in_pass(at)}
        self._pass = frozenset()
        return await self.replicas.stop([one for one in mine if not self._is_needed(one)])

    def _is_needed(self, replica_set: ReplicaSet) -> bool:
        others = (one.client for one in replica_set.owners if one is not self.owner)
        return any(client.open_recordings for client in others)

    # -- items

    def open(self, stage: int, label: str, spill_base: Path) -> StageRun:
        """Start a recording's run through a stage, and load the stage's model if it is not loaded.

        Args:
            stage: its position in the pipeline.
            label: what messages call the recording.
            spill_base: the name that those of spill files begin with.
        """
        self.expect(stage)
        queue, replica_set = self._queues[stage]
        return self.items.open(queue, replica_set, self.owner, label, spill_base)

    def has_room(self) -> bool:
        """Whether another recording may be split now."""
        return self.items.has_room(self._client)

    def queued(self, stage: int) -> int:
        """The number of items that wait for a stage, those of other runs included where these share
        the stage."""
        return len(self._queues[stage][0].batcher)

    # -- the end

    def drain(self) -> None:
        """Accept no new batches. Batches that model workers are inferring are finished."""
        self._client.is_draining = True
        self.items.drain(self._client)

    @property
    def busy(self) -> bool:
        """Whether a model worker is inferring an item of this run."""
        return self.replicas.works_for(self._client)

    def leave(self) -> None:
        """The run has ended. Its models stay loaded."""
        for queue, replica_set in self._queues.values():
            replica_set.leave(queue, self.owner)
        self._queues.clear()

    # -- what happens

    @property
    def totals(self) -> list[ModelWorkerTotals]:
        """What each model worker did for this run."""
        return list(self._totals.values())

    def _batch(self, done: BatchDone) -> None:
        replica = done.replica
        totals = self._totals.get(replica.name)
        if totals is None:
            of_all = replica.totals
            totals = ModelWorkerTotals(of_all.worker, of_all.model, of_all.device)
            self._totals[replica.name] = totals
        totals.device, totals.starts = replica.totals.device, replica.totals.starts
        answer = done.answer
        totals.count(len(done.items), answer.started, answer.ended, answer.memory_mb, done.seconds)
        self._told.batch(done)

    def _fatal(self, text: str) -> None:
        self._client.has_failed = True
        self._told.fatal(text)
