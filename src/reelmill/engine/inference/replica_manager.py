"""Decides which models run where: starts, moves, recalls and ends their replicas."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reelmill.engine.aio import end_tasks
from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.replica_set import ReplicaSet
from reelmill.engine.inference.replicas import Replica
from reelmill.engine.inference.serving import Serving
from reelmill.engine.process.client import Client
from reelmill.engine.resources import policy
from reelmill.engine.resources.placement import Placement
from reelmill.engine.stage import Device, ModelSpec
from reelmill.engine.telemetry.metrics import ModelWorkerTotals


@dataclass(frozen=True)
class EndedWorker:
    """A model worker whose process is gone, and the last memory it had in MB."""

    name: str
    pid: int
    device: Device
    memory_mb: float


class ReplicaManager:
    """The models of all runs, and their replicas."""

    def __init__(self, config: EngineConfig, serving: Serving) -> None:
        self._by_model: dict[ModelSpec, ReplicaSet] = {}
        self._config = config
        self._serving = serving
        self._names = itertools.count()
        self._placements: dict[ModelSpec, Placement] = {}
        #: Devices for further replicas of models on the CPU that load quickly, and their threads.
        self._reserve: dict[ModelSpec, list[tuple[Device, int]]] = {}
        self._looks_behind = 0
        self._ending: set[asyncio.Task[None]] = set()
        #: Totals of every replica there has been, while somebody may ask for them.
        self.totals: list[ModelWorkerTotals] = []

    # -- models

    def of(self, spec: ModelSpec) -> ReplicaSet:
        """A model's replicas, of which there may be none yet."""
        return self._by_model.setdefault(spec, ReplicaSet(spec))

    @property
    def sets(self) -> list[ReplicaSet]:
        """All models that a run uses, or that have replicas."""
        return list(self._by_model.values())

    def forget_unused(self) -> None:
        """Drop models that no run uses and that have no replicas."""
        self._by_model = {
            spec: one for spec, one in self._by_model.items() if one.owners or one.replicas
        }
        names = {replica.name for _, replica in self._all()}
        self.totals = [one for one in self.totals if one.worker in names]

    # -- what is to be loaded, and where

    def place(self, placements: Mapping[ModelSpec, Placement]) -> None:
        """Where models run that start from now on. Without it, the configuration decides."""
        self._placements.update(placements)

    def expect(self, replica_set: ReplicaSet) -> None:
        """Announce that a recording will need this model, so that it is loaded while the CPU
        works.

        On the CPU a model that loads quickly starts with one replica, unless the user named a
        number, because starting another takes as long as inferring many items. `reinforce` adds the
        others.
        """
        if replica_set.replicas:
            return
        placement = self._placements.get(replica_set.spec) or Placement(
            self._config.devices, self._config.threads or 1
        )
        places = [(device, placement.threads) for device in placement.devices]
        on_cpu = all(device.kind == "cpu" for device in placement.devices)
        may_wait = self._config.model_workers_open and replica_set.spec.loads_quickly and on_cpu
        at_once = 1 if may_wait else len(places)
        self._reserve[replica_set.spec] = places[at_once:]
        for place in places[:at_once]:
            self._open(replica_set, *place)

    def reinforce(self, *, is_behind: bool, more_waits: bool) -> None:
        """Add a replica to models that have fewer than they may have, if models have held up the
        CPU's work several times. Called every `Intervals.tell`.

        Args:
            is_behind: whether they have done so since the last call.
            more_waits: as in `policy.is_slow`.
        """
        slow = [
            replica_set
            for replica_set in self._by_model.values()
            if self._reserve.get(replica_set.spec)
            and replica_set.replicas
            and all(replica.sent for replica in replica_set.replicas)
        ]
        self._looks_behind += is_behind and bool(slow)
        if policy.is_slow(self._looks_behind, more_waits=more_waits):
            self._looks_behind = 0
            for replica_set in slow:
                self._open(replica_set, *self._reserve[replica_set.spec].pop(0))

    def _open(self, replica_set: ReplicaSet, device: Device, threads: int) -> None:
        name = f"model-worker-{next(self._names)}"
        totals = ModelWorkerTotals(name, replica_set.spec.display_name, str(device))
        self.totals.append(totals)
        replica = Replica(name, device, threads, totals)
        replica_set.opens(replica)
        replica.serve(asyncio.create_task(self._serving.serve(replica_set, replica), name=name))

    # -- while they run

    def move(
        self, placements: Mapping[ModelSpec, Placement], lost: Callable[[Device], bool]
    ) -> None:
        """Move loaded models to other devices. Model workers that are left finish the batches they
        were sent. Those on a lost device are ended, and their batches are repeated."""
        self.place(placements)
        for spec, placement in placements.items():
            self._reserve.pop(spec, None)  # all are started
            replica_set = self.of(spec)
            there = {replica.home for replica in replica_set.replicas if not replica.retiring}
            for replica in replica_set.replicas:
                if lost(replica.home):
                    self._ending.add(task := asyncio.create_task(self._drop(replica_set, replica)))
                    task.add_done_callback(self._ending.discard)
                elif replica.home not in placement.devices:
                    replica.retire()
            for device in placement.devices:
                if device not in there:
                    self._open(replica_set, device, placement.threads)
            replica_set.wake()

    async def _drop(self, replica_set: ReplicaSet, replica: Replica) -> None:
        if replica.task is not None:
            await end_tasks([replica.task])
        await self._serving.close(replica_set, replica)

    def recall(self, has_room: Callable[[ModelSpec, Device], bool]) -> list[str]:
        """Move replicas that went to the CPU for lack of memory back, and say what was done."""
        done = []
        after = self._config.intervals.away_from_device
        for replica_set, replica in self._all():
            if replica.device == replica.home or not replica.may_return(after):
                continue
            if has_room(replica_set.spec, replica.home):
                replica.go_home()
                replica_set.wake()
                done.append(
                    f"{replica_set.spec.display_name} returns to {replica.home}, which has "
                    "memory again"
                )
        return done

    def release(self) -> None:
        """Ask every model worker to release memory that its libraries keep, between two batches."""
        for replica_set, replica in self._all():
            replica.ask_for_release()
            replica_set.wake()

    async def hang_up(self) -> None:
        """Give model workers nothing more to do, and let them exit, without waiting for that."""
        replicas = self._all()
        await _no_longer_served(replicas)
        for _, replica in replicas:
            if replica.worker is not None:
                replica.worker.hang_up()

    async def stop(self, sets: Sequence[ReplicaSet] | None = None) -> list[EndedWorker]:
        """End all model workers, or those of some models. Their processes are gone when this
        returns. They start again when needed."""
        await asyncio.gather(*self._ending)
        replicas = [one for one in self._all() if sets is None or one[0] in sets]
        await _no_longer_served(replicas)
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

    # -- what there is

    def _all(self) -> list[tuple[ReplicaSet, Replica]]:
        return [
            (replica_set, replica)
            for replica_set in self._by_model.values()
            for replica in replica_set.replicas
        ]

    @property
    def loaded_models(self) -> list[ModelSpec]:
        """The models that have a replica."""
        return [spec for spec, replica_set in self._by_model.items() if replica_set.replicas]

    @property
    def devices(self) -> set[Device]:
        """The devices in use."""
        return {replica.device for _, replica in self._all()}

    def own_mb(self, gpus: Iterable[Device]) -> dict[Device, float]:
        """The GPU memory of our model workers, by their own measurement; without devices on which
        one is loading."""
        own = dict.fromkeys(gpus, 0.0)
        for _, replica in self._all():
            if replica.worker is None:
                own.pop(replica.device, None)
            elif replica.device in own:
                own[replica.device] += replica.device_mb or 0.0
        return own

    @property
    def processes(self) -> dict[int, str]:
        """Model workers by process id, including those still loading, with the model of each."""
        return {
            pid: replica_set.spec.display_name
            for replica_set, replica in self._all()
            if (pid := replica.pid) is not None
        }

    def works_for(self, client: Client) -> bool:
        """Whether a model worker is inferring for a run."""
        return any(replica.works_for(client) for _, replica in self._all())

    @property
    def running(self) -> list[tuple[ReplicaSet, Replica]]:
        """All replicas, each with its model."""
        return self._all()


async def _no_longer_served(replicas: Sequence[tuple[ReplicaSet, Replica]]) -> None:
    await end_tasks([replica.task for _, replica in replicas if replica.task is not None])
