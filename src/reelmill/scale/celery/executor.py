"""The submitter's side: sends shards, hears events, and sends again what was lost."""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kombu import Connection, Consumer
from kombu.exceptions import OperationalError

from reelmill.core.invocation import without_secrets
from reelmill.core.keys import Seal
from reelmill.scale.celery.app import (
    SHARDS,
    TASK,
    check_reachable,
    event_queue,
    make_app,
    priority_for,
    shard_queue,
)
from reelmill.scale.executor import (
    GRACE_S,
    MOST_ATTEMPTS,
    Cancellation,
    ShardDone,
    ShardFailed,
    ShardLost,
)
from reelmill.scale.messages import AnyEvent, MessageError, ShardTask, packed_task, unpacked_events

#: How long to wait for events at a time.
_WAIT_S = 0.5
#: Events that are on their way at a time.
_PREFETCH = 500
#: Leases without a sign of life after which a shard in work is lost. The broker has its own way of
#: finding that out, which is quicker: this is for what the broker itself lost.
_SILENT_LEASES = 3.0


@dataclass
class _Sent:
    """A shard as far as the submitter knows. `worker` is None while it waits."""

    task: ShardTask
    signed: float
    worker: str | None = None


class CeleryExecutor:
    """Executes shards by Celery."""

    def __init__(self, broker: str, job_lease_s: float, seal: Seal) -> None:
        """Prepare without connecting.

        Args:
            broker: the address of Redis or RabbitMQ.
            job_lease_s: a worker that gave no sign of life for so long is gone.
            seal: of the key that is shared with the workers.

        Raises:
            UsageError: the address is of neither.
        """
        self._broker, self._lease_s, self._seal = broker, job_lease_s, seal
        self._app = make_app(broker, job_lease_s)
        self._cancellation = Cancellation()
        self._shards: dict[str, _Sent] = {}
        self._heard: deque[AnyEvent] = deque()
        self._empty_since: float | None = None
        self._looked = 0.0

    @property
    def name(self) -> str:
        """The broker's address, without secrets."""
        return f"Celery ({without_secrets(self._broker)})"

    def forget(self, shard: str) -> None:
        """See `Executor`. A worker that gets it finds that it is not wanted."""
        self._shards.pop(shard, None)

    def cancel(self) -> None:
        """See `Executor`."""
        self._cancellation.cancel()

    def submit(self, tasks: Sequence[ShardTask], sent: Collection[str] = ()) -> Iterator[AnyEvent]:
        """See `Executor`."""
        if not tasks:
            return
        check_reachable(self._app, self._broker)
        now = time.monotonic()
        self._shards = {task.shard: _Sent(task, now) for task in tasks}
        for task in tasks:
            if task.shard not in sent:
                self._send(task)
        yield from self._events(tasks[0].job)

    def _events(self, job: str) -> Iterator[AnyEvent]:
        queue, until = event_queue(job), float("inf")
        connection = self._app.connection_for_read()
        # A lost connection is an error of the broker's library, one not made is kombu's own.
        away = (*connection.recoverable_connection_errors, OperationalError)
        try:
            while self._shards and not self._cancellation.is_urgent and time.monotonic() < until:
                if self._cancellation.is_asked and until == float("inf"):
                    until = time.monotonic() + GRACE_S
                    self._drop_waiting()
                with contextlib.suppress(*away):
                    connection.ensure_connection(max_retries=1, interval_start=_WAIT_S)
                    yield from self._from(connection, queue, until)
                yield from self._lost()
                self._cancellation.wait(_WAIT_S)
            with contextlib.suppress(*away):
                queue(connection.default_channel).delete()
        finally:
            connection.release()

    def _from(self, connection: Connection, queue: Any, until: float) -> Iterator[AnyEvent]:
        """Events as they come, as long as the connection holds."""
        with (
            connection.channel() as channel,
            Consumer(
                channel,
                [queue],
                accept=["json"],
                on_message=self._take,
                prefetch_count=_PREFETCH,
            ),
        ):
            while self._shards and not self._cancellation.is_urgent and time.monotonic() < until:
                with contextlib.suppress(socket.timeout, TimeoutError):
                    connection.drain_events(timeout=_WAIT_S)
                while self._heard:
                    yield from self._judged(self._heard.popleft())
                yield from self._lost(connection)
                if self._cancellation.is_asked and until == float("inf"):
                    return

    def _take(self, message: Any) -> None:
        """Events from a worker. What is none is dropped, for it would come again forever."""
        with contextlib.suppress(MessageError, ValueError, TypeError):
            self._heard += unpacked_events(message.decode(), self._seal)
        message.ack()

    def _judged(self, event: AnyEvent) -> Iterator[AnyEvent]:
        known = self._shards.get(event.shard)
        if known is None:
            return
        known.signed, known.worker = time.monotonic(), event.worker
        if isinstance(event, (ShardDone, ShardFailed)):
            del self._shards[event.shard]
        elif isinstance(event, ShardLost):
            known.worker = None  # the worker has given it back to the broker
            if self._cancellation.is_asked:
                del self._shards[event.shard]
            elif (failed := self._once_more(known)) is not None:
                del self._shards[event.shard]
                yield failed
                return
        yield event

    def _once_more(self, known: _Sent) -> ShardFailed | None:
        """Count another attempt. Returns a failure if there were too many."""
        task = known.task
        if task.attempt >= MOST_ATTEMPTS:
            return ShardFailed(task.shard, "submitter", f"given back {task.attempt} times")
        known.task = replace(task, attempt=task.attempt + 1)
        return None

    # -- what was lost

    def _lost(self, connection: Connection | None = None) -> Iterator[AnyEvent]:
        """Shards whose worker gives no sign of life, and those that the broker has lost."""
        now = time.monotonic()
        if self._cancellation.is_asked or now - self._looked < self._lease_s / 8:
            return
        self._looked = now
        patience = _SILENT_LEASES * self._lease_s
        for known in list(self._shards.values()):
            if known.worker is not None and now - known.signed > patience:
                reason = f"no sign of life for {patience:.0f} s"
                yield ShardLost(known.task.shard, known.worker, reason)
                yield from self._again(known)
        if connection is None or not self._has_nothing_waiting(connection, now):
            return
        for known in list(self._shards.values()):
            if known.worker is None and now - known.signed > self._lease_s:
                yield from self._again(known)

    def _has_nothing_waiting(self, connection: Connection, now: float) -> bool:
        """Whether no shard has been waiting in the broker for a whole lease."""
        try:
            waiting = shard_queue()(connection.default_channel).queue_declare(passive=True)
            is_empty = waiting.message_count == 0
        except connection.channel_errors:
            is_empty = True  # there is no such queue any more
        if not is_empty:
            self._empty_since = None
        elif self._empty_since is None:
            self._empty_since = now
        return self._empty_since is not None and now - self._empty_since > self._lease_s

    def _again(self, known: _Sent) -> Iterator[AnyEvent]:
        failed = self._once_more(known)
        if failed is not None:
            del self._shards[known.task.shard]
            yield failed
            return
        known.worker, known.signed = None, time.monotonic()
        self._send(known.task)

    def _drop_waiting(self) -> None:
        """Forget shards that no worker has begun with: those who get them drop them."""
        waiting = [name for name, known in self._shards.items() if known.worker is None]
        for name in waiting:
            del self._shards[name]

    # -- sending

    def _send(self, task: ShardTask) -> None:
        priority = priority_for(self._broker, task.work.priority)
        self._app.send_task(
            TASK,
            args=[packed_task(task, self._seal)],
            queue=SHARDS,
            priority=priority,
            retry=True,
            retry_policy={"max_retries": None, "interval_start": 0.1, "interval_max": 2.0},
            argsrepr="",
            ignore_result=True,
        )
