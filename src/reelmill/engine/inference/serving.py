"""Keeps replicas running and busy: starts model workers, gives them batches and takes their
answers."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.arena_queue import ArenaQueue
from reelmill.engine.inference.batching import QueuedItem
from reelmill.engine.inference.memory_estimator import MemoryEstimator
from reelmill.engine.inference.recovery import MEMORY_FAILURES, Recovery
from reelmill.engine.inference.replica_set import ReplicaSet
from reelmill.engine.inference.replicas import BatchDone, Replica
from reelmill.engine.inference.stage_queue import StageQueue
from reelmill.engine.process import model_worker
from reelmill.engine.process.model_worker import Inferred
from reelmill.engine.process.model_worker_client import ModelWorker
from reelmill.engine.resources import policy
from reelmill.errors import CrashError, ModelUnavailableError, ReelmillError, ResourceError


class Serving:
    """Serves the replicas of all models, each in its own task."""

    def __init__(
        self,
        config: EngineConfig,
        arena_descriptor: int,
        log_folder: Path,
        arena_queue: ArenaQueue,
        estimator: MemoryEstimator,
        make_room: Callable[[ReplicaSet, Replica], Awaitable[None]],
    ) -> None:
        """`make_room`: called before a model is loaded."""
        self._config = config
        self._arena_descriptor = arena_descriptor
        self._log_folder = log_folder
        self._arena_queue = arena_queue
        self._estimator = estimator
        self._recovery = Recovery(arena_queue)
        self._make_room = make_room
        # Loading is mostly imports, which take a core each. Loading one after the other lets the
        # first begin to infer while the next loads, instead of all of them late.
        self._loading = asyncio.Semaphore(max(1, config.cores))

    async def serve(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """Keep a replica's model worker alive and busy, until it retires or is cancelled."""
        while replica.sent or not replica.retiring:
            try:
                if not replica.sent and self._is_to_be_replaced(replica_set, replica):
                    await replica.end_worker()
                if replica.worker is None:
                    await self._make_room(replica_set, replica)
                    await self._start_worker(replica_set, replica)
                await self._send_batches(replica_set, replica)
                await self._receive(replica_set, replica)
                await self._release(replica_set, replica)
            except CrashError as error:
                self._recovery.after_crash(replica_set, replica, error)
            except ReelmillError as error:
                replica_set.fail(str(error))
                break
            except Exception:  # noqa: BLE001 (a replica that ends silently would hang the run)
                replica_set.fail(
                    f"internal error in {replica.name} (please report): {traceback.format_exc()}"
                )
                break
        await self.close(replica_set, replica)

    @staticmethod
    def _is_to_be_replaced(replica_set: ReplicaSet, replica: Replica) -> bool:
        """Whether its model worker is on another device, or cannot import what a stage of a run
        that came later is made of."""
        worker = replica.worker
        lacks = worker is not None and not worker.can_infer(replica_set.stages.values())
        return replica.is_misplaced or lacks

    async def close(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """End a replica. Batches it was sent go back into the queue, unless nobody waits for
        them."""
        await replica.end_worker()
        self._recovery.give_back(replica_set, replica)
        replica_set.closes(replica)

    async def _start_worker(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """Start a model worker. Retries after a wait if the failure is transient, and on the CPU if
        the GPU is at fault.

        Raises:
            ReelmillError: it cannot be started.
        """
        tries = 0
        while True:
            tries += 1
            try:
                worker = await self._try_to_start(replica_set, replica)
            except ReelmillError as error:
                if self._is_devices_fault(replica, error, tries):
                    replica_set.warn(
                        f"{error}; {replica_set.spec.display_name} continues on the CPU, many "
                        "times slower"
                    )
                    replica.go_to_cpu()
                    tries = 0
                    continue
                wait = policy.retry_wait(tries, self._config.retry_waits)
                if wait is None or isinstance(error, ModelUnavailableError):
                    raise ModelUnavailableError(
                        f"model {replica_set.spec.display_name} cannot start on {replica.device}: "
                        f"{error}"
                    ) from error
                replica_set.warn(f"{error}; trying again in {wait:.0f} s")
                await asyncio.sleep(wait)
                continue
            replica.loaded(worker)
            self._estimator.loaded(worker)
            return

    async def _try_to_start(self, replica_set: ReplicaSet, replica: Replica) -> ModelWorker:
        name = replica.starting()
        measured: tuple[int, ...] = ()
        if replica_set.is_first(replica):
            cores = self._config.cores
            measured = self._estimator.unmeasured(replica_set.spec, replica.device, cores)

        load = model_worker.Load(
            replica_set.stages,
            replica_set.spec,
            replica.device,
            replica.threads,
            measured,
            spill_key=self._config.spill_key,
        )
        try:
            async with self._loading:
                return await ModelWorker.start(
                    name,
                    load,
                    self._arena_descriptor,
                    self._log_folder,
                    deadline=self._config.start_deadline,
                    clients=replica_set.clients,
                    born=replica.loading_in,
                )
        finally:
            replica.loading_in(None)

    def _is_devices_fault(self, replica: Replica, error: ReelmillError, tries: int) -> bool:
        """Whether a start failed because the GPU is full, again and again, or gone."""
        if replica.device.kind == "cpu":
            return False
        full = isinstance(error, ResourceError) and tries >= MEMORY_FAILURES
        return full or self._estimator.is_gone(replica.device)

    async def _send_batches(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """Give the model worker a batch, and the next one ahead if that would be a full one."""
        while not replica.sent:
            while not replica_set.waiting():
                if replica.is_held:
                    return
                await replica_set.wait_for_work()
            if replica.retiring or self._is_to_be_replaced(replica_set, replica):
                return
            await self._linger(replica_set, replica)
            await self._send_one(replica_set, replica)
        if replica.is_held or self._is_to_be_replaced(replica_set, replica):
            return
        if replica_set.next_queue(replica.device).fill(replica.device) >= 1:
            await self._send_one(replica_set, replica)

    async def _linger(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """Wait a moment for a small batch to fill while recordings are being split."""
        queue, device = replica_set.next_queue(replica.device), replica.device
        if queue.fill(device) >= 0.5:
            return
        until = time.monotonic() + self._config.intervals.linger
        while (
            queue.is_filling and queue.fill(device) < 1 and (left := until - time.monotonic()) > 0
        ):
            await replica_set.wait_for_work(left)

    async def _send_one(self, replica_set: ReplicaSet, replica: Replica) -> None:
        queue = replica_set.next_queue(replica.device)
        sizing = queue.sizing(replica.device)
        if sizing.batches == 0:
            self._fit(replica_set, replica, queue, queue.batcher.largest_cost)
        share = self._share(replica_set, replica, queue, sizing.size)
        items = queue.batcher.take(share, sizing.cost_limit)
        if not items:
            return
        replica_set.sends()
        batch = model_worker.Batch(
            queue.number,
            tuple(item.block for item in items),
            tuple(str(item.stage_run.spill_file_for(replica.name)) for item in items),
        )
        replica.sends(queue, items)
        await replica.update(replica_set.stages, replica_set.clients)
        await replica.send(batch)

    @staticmethod
    def _share(replica_set: ReplicaSet, replica: Replica, queue: StageQueue, size: int) -> int:
        """The size of a batch: a full one, or the rest divided among the replicas, so that none of
        them gets all of it while the others are idle. Replicas of small models get half of that,
        because their items differ in cost and large batches gain little: on the CPU they would only
        keep the arena full, so that nothing is split meanwhile."""
        replicas = replica_set.taking_batches
        small = replica_set.spec.lightweight and (replicas > 1 or replica.device.kind == "cpu")
        shares = 2 * replicas if small else replicas
        return min(size, -(-len(queue.batcher) // max(1, shares)))

    def _fit(
        self, replica_set: ReplicaSet, replica: Replica, queue: StageQueue, largest_cost: float
    ) -> None:
        """Set batch sizes by free memory, once the needs of items are known. Model workers on the
        CPU share the machine's memory."""
        per_cost = self._estimator.per_cost_mb(replica_set.spec, replica.device, queue.stage.name)
        free = self._estimator.free_mb(replica.device)
        if per_cost > 0 and free > 0:
            sharing = len(replica_set.replicas) if replica.device.kind == "cpu" else 1
            queue.sizing(replica.device).fit(free / sharing, per_cost, largest_cost, queue.start)

    async def _receive(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """Take the answer to the batch sent first."""
        if not replica.sent:
            return
        assert replica.worker is not None
        queue, items = replica.sent[0]
        cost = sum(item.cost for item in items)
        deadline = policy.batch_deadline(
            cost,
            queue.sizing(replica.device).seconds_per_cost,
            max(self._config.least_deadline, cost * queue.stage.timeout_per_cost),
            items=len(items),
            warm_up_seconds=replica.worker.warm_up_seconds,
        )
        answer = await replica.worker.process.receive(deadline)
        replica.answered()
        if isinstance(answer, Inferred):
            self._deliver(replica_set, replica, queue, items, answer)
        else:
            self._recovery.after_error(replica_set, replica, queue, items, answer)

    def _deliver(
        self,
        replica_set: ReplicaSet,
        replica: Replica,
        queue: StageQueue,
        items: list[QueuedItem],
        answer: Inferred,
    ) -> None:
        replica.delivered(items, answer)
        for item, place in zip(items, answer.places, strict=True):
            if item.stage_run.closed:
                self._recovery.drop(item, replica)
                continue
            self._arena_queue.release(item)
            item.stage_run.add_output(
                item.index, item.stage_run.spill_file_for(replica.name), place
            )
        done = BatchDone(queue, replica, items, answer, queue.sizing(replica.device).size)
        for owner, part in done.by_owner():
            if not owner.client.is_over:
                owner.told.batch(part)
        self._learn(replica_set, done)

    def _learn(self, replica_set: ReplicaSet, done: BatchDone) -> None:
        """Learn from a batch about the size and pace of the next ones."""
        replica, queue = done.replica, done.queue
        sizing = queue.sizing(replica.device)
        sizing.paced(done.cost, done.answer.ended - done.answer.started)
        if replica.worker is not None:
            self._estimator.inferred(done, replica.worker)
        if sizing.batches == 1:
            self._fit(replica_set, replica, queue, max(item.cost for item in done.items))
        elif sizing.looks:
            used = self._estimator.used_share(replica.device)
            if used is not None:
                sizing.adapt(used)

    async def _release(self, replica_set: ReplicaSet, replica: Replica) -> None:
        """Between two batches, ask the model worker to release memory that its libraries keep."""
        came_back = await replica.give_back_memory(self._config.least_deadline)
        if came_back is not None:
            replica_set.warn(f"{replica.name} released {came_back:,.0f} MB of memory")
