"""From items to outputs: queues of items, batches from many recordings, hosts that infer them.

A flight is one recording's passage through one model stage, between its split and its merge.
Whatever goes wrong with a batch, it is narrowed down by halving until it is one item's fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import traceback
from array import array
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reelmill.engine import hosts, policy, work
from reelmill.engine.batching import Batcher, QueuedItem
from reelmill.engine.buffers import Allocator, Block
from reelmill.engine.config import EngineConfig
from reelmill.engine.hosts import HostError, Inferred, ModelHost
from reelmill.engine.metrics import HostTotals
from reelmill.engine.stage import Device, ModelSpec, ModelStage, Stage
from reelmill.errors import CrashError, Failure, Kind, ModelUnavailableError, ReelmillError

#: Part of the arena that must be free before another recording is split.
_ROOM_TO_START = 0.25
_LINGER_S = 0.02
_CRASHES_ALONE = 2
_MEMORY_FAILURES_ALONE = 3


class StageFailed(Exception):
    """A stage of one recording failed; `final` when trying again has been decided against."""

    def __init__(self, failure: Failure, *, final: bool = False) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.final = final


class Flight:
    """One recording's passage through one model stage."""

    def __init__(self, stage: int, label: str, spool_base: Path) -> None:
        self.stage = stage
        self.label = label
        self.closed = False
        self.total: int | None = None
        #: Spool, offset and size of each output: compact, a long recording has a million.
        self.places = array("q")
        self._placed = 0
        self.spools: list[Path] = []
        self.granted: set[Block] = set()
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spool_base = spool_base

    def spool_for(self, host: str) -> Path:
        """Each host appends to a file of its own."""
        path = self._spool_base.with_name(f"{self._spool_base.name}.{host}")
        if path not in self.spools:
            self.spools.append(path)
        return path

    def add_output(self, index: int, spool: Path, place: tuple[int, int]) -> None:
        at, missing = 3 * index, 3 * (index + 1) - len(self.places)
        if missing > 0:
            self.places.extend(itertools.repeat(-1, missing))
        self.places[at : at + 3] = array("q", (self.spools.index(spool), *place))
        self._placed += 1
        self._settle()

    def split_done(self, total: int) -> None:
        self.total = total
        self._settle()

    @property
    def settled(self) -> bool:
        """Whether all outputs are there, so that none of its items waits anywhere."""
        return self.total == self._placed

    def _settle(self) -> None:
        if self.settled and not self.finished.done():
            self.finished.set_result(None)

    def fail(self, error: BaseException) -> None:
        self.closed = True
        if not self.finished.done():
            self.finished.set_exception(error)
            self.finished.exception()  # nobody may be waiting yet: not an unretrieved error


def joined(flights: Sequence[Flight]) -> tuple[tuple[Path, ...], array[int]]:
    """The spools of several flights, and the places of all their outputs, one after the other."""
    spools: list[Path] = []
    places: array[int] = array("q")
    for flight in flights:
        begin = len(places)
        places.extend(flight.places)
        if spools:
            for at in range(begin, len(places), 3):
                places[at] += len(spools)
        spools += flight.spools
    return tuple(spools), places


class StageQueue:
    """The waiting items of a stage, how many go into a batch, and how fast they go."""

    def __init__(self, position: int, stage: Stage, size: int) -> None:
        self.position = position
        self.stage = stage
        self.batcher = Batcher()
        self.size = size
        self.batches_since_look = 0
        self.seconds_per_cost: float | None = None
        self.open_splits = 0

    @property
    def fill(self) -> float:
        if self.batcher.has_retries:
            return float("inf")
        return len(self.batcher) / self.size

    def paced(self, cost: float, seconds: float) -> None:
        if cost > 0:
            new = seconds / cost
            old = self.seconds_per_cost
            self.seconds_per_cost = new if old is None else 0.8 * old + 0.2 * new


@dataclass(eq=False)
class Lane:
    """A place where a model may run: a device, and the host that is there now."""

    name: str
    device: Device
    totals: HostTotals
    host: ModelHost | None = None
    sent: deque[tuple[StageQueue, list[QueuedItem]]] = field(default_factory=deque)
    memory_failures: int = 0


@dataclass(eq=False)
class Group:
    """A model, the stages that use it, and its lanes."""

    spec: ModelSpec
    queues: list[StageQueue]
    lanes: list[Lane]
    work: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def waiting(self) -> bool:
        return any(len(queue.batcher) for queue in self.queues)


@dataclass(frozen=True)
class BatchDone:
    """What the coordinator's books need to know of a batch."""

    queue: StageQueue
    lane: Lane
    items: Sequence[QueuedItem]
    answer: Inferred


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
    ) -> None:
        self._stages = tuple(stages)
        self._config = config
        self._arena_descriptor = arena_descriptor
        self._allocator = allocator
        self._log_folder = log_folder
        self._on_batch = on_batch
        self._on_room = on_room
        self._on_fatal = on_fatal
        self._on_disk_full = on_disk_full
        self._on_warning = on_warning
        self._wanting: deque[tuple[Flight, int, asyncio.Future[Block | None]]] = deque()
        self._names = itertools.count()
        self._queues: dict[int, StageQueue] = {}
        self._groups = self._make_groups()
        self._draining = False

    def _make_groups(self) -> dict[ModelSpec, Group]:
        groups: dict[ModelSpec, Group] = {}
        for position, stage in enumerate(self._stages):
            if not isinstance(stage, ModelStage):
                continue
            size = policy.first_batch_size(0, 0, self._config.batch_size, self._config.max_batch)
            queue = self._queues[position] = StageQueue(position, stage, size)
            if stage.model in groups:
                groups[stage.model].queues.append(queue)
                continue
            lanes = [self._make_lane(stage.model, device) for device in self._config.devices]
            groups[stage.model] = Group(stage.model, [queue], lanes)
        return groups

    def _make_lane(self, spec: ModelSpec, device: Device) -> Lane:
        name = f"host-{next(self._names)}"
        return Lane(name, device, HostTotals(name, spec.name, str(device)))

    # -- what the coordinator asks

    @property
    def totals(self) -> list[HostTotals]:
        return [lane.totals for group in self._groups.values() for lane in group.lanes]

    @property
    def pids(self) -> list[int]:
        lanes = (lane for group in self._groups.values() for lane in group.lanes)
        return [lane.host.child.pid for lane in lanes if lane.host is not None]

    def queued(self, stage: int) -> int:
        return len(self._queues[stage].batcher)

    def has_room(self) -> bool:
        """Whether another recording may be split now."""
        free = self._allocator.size - self._allocator.used
        return free >= self._allocator.size * _ROOM_TO_START and not self._wanting

    def expect(self, stage: int) -> None:
        """A recording will need this stage: its model starts loading while the CPU works."""
        group = self._group(stage)
        if not group.tasks:
            group.tasks = [
                asyncio.create_task(self._serve(group, lane), name=lane.name)
                for lane in group.lanes
            ]

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
            self._release(item)
            return
        self._queues[flight.stage].batcher.add(item)
        self._group(flight.stage).work.set()

    def room(self, flight: Flight, size: int) -> asyncio.Future[Block | None]:
        """A block for an item of `flight`, when there is one; None when the flight is over."""
        future: asyncio.Future[Block | None] = asyncio.get_running_loop().create_future()
        self._wanting.append((flight, size, future))
        self._hand_out()
        return future

    def abandon(self, flight: Flight, error: BaseException) -> None:
        """Another part of its recording failed: it takes no more room."""
        if not flight.finished.done():
            flight.fail(error)
            self._hand_out()

    def close(self, flight: Flight) -> None:
        """The flight is merged or failed: what is left of it goes."""
        flight.closed = True
        if not flight.settled:
            for item in self._queues[flight.stage].batcher.remove(flight):
                self._release(item)
        for block in flight.granted:  # its worker died before it could fill them
            self._allocator.free(block)
        flight.granted.clear()
        self._hand_out()
        self._on_room()
        for spool in flight.spools:
            with contextlib.suppress(FileNotFoundError):
                spool.unlink()

    def drain(self) -> None:
        """Take no new batches; what hosts are inferring is finished."""
        self._draining = True
        self._hand_out()

    @property
    def busy(self) -> bool:
        """Whether a host is inferring."""
        return any(lane.sent for group in self._groups.values() for lane in group.lanes)

    async def stop(self) -> None:
        tasks = [task for group in self._groups.values() for task in group.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        lanes = [lane for group in self._groups.values() for lane in group.lanes]
        await asyncio.gather(*(self._end_host(lane) for lane in lanes))

    # -- memory

    def _hand_out(self) -> None:
        while self._wanting:
            flight, size, future = self._wanting[0]
            block = None
            if not future.done() and not flight.closed and not self._draining:
                block = self._allocator.allocate(size)
                if block is None:
                    return
                flight.granted.add(block)
            self._wanting.popleft()
            if not future.done():
                future.set_result(block)

    def _release(self, item: QueuedItem) -> None:
        self._allocator.free(item.block)
        self._hand_out()
        if self.has_room():
            self._on_room()

    # -- one lane

    def _group(self, stage: int) -> Group:
        model_stage = self._stages[stage]
        assert isinstance(model_stage, ModelStage)
        return self._groups[model_stage.model]

    async def _serve(self, group: Group, lane: Lane) -> None:
        """Keep a lane's host alive and busy."""
        while True:
            try:
                if lane.host is None:
                    lane.host = await self._start_host(group, lane)
                await self._send_batches(group, lane)
                await self._receive(group, lane)
            except CrashError as error:
                await self._after_crash(group, lane, error)
            except ReelmillError as error:
                self._on_fatal(str(error))
                return
            except Exception:  # noqa: BLE001 (a lane that ends silently would hang the run)
                self._on_fatal(f"a fault of this program in {lane.name}: {traceback.format_exc()}")
                return

    async def _start_host(self, group: Group, lane: Lane) -> ModelHost:
        """Try to start a host, again after a wait when the cause can pass.

        Raises:
            ReelmillError: it cannot be started.
        """
        load = hosts.Load(self._stages, group.spec, lane.device, self._config.threads)
        for tries in itertools.count(1):
            name = f"{lane.name}-{lane.totals.starts}"
            lane.totals.starts += 1
            try:
                host = await ModelHost.start(
                    name,
                    load,
                    self._arena_descriptor,
                    self._log_folder,
                    deadline=self._config.start_deadline,
                )
            except ReelmillError as error:
                wait = policy.retry_wait(tries, self._config.retry_waits)
                if wait is None or isinstance(error, ModelUnavailableError):
                    raise ModelUnavailableError(
                        f"model {group.spec.name} cannot start on {lane.device}: {error}"
                    ) from error
                self._on_warning(f"{error}; trying again in {wait:.0f} s")
                await asyncio.sleep(wait)
                continue
            lane.totals.peak_memory_mb = max(lane.totals.peak_memory_mb or 0, host.footprint_mb)
            return host
        raise AssertionError("unreachable")

    async def _send_batches(self, group: Group, lane: Lane) -> None:
        """Give the host a batch, and the next one ahead when that one would be full."""
        assert lane.host is not None
        while not lane.sent:
            while self._draining or not group.waiting():
                group.work.clear()
                await group.work.wait()
            await self._linger(group)
            await self._send_one(group, lane)
        if not self._draining and max(queue.fill for queue in group.queues) >= 1:
            await self._send_one(group, lane)

    async def _linger(self, group: Group) -> None:
        """A moment for a thin batch to fill while recordings are being split."""
        queue = max(group.queues, key=lambda q: q.fill)
        if queue.fill < 0.5 and queue.open_splits:
            await asyncio.sleep(_LINGER_S)

    async def _send_one(self, group: Group, lane: Lane) -> None:
        queue = max(group.queues, key=lambda q: q.fill)
        items = queue.batcher.take(self._share(group, queue))
        if not items:
            return
        assert lane.host is not None
        batch = hosts.Batch(
            queue.position,
            tuple(item.block for item in items),
            tuple(item.flight.spool_for(lane.name) for item in items),
        )
        lane.sent.append((queue, items))
        await lane.host.child.send(batch)

    @staticmethod
    def _share(group: Group, queue: StageQueue) -> int:
        """A batch's size: a full one, or what is left divided among the lanes, so that none of
        them ends up with all of it while the others are idle."""
        return min(queue.size, -(-len(queue.batcher) // len(group.lanes)))

    async def _receive(self, group: Group, lane: Lane) -> None:
        """Take the answer to the batch sent first."""
        if not lane.sent:
            return
        assert lane.host is not None
        queue, items = lane.sent[0]
        cost = sum(item.cost for item in items)
        deadline = policy.batch_deadline(cost, queue.seconds_per_cost, self._config.least_deadline)
        answer = await lane.host.child.receive(deadline)
        lane.sent.popleft()
        if isinstance(answer, Inferred):
            self._deliver(queue, lane, items, answer)
        else:
            await self._after_error(group, lane, queue, items, answer)

    def _deliver(
        self, queue: StageQueue, lane: Lane, items: list[QueuedItem], answer: Inferred
    ) -> None:
        lane.memory_failures = 0
        seconds = answer.ended - answer.started
        queue.paced(sum(item.cost for item in items), seconds)
        totals = lane.totals
        totals.batches += 1
        totals.items += len(items)
        totals.busy_seconds += seconds
        totals.first_at = answer.started if totals.first_at is None else totals.first_at
        totals.last_at = answer.ended
        totals.peak_memory_mb = max(totals.peak_memory_mb or 0, answer.memory_mb)
        for item, place in zip(items, answer.places, strict=True):
            if item.flight.closed:
                self._drop(item, lane)
                continue
            self._release(item)
            item.flight.add_output(item.index, item.flight.spool_for(lane.name), place)
        self._on_batch(BatchDone(queue, lane, items, answer))

    # -- when it goes wrong

    async def _after_crash(self, group: Group, lane: Lane, error: CrashError) -> None:
        """The host died: the batch it was at is suspect, one sent ahead is not."""
        lane.host = None
        if not lane.sent:
            return
        queue, items = lane.sent.popleft()
        for other_queue, others in lane.sent:
            other_queue.batcher.retry(others)
        lane.sent.clear()
        group.work.set()
        self._on_warning(f"{error} (at a batch of {len(items)} in {queue.stage.name}); replaced")
        alone = len(items) == 1  # before those drop out whose recording has failed: it may be them
        items = self._living(items, lane)
        if alone and items:
            items[0].crashes += 1
            if items[0].crashes >= _CRASHES_ALONE:
                self._charge(items[0], "crash", f"{error}", items[0].crashes)
                return
        self._retry_halves(queue, items)
        group.work.set()

    async def _after_error(
        self,
        group: Group,
        lane: Lane,
        queue: StageQueue,
        items: list[QueuedItem],
        error: HostError,
    ) -> None:
        """The host lives but could not infer the batch."""
        if error.disk_full:
            self._on_disk_full()
            queue.batcher.retry(items)
            return
        if error.kind == "resource":
            lane.memory_failures += 1
            queue.size = max(1, len(items) // 2)
            if lane.memory_failures >= _MEMORY_FAILURES_ALONE and lane.device.kind != "cpu":
                await self._move_to_cpu(group, lane, error)
        alone = len(items) == 1
        items = self._living(items, lane)
        if alone and items:
            items[0].crashes += 1
            limit = _MEMORY_FAILURES_ALONE if error.kind == "resource" else 1
            if items[0].crashes >= limit:
                self._charge(items[0], error.kind, error.message, items[0].crashes)
                return
        self._retry_halves(queue, items)
        group.work.set()

    async def _move_to_cpu(self, group: Group, lane: Lane, error: HostError) -> None:
        self._on_warning(
            f"{group.spec.name} ran out of memory on {lane.device} three times in a row "
            f"({error.message}); it goes on on the CPU, many times slower"
        )
        for queue, items in lane.sent:
            queue.batcher.retry(items)
        lane.sent.clear()
        await self._end_host(lane)
        lane.device = Device("cpu")
        lane.totals.device = f"{lane.totals.device}, then cpu"
        lane.memory_failures = 0

    def _living(self, items: list[QueuedItem], lane: Lane) -> list[QueuedItem]:
        for item in items:
            if item.flight.closed:
                self._drop(item, lane)
        return [item for item in items if not item.flight.closed]

    def _drop(self, item: QueuedItem, lane: Lane) -> None:
        """An item nobody waits for any more; what the host wrote after the flight closed goes."""
        self._release(item)
        with contextlib.suppress(OSError):
            item.flight.spool_for(lane.name).unlink()

    def _retry_halves(self, queue: StageQueue, items: list[QueuedItem]) -> None:
        middle = (len(items) + 1) // 2
        for half in (items[:middle], items[middle:]):
            if half:
                queue.batcher.retry(half)

    def _charge(self, item: QueuedItem, kind: Kind, message: str, tries: int) -> None:
        """The item is at fault: its recording pays."""
        self._release(item)
        stage = self._stages[item.flight.stage].name
        text = f"{message} (item {item.index} of {item.flight.label})"
        # a cause that can pass is waited for with the whole stage, as anywhere else
        failure = Failure(stage, kind, text, tries)
        item.flight.fail(StageFailed(failure, final=kind != "passing"))

    async def _end_host(self, lane: Lane) -> None:
        if lane.host is not None:
            await lane.host.stop()
            lane.host = None
