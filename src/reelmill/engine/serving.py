"""Keeping lanes alive and busy: hosts are started, given batches, and their answers taken."""

from __future__ import annotations

import asyncio
import itertools
import traceback
from collections.abc import Sequence
from pathlib import Path

from reelmill.engine import hosts, policy
from reelmill.engine.batching import QueuedItem
from reelmill.engine.config import EngineConfig
from reelmill.engine.hosts import Inferred, ModelHost
from reelmill.engine.lanes import BatchDone, Group, Lane, StageQueue, Told
from reelmill.engine.recovery import Recovery
from reelmill.engine.room import Room
from reelmill.engine.stage import Stage
from reelmill.errors import CrashError, ModelUnavailableError, ReelmillError

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
    ) -> None:
        self._stages = tuple(stages)
        self._config = config
        self._arena_descriptor = arena_descriptor
        self._log_folder = log_folder
        self._room = room
        self._told = told
        self._recovery = Recovery(stages, room, told)
        self._draining = False

    def drain(self) -> None:
        """Take no new batches; what hosts are inferring is finished."""
        self._draining = True

    async def serve(self, group: Group, lane: Lane) -> None:
        """Keep a lane's host alive and busy, until cancelled."""
        while True:
            try:
                if lane.host is not None and lane.host.device != lane.device:
                    await self.end_host(lane)
                if lane.host is None:
                    lane.host = await self._start_host(group, lane)
                await self._send_batches(group, lane)
                await self._receive(group, lane)
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
        group.lanes.remove(lane)

    async def _start_host(self, group: Group, lane: Lane) -> ModelHost:
        """Try to start a host, again after a wait when the cause can pass.

        Raises:
            ReelmillError: it cannot be started.
        """
        load = hosts.Load(self._stages, group.spec, lane.device, lane.threads)
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
                self._told.warning(f"{error}; trying again in {wait:.0f} s")
                await asyncio.sleep(wait)
                continue
            lane.totals.peak_memory_mb = max(lane.totals.peak_memory_mb or 0, host.footprint_mb)
            self._told.started(group.spec, lane, host)
            return host
        raise AssertionError("unreachable")

    async def _send_batches(self, group: Group, lane: Lane) -> None:
        """Give the host a batch, and the next one ahead when that one would be full."""
        while not lane.sent:
            while self._draining or not group.waiting():
                group.work.clear()
                await group.work.wait()
            await self._linger(group)
            await self._send_one(group, lane)
        if not self._draining and max(queue.fill for queue in group.queues) >= 1:
            await self._send_one(group, lane)

    @staticmethod
    async def _linger(group: Group) -> None:
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
            self._recovery.after_error(group, lane, queue, items, answer)

    def _deliver(
        self, queue: StageQueue, lane: Lane, items: list[QueuedItem], answer: Inferred
    ) -> None:
        lane.memory_failures = 0
        queue.paced(sum(item.cost for item in items), answer.ended - answer.started)
        lane.totals.count(len(items), answer.started, answer.ended, answer.memory_mb)
        for item, place in zip(items, answer.places, strict=True):
            if item.flight.closed:
                self._recovery.drop(item, lane)
                continue
            self._room.release(item)
            item.flight.add_output(item.index, item.flight.spool_for(lane.name), place)
        self._told.batch(BatchDone(queue, lane, items, answer))
