"""From items to outputs: queues of items, batches from many recordings, hosts that infer them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.core import gate
from reelmill.engine.aio import end_tasks
from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.arena_queue import Room
from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.memory_estimator import Gauges
from reelmill.engine.inference.replicas import BatchDone, Group, Lane, StageQueue, Told
from reelmill.engine.inference.serving import Serving
from reelmill.engine.inference.stage_run import Flight
from reelmill.engine.process import cpu_worker as work
from reelmill.engine.process.arena import Allocator, Block
from reelmill.engine.resources import policy
from reelmill.engine.resources.model_profiles import Footprints
from reelmill.engine.resources.placement import Placement
from reelmill.engine.stage import Device, ModelSpec, ModelStage, Stage
from reelmill.engine.telemetry.metrics import HostTotals


@dataclass(frozen=True)
class EndedHost:
    """A model host whose process is gone, and the memory in MB it had last."""

    name: str
    pid: int
    device: Device
    memory_mb: float


class Inference:
    """All model hosts of a run and the items on their way to them."""

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
        gauges: Gauges | None = None,
    ) -> None:
        self._stages = tuple(stages)
        self._config = config
        self._room = Room(allocator, on_room)
        told = Told(on_batch, on_fatal, on_disk_full, on_warning)
        gauges = gauges or Gauges(None, Footprints(None))
        self._serving = Serving(
            stages, config, arena_descriptor, log_folder, self._room, told, gauges
        )
        self._names = itertools.count()
        self._queues: dict[int, StageQueue] = {}
        self._groups = self._make_groups()
        self._placements: dict[ModelSpec, Placement] = {}
        self._turn: frozenset[int] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        #: Of every lane there was.
        self.totals: list[HostTotals] = []

    def _make_groups(self) -> dict[ModelSpec, Group]:
        groups: dict[ModelSpec, Group] = {}
        for position, stage in enumerate(self._stages):
            if not isinstance(stage, ModelStage):
                continue
            most = min(self._config.max_batch, stage.most_in_batch or self._config.max_batch)
            size = policy.first_batch_size(0, 0, self._config.batch_size, most)
            queue = StageQueue(position, stage, size, most)
            self._queues[position] = queue
            groups.setdefault(stage.model, Group(stage.model, [])).queues.append(queue)
        return groups

    # -- models and their hosts

    def place(self, placements: Mapping[ModelSpec, Placement]) -> None:
        """Where models run that start from now on; otherwise as the configuration says."""
        self._placements.update(placements)

    def begin_turn(self, stages: Iterable[int] | None) -> None:
        """Only these stages have their model's turn; None: all have."""
        self._turn = None if stages is None else frozenset(stages)

    def has_turn(self, stage: int) -> bool:
        return self._turn is None or stage in self._turn

    def expect(self, stage: int) -> None:
        """A recording will need this stage: its model starts loading while the CPU works."""
        group = self._group(stage)
        if group.lanes:
            return
        placement = self._placements.get(group.spec) or Placement(
            self._config.devices, self._config.threads or 1
        )
        for device in placement.devices:
            self._open_lane(group, device, placement.threads)

    def _open_lane(self, group: Group, device: Device, threads: int) -> None:
        name = f"host-{next(self._names)}"
        totals = HostTotals(name, group.spec.title, str(device))
        self.totals.append(totals)
        lane = Lane(name, device, threads, totals)
        group.lanes.append(lane)
        lane.task = asyncio.create_task(self._serving.serve(group, lane), name=name)

    def move(
        self, placements: Mapping[ModelSpec, Placement], lost: Callable[[Device], bool]
    ) -> None:
        """Models that are loaded go on elsewhere. Hosts that are left finish what they have been
        sent; those on a device that is lost are ended, and theirs is done again."""
        self.place(placements)
        for spec, placement in placements.items():
            group = self._groups[spec]
            there = {lane.home for lane in group.lanes if not lane.retiring}
            for lane in list(group.lanes):
                if lost(lane.home):
                    self._ending.add(task := asyncio.create_task(self._drop(group, lane)))
                    task.add_done_callback(self._ending.discard)
                elif lane.home not in placement.devices:
                    lane.retiring = True
            for device in placement.devices:
                if device not in there:
                    self._open_lane(group, device, placement.threads)
            group.work.set()

    async def _drop(self, group: Group, lane: Lane) -> None:
        if lane.task is not None:
            await end_tasks([lane.task])
        await self._serving.close(group, lane)

    def recall(self, has_room: Callable[[ModelSpec, Device], bool]) -> list[str]:
        """Lanes that went to the CPU for want of memory go back; what was done, for people."""
        done = []
        for group in self._groups.values():
            for lane in group.lanes:
                if lane.device == lane.home or not lane.may_return:
                    continue
                if has_room(group.spec, lane.home):
                    lane.device = lane.home
                    done.append(f"{group.spec.title} goes back to {lane.home}: there is room again")
            group.work.set()
        return done

    @property
    def loaded_models(self) -> list[ModelSpec]:
        return [spec for spec, group in self._groups.items() if group.lanes]

    @property
    def devices(self) -> set[Device]:
        """Those that we compute on."""
        return {lane.device for lane in self._lanes}

    def own_mb(self, gpus: Iterable[Device]) -> dict[Device, float]:
        """What our hosts have of GPUs, by their own account; without those where one is loading."""
        own = dict.fromkeys(gpus, 0.0)
        for lane in self._lanes:
            if lane.host is None:
                own.pop(lane.device, None)
            elif lane.device in own:
                own[lane.device] += lane.device_mb or 0.0
        return own

    @property
    def processes(self) -> dict[int, str]:
        """Hosts by process id, those that are still loading too, and the model of each."""
        return {
            pid: group.spec.title
            for group in self._groups.values()
            for lane in group.lanes
            if (pid := lane.pid) is not None
        }

    @property
    def busy(self) -> bool:
        """Whether a host is inferring."""
        return any(lane.sent for lane in self._lanes)

    @property
    def _lanes(self) -> list[Lane]:
        return [lane for group in self._groups.values() for lane in group.lanes]

    def halve(self, device: Device) -> list[str]:
        """Smaller batches on a device at once; what was changed, for people."""
        sizes = [(queue, queue.halve(device)) for queue in self._queues.values()]
        return [f"{queue.stage.name} {size}" for queue, size in sizes if size is not None]

    def release(self) -> None:
        """Have every host give back what its libraries keep, as soon as it is between batches."""
        for group in self._groups.values():
            for lane in group.lanes:
                lane.release = True
            group.work.set()

    def drain(self) -> None:
        """Take no new batches; what hosts are inferring is finished."""
        self._serving.drain()
        self._room.drain()

    async def stop(self) -> list[EndedHost]:
        """End all hosts: their processes are gone when this returns. They start again when they
        are expected again."""
        await asyncio.gather(*self._ending)
        lanes = [(group, lane) for group in self._groups.values() for lane in group.lanes]
        await end_tasks([lane.task for _, lane in lanes if lane.task is not None])
        ended = [
            EndedHost(lane.name, host.child.pid, host.device, lane.totals.peak_memory_mb or 0.0)
            for _, lane in lanes
            if (host := lane.host) is not None
        ]
        await asyncio.gather(*(self._serving.close(group, lane) for group, lane in lanes))
        return ended

    # -- recordings and their items

    def queued(self, stage: int) -> int:
        return len(self._queues[stage].batcher)

    def has_room(self) -> bool:
        """Whether another recording may be split now."""
        return self._room.to_start

    def open(self, stage: int, label: str, spool_base: Path) -> Flight:
        self.expect(stage)
        self._queues[stage].open_splits += 1
        # a name of its own: a host may still be writing for an earlier try of the same work
        unique = spool_base.with_name(f"{spool_base.name}.{next(self._names)}")
        return Flight(stage, label, unique)

    def split_ended(self, flight: Flight, total: int | None) -> None:
        """The split is over: with `total` items, or None when it failed."""
        self._queues[flight.stage].open_splits -= 1
        if total is not None:
            flight.split_done(total)
        self._group(flight.stage).work.set()

    def add(self, flight: Flight, sent: work.Sent) -> None:
        flight.granted.discard(sent.block)
        item = QueuedItem(flight, sent.index, sent.cost, sent.block)
        if flight.closed:
            self._room.release(item)
            return
        self._queues[flight.stage].batcher.add(item)
        self._group(flight.stage).work.set()

    def room(self, flight: Flight, size: int) -> asyncio.Future[Block | None]:
        """A block for an item of `flight`, when there is one; None when the flight is over."""
        return self._room.ask(flight, size)

    def abandon(self, flight: Flight, error: BaseException) -> None:
        """Another part of its recording failed: it takes no more room."""
        if not flight.finished.done():
            flight.fail(error)
            self._room.hand_out()

    def close(self, flight: Flight) -> None:
        """The flight is merged or failed: what is left of it goes."""
        flight.closed = True
        if not flight.settled:
            for item in self._queues[flight.stage].batcher.remove(flight):
                self._room.release(item)
        self._room.close(flight)
        for spool in flight.told:
            gate.remove(spool)

    def _group(self, stage: int) -> Group:
        model_stage = self._stages[stage]
        assert isinstance(model_stage, ModelStage)
        return self._groups[model_stage.model]
