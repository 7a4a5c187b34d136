"""Keeping lanes alive and busy: hosts are started, given batches, and their answers taken."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from pathlib import Path

from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.arena_queue import Room
from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.memory_estimator import Gauges
from reelmill.engine.inference.recovery import MEMORY_FAILURES, Recovery
from reelmill.engine.inference.replicas import BatchDone, Group, Lane, StageQueue, Told
from reelmill.engine.process import model_worker as hosting
from reelmill.engine.process.model_worker import Inferred
from reelmill.engine.process.model_worker_client import ModelHost
from reelmill.engine.resources import policy
from reelmill.engine.stage import Stage
from reelmill.errors import CrashError, ModelUnavailableError, ReelmillError, ResourceError

_LINGER_S = 0.02


class Serving:
    """Serves the lanes of all groups, each in a task of its own."""

    def __init__(
        self,
        stages: Sequence[Stage],
        config: EngineConfig,
        arena_descriptor: int,
        log_folder: Path,
        room: Room,
        told: Told,
        gauges: Gauges,
    ) -> None:
        self._config = config
        self._arena_descriptor = arena_descriptor
        self._log_folder = log_folder
        self._room = room
        self._told = told
        self._gauges = gauges
        self._recovery = Recovery(stages, room, told)
        self._draining = False

    def drain(self) -> None:
        """Take no new batches; what hosts are inferring is finished."""
        self._draining = True

    async def serve(self, group: Group, lane: Lane) -> None:
        """Keep a lane's host alive and busy, until it retires or is cancelled."""
        while lane.sent or not lane.retiring:
            try:
                if self._is_misplaced(lane) and not lane.sent:
                    await self.end_host(lane)
                if lane.host is None:
                    lane.host = await self._start_host(group, lane)
                await self._send_batches(group, lane)
                await self._receive(group, lane)
                await self._release(lane)
            except CrashError as error:
                self._recovery.after_crash(group, lane, error)
            except ReelmillError as error:
                self._told.fatal(str(error))
                return
            except Exception:  # noqa: BLE001 (a lane that ends silently would hang the run)
                self._told.fatal(
                    f"a fault of this program in {lane.name}: {traceback.format_exc()}"
                )
                return
        await self.close(group, lane)

    @staticmethod
    async def end_host(lane: Lane) -> None:
        """End a lane's process; its memory is given back when this returns."""
        if lane.host is not None:
            await lane.host.stop()
            lane.host = None

    async def close(self, group: Group, lane: Lane) -> None:
        """End a lane. What it had been sent goes back into line, or away if nobody waits."""
        await self.end_host(lane)
        self._recovery.give_back(group, lane)
        if lane in group.lanes:
            group.lanes.remove(lane)

    async def _start_host(self, group: Group, lane: Lane) -> ModelHost:
        """Try to start a host, again after a wait when the cause can pass, and on the CPU when it
        is the GPU's fault.

        Raises:
            ReelmillError: it cannot be started.
        """
        tries = 0
        while True:
            tries += 1
            try:
                host = await self._try_to_start(group, lane)
            except ReelmillError as error:
                if self._is_devices_fault(lane, error, tries):
                    self._told.warning(
                        f"{error}; {group.spec.title} goes on on the CPU, many times slower"
                    )
                    lane.go_to_cpu()
                    tries = 0
                    continue
                wait = policy.retry_wait(tries, self._config.retry_waits)
                if wait is None or isinstance(error, ModelUnavailableError):
                    raise ModelUnavailableError(
                        f"model {group.spec.title} cannot start on {lane.device}: {error}"
                    ) from error
                self._told.warning(f"{error}; trying again in {wait:.0f} s")
                await asyncio.sleep(wait)
                continue
            lane.totals.peak_memory_mb = max(lane.totals.peak_memory_mb or 0, host.footprint_mb)
            lane.device_mb, lane.proven = host.device_mb, False
            self._gauges.loaded(host)
            return host

    async def _try_to_start(self, group: Group, lane: Lane) -> ModelHost:
        name = f"{lane.name}-{lane.totals.starts}"
        lane.totals.starts += 1

        def born(pid: int) -> None:
            lane.loading = pid

        measured: tuple[int, ...] = ()
        if lane is group.lanes[0]:
            cores = self._config.cores
            measured = self._gauges.unmeasured(group.spec, lane.device, cores)

        load = hosting.Load(
            group.stages,
            group.spec,
            lane.device,
            lane.threads,
            measured,
            spill_key=self._config.spill_key,
        )
        try:
            return await ModelHost.start(
                name,
                load,
                self._arena_descriptor,
                self._log_folder,
                deadline=self._config.start_deadline,
                born=born,
            )
        finally:
            lane.loading = None

    def _is_devices_fault(self, lane: Lane, error: ReelmillError, tries: int) -> bool:
        """Whether a start failed because the GPU is full, again and again, or gone."""
        if lane.device.kind == "cpu":
            return False
        full = isinstance(error, ResourceError) and tries >= MEMORY_FAILURES
        return full or self._gauges.is_gone(lane.device)

    async def _send_batches(self, group: Group, lane: Lane) -> None:
        """Give the host a batch, and the next one ahead when that one would be full."""
        while not lane.sent:
            while self._draining or not group.waiting():
                if lane.retiring or lane.release or self._is_misplaced(lane):
                    return
                group.work.clear()
                await group.work.wait()
            if lane.retiring or self._is_misplaced(lane):
                return
            await self._linger(group, lane)
            await self._send_one(group, lane)
        held = self._draining or lane.retiring or lane.release or self._is_misplaced(lane)
        if not held and group.fullest(lane.device).fill(lane.device) >= 1:
            await self._send_one(group, lane)

    @staticmethod
    def _is_misplaced(lane: Lane) -> bool:
        """Whether the lane has been moved to another device since its host started."""
        return lane.host is not None and lane.host.device != lane.device

    @staticmethod
    async def _linger(group: Group, lane: Lane) -> None:
        """A moment for a thin batch to fill while recordings are being split."""
        queue = group.fullest(lane.device)
        if queue.fill(lane.device) < 0.5 and queue.open_splits:
            await asyncio.sleep(_LINGER_S)

    async def _send_one(self, group: Group, lane: Lane) -> None:
        queue = group.fullest(lane.device)
        sizing = queue.sizing(lane.device)
        if sizing.batches == 0:
            self._fit(group, lane, queue, queue.batcher.largest_cost)
        items = queue.batcher.take(self._share(group, queue, sizing.size), sizing.cost_limit)
        if not items:
            return
        assert lane.host is not None
        batch = hosting.Batch(
            queue.position,
            tuple(item.block for item in items),
            tuple(str(item.flight.spool_for(lane.name)) for item in items),
        )
        lane.sent.append((queue, items))
        await lane.host.child.send(batch)

    @staticmethod
    def _share(group: Group, queue: StageQueue, size: int) -> int:
        """A batch's size: a full one, or what is left divided among the lanes, so that none of
        them ends up with all of it while the others are idle. A small model's lanes get half of
        that, for its items differ in what they take, and large batches gain it little."""
        lanes = sum(not lane.retiring for lane in group.lanes)
        shares = 2 * lanes if lanes > 1 and group.spec.small else lanes
        return min(size, -(-len(queue.batcher) // max(1, shares)))

    def _fit(self, group: Group, lane: Lane, queue: StageQueue, largest_cost: float) -> None:
        """Size batches by what is free, once it is known what items take. Hosts on the CPU share
        the machine's memory."""
        per_cost = self._gauges.per_cost_mb(group.spec, lane.device, queue.stage.name)
        free = self._gauges.free_mb(lane.device)
        if per_cost > 0 and free > 0:
            sharing = len(group.lanes) if lane.device.kind == "cpu" else 1
            queue.sizing(lane.device).fit(free / sharing, per_cost, largest_cost, queue.start)

    async def _receive(self, group: Group, lane: Lane) -> None:
        """Take the answer to the batch sent first."""
        if not lane.sent:
            return
        assert lane.host is not None
        queue, items = lane.sent[0]
        cost = sum(item.cost for item in items)
        deadline = policy.batch_deadline(
            cost,
            queue.sizing(lane.device).seconds_per_cost,
            max(self._config.least_deadline, cost * queue.stage.patience),
            items=len(items),
            warm_up_seconds=lane.host.warm_up_seconds,
        )
        answer = await lane.host.child.receive(deadline)
        lane.proven = True
        lane.sent.popleft()
        if isinstance(answer, Inferred):
            self._deliver(group, lane, queue, items, answer)
        else:
            self._recovery.after_error(group, lane, queue, items, answer)

    def _deliver(
        self,
        group: Group,
        lane: Lane,
        queue: StageQueue,
        items: list[QueuedItem],
        answer: Inferred,
    ) -> None:
        lane.memory_failures = 0
        lane.device_mb = answer.device_mb
        lane.totals.count(len(items), answer.started, answer.ended, answer.memory_mb)
        for item, place in zip(items, answer.places, strict=True):
            if item.flight.closed:
                self._recovery.drop(item, lane)
                continue
            self._room.release(item)
            item.flight.add_output(item.index, item.flight.spool_for(lane.name), place)
        done = BatchDone(queue, lane, items, answer, queue.sizing(lane.device).size)
        self._told.batch(done)
        self._learn(group, done)

    def _learn(self, group: Group, done: BatchDone) -> None:
        """What a batch says about the size and the pace of those to come."""
        lane, queue = done.lane, done.queue
        sizing = queue.sizing(lane.device)
        sizing.paced(done.cost, done.answer.ended - done.answer.started)
        if lane.host is not None:
            self._gauges.inferred(done, lane.host)
        if sizing.batches == 1:
            self._fit(group, lane, queue, max(item.cost for item in done.items))
        elif sizing.looks:
            used = self._gauges.used_share(lane.device)
            if used is not None:
                sizing.adapt(used)

    async def _release(self, lane: Lane) -> None:
        """Between two batches, have the host give back what its libraries keep."""
        if not lane.release or lane.sent or lane.host is None or self._is_misplaced(lane):
            return
        lane.release = False
        came_back = await lane.host.release(self._config.least_deadline)
        self._told.warning(f"{lane.name} gave back {came_back:,.0f} MB of memory")
