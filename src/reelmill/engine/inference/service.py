"""From items to outputs: queues of items, batches from many recordings, model workers that infer
them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.core import gate
from reelmill.engine.aio import end_tasks
from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.arena_queue import ArenaQueue
from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.memory_estimator import MemoryEstimator
from reelmill.engine.inference.replicas import BatchDone, Replica, ReplicaSet, StageQueue, Told
from reelmill.engine.inference.serving import Serving
from reelmill.engine.inference.stage_run import StageRun
from reelmill.engine.process import cpu_worker
from reelmill.engine.process.arena import Allocator, Block
from reelmill.engine.resources import policy
from reelmill.engine.resources.model_profiles import ModelProfiles
from reelmill.engine.resources.placement import Placement
from reelmill.engine.stage import Device, ModelSpec, ModelStage, Stage
from reelmill.engine.telemetry.metrics import ModelWorkerTotals


@dataclass(frozen=True)
class EndedWorker:
    """A model worker whose process is gone, and the memory in MB it had last."""

    name: str
    pid: int
    device: Device
    memory_mb: float


class InferenceService:
    """All model workers of a run and the items on their way to them."""

    def __init__(
        self,
        stages: Sequence[Stage],
        config: EngineConfig,
        arena_descriptor: int,
        allocator: Allocator,
        log_folder: Path,
        *,
        on_batch: Callable[[BatchDone], None],
        on_room: Callable[[], None],
        on_fatal: Callable[[str], None],
        on_disk_full: Callable[[], None],
        on_warning: Callable[[str], None],
        estimator: MemoryEstimator | None = None,
    ) -> None:
        self._stages = tuple(stages)
        self._config = config
        self._arena_queue = ArenaQueue(allocator, on_room)
        told = Told(on_batch, on_fatal, on_disk_full, on_warning)
        estimator = estimator or MemoryEstimator(None, ModelProfiles(None))
        self._serving = Serving(
            stages, config, arena_descriptor, log_folder, self._arena_queue, told, estimator
        )
        self._names = itertools.count()
        self._queues: dict[int, StageQueue] = {}
        self._replica_sets = self._make_groups()
        self._placements: dict[ModelSpec, Placement] = {}
        self._pass: frozenset[int] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        #: Of every replica there was.
        self.totals: list[ModelWorkerTotals] = []

    def _make_groups(self) -> dict[ModelSpec, ReplicaSet]:
        replica_sets: dict[ModelSpec, ReplicaSet] = {}
        for position, stage in enumerate(self._stages):
            if not isinstance(stage, ModelStage):
                continue
            most = min(self._config.max_batch, stage.max_batch_size or self._config.max_batch)
            size = policy.first_batch_size(0, 0, self._config.batch_size, most)
            queue = StageQueue(position, stage, size, most)
            self._queues[position] = queue
            replica_sets.setdefault(stage.model, ReplicaSet(stage.model, [])).queues.append(queue)
        return replica_sets

    # -- models and their model workers

    def place(self, placements: Mapping[ModelSpec, Placement]) -> None:
        """Where models run that start from now on; otherwise as the configuration says."""
        self._placements.update(placements)

    def begin_pass(self, stages: Iterable[int] | None) -> None:
        """Only these stages have their model's pass; None: all have."""
        self._pass = None if stages is None else frozenset(stages)

    def in_pass(self, stage: int) -> bool:
        return self._pass is None or stage in self._pass

    def expect(self, stage: int) -> None:
        """A recording will need this stage: its model starts loading while the CPU works."""
        replica_set = self._replica_set(stage)
        if replica_set.replicas:
            return
        placement = self._placements.get(replica_set.spec) or Placement(
            self._config.devices, self._config.threads or 1
        )
        for device in placement.devices:
            self._open_replica(replica_set, device, placement.threads)

    def _open_replica(self, replica_set: ReplicaSet, device: Device, threads: int) -> None:
        name = f"model-worker-{next(self._names)}"
        totals = ModelWorkerTotals(name, replica_set.spec.display_name, str(device))
        self.totals.append(totals)
        replica = Replica(name, device, threads, totals)
        replica_set.replicas.append(replica)
        replica.serve(asyncio.create_task(self._serving.serve(replica_set, replica), name=name))

    def move(
        self, placements: Mapping[ModelSpec, Placement], lost: Callable[[Device], bool]
    ) -> None:
        """Models that are loaded go on elsewhere. Model workers that are left finish what they have
        been sent; those on a device that is lost are ended, and theirs is done again."""
        self.place(placements)
        for spec, placement in placements.items():
            replica_set = self._replica_sets[spec]
            there = {replica.home for replica in replica_set.replicas if not replica.retiring}
            for replica in list(replica_set.replicas):
                if lost(replica.home):
                    self._ending.add(task := asyncio.create_task(self._drop(replica_set, replica)))
                    task.add_done_callback(self._ending.discard)
                elif replica.home not in placement.devices:
                    replica.retire()
            for device in placement.devices:
                if device not in there:
                    self._open_replica(replica_set, device, placement.threads)
            replica_set.work.set()

    async def _drop(self, replica_set: ReplicaSet, replica: Replica) -> None:
        if replica.task is not None:
            await end_tasks([replica.task])
        await self._serving.close(replica_set, replica)

    def recall(self, has_room: Callable[[ModelSpec, Device], bool]) -> list[str]:
        """Replicas that went to the CPU for want of memory go back; what was done, for people."""
        done = []
        after = self._config.intervals.away_from_device
        for replica_set in self._replica_sets.values():
            for replica in replica_set.replicas:
                if replica.device == replica.home or not replica.may_return(after):
                    continue
                if has_room(replica_set.spec, replica.home):
                    replica.go_home()
                    done.append(
                        f"{replica_set.spec.display_name} goes back to {replica.home}: "
                        "there is room again"
                    )
            replica_set.work.set()
        return done

    @property
    def loaded_models(self) -> list[ModelSpec]:
        return [spec for spec, replica_set in self._replica_sets.items() if replica_set.replicas]

    @property
    def devices(self) -> set[Device]:
        """Those that we compute on."""
        return {replica.device for replica in self._replicas}

    def own_mb(self, gpus: Iterable[Device]) -> dict[Device, float]:
        """What our model workers have of GPUs, by their own account; without those where one is
        loading."""
        own = dict.fromkeys(gpus, 0.0)
        for replica in self._replicas:
            if replica.worker is None:
                own.pop(replica.device, None)
            elif replica.device in own:
                own[replica.device] += replica.device_mb or 0.0
        return own

    @property
    def processes(self) -> dict[int, str]:
        """Model workers by process id, those that are still loading too, and the model of each."""
        return {
            pid: replica_set.spec.display_name
            for replica_set in self._replica_sets.values()
            for replica in replica_set.replicas
            if (pid := replica.pid) is not None
        }

    @property
    def busy(self) -> bool:
        """Whether a model worker is inferring."""
        return any(replica.sent for replica in self._replicas)

    @property
    def _replicas(self) -> list[Replica]:
        return [
            replica
            for replica_set in self._replica_sets.values()
            for replica in replica_set.replicas
        ]

    def halve(self, device: Device) -> list[str]:
        """Smaller batches on a device at once; what was changed, for people."""
        sizes = [(queue, queue.halve(device)) for queue in self._queues.values()]
        return [f"{queue.stage.name} {size}" for queue, size in sizes if size is not None]

    def release(self) -> None:
        """Have every model worker give back what its libraries keep, as soon as it is between
        batches."""
        for replica_set in self._replica_sets.values():
            for replica in replica_set.replicas:
                replica.ask_for_release()
            replica_set.work.set()

    def drain(self) -> None:
        """Take no new batches; what model workers are inferring is finished."""
        self._serving.drain()
        self._arena_queue.drain()

    async def stop(self) -> list[EndedWorker]:
        """End all model workers: their processes are gone when this returns. They start again when
        they are expected again."""
        await asyncio.gather(*self._ending)
        replicas = [
            (replica_set, replica)
            for replica_set in self._replica_sets.values()
            for replica in replica_set.replicas
        ]
        await end_tasks([replica.task for _, replica in replicas if replica.task is not None])
        ended = [
            EndedWorker(
                replica.name,
                worker.process.pid,
                worker.device,
                replica.totals.peak_memory_mb or 0.0,
            )
            for _, replica in replicas
            if (worker := replica.worker) is not None
        ]
        await asyncio.gather(
            *(self._serving.close(replica_set, replica) for replica_set, replica in replicas)
        )
        return ended

    # -- recordings and their items

    def queued(self, stage: int) -> int:
        return len(self._queues[stage].batcher)

    def has_room(self) -> bool:
        """Whether another recording may be split now."""
        return self._arena_queue.to_start

    def open(self, stage: int, label: str, spill_base: Path) -> StageRun:
        self.expect(stage)
        self._queues[stage].open_splits += 1
        # a name of its own: a model worker may still be writing for an earlier try of the same work
        unique = spill_base.with_name(f"{spill_base.name}.{next(self._names)}")
        return StageRun(stage, label, unique)

    def split_ended(self, stage_run: StageRun, total: int | None) -> None:
        """The split is over: with `total` items, or None when it failed."""
        self._queues[stage_run.stage].open_splits -= 1
        if total is not None:
            stage_run.split_done(total)
        self._replica_set(stage_run.stage).work.set()

    def add(self, stage_run: StageRun, sent: cpu_worker.Sent) -> None:
        stage_run.granted.discard(sent.block)
        item = QueuedItem(stage_run, sent.index, sent.cost, sent.block)
        if stage_run.closed:
            self._arena_queue.release(item)
            return
        self._queues[stage_run.stage].batcher.add(item)
        self._replica_set(stage_run.stage).work.set()

    def room(self, stage_run: StageRun, size: int) -> asyncio.Future[Block | None]:
        """A block for an item of `stage_run`, when there is one; None when the stage run is
        over."""
        return self._arena_queue.ask(stage_run, size)

    def abandon(self, stage_run: StageRun, error: BaseException) -> None:
        """Another part of its recording failed: it takes no more room."""
        if not stage_run.finished.done():
            stage_run.fail(error)
            self._arena_queue.hand_out()

    def close(self, stage_run: StageRun) -> None:
        """The stage run is merged or failed: what is left of it goes."""
        stage_run.closed = True
        if not stage_run.settled:
            for item in self._queues[stage_run.stage].batcher.remove(stage_run):
                self._arena_queue.release(item)
        self._arena_queue.close(stage_run)
        for spill_file in stage_run.told:
            gate.remove(spill_file)

    def _replica_set(self, stage: int) -> ReplicaSet:
        model_stage = self._stages[stage]
        assert isinstance(model_stage, ModelStage)
        return self._replica_sets[model_stage.model]
