"""A Celery worker with one engine. Celery's threads only wait: the engine has its own processes."""

from __future__ import annotations

import logging
import signal
import threading
import time
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

from celery import Celery, signals
from celery.apps.worker import Worker
from celery.exceptions import Reject
from celery.platforms import EX_OK, SecurityWarning
from celery.worker import state
from kombu.exceptions import OperationalError

from reelmill.core.keys import Seal
from reelmill.scale.celery.app import (
    SHARDS,
    TASK,
    WithoutSecrets,
    check_reachable,
    event_queue,
    make_app,
)
from reelmill.scale.celery.lease import Leases
from reelmill.scale.messages import AnyEvent, MessageError, packed_events, unpacked_task
from reelmill.scale.shard_worker import Report, ShardWorker

_log = logging.getLogger(__name__)

#: How often and at what distance, in seconds, sending an event is tried while the broker is away:
#: for an hour. The submitter then learns of it from the shard's end, or sends the shard again.
_RETRIES = {"max_retries": 1800, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 2.0}
#: How long a worker that begins tries to reach the broker, which may be about to begin too.
_AT_START_S = 60.0
#: How often Celery's loop looks whether there is room for a shard.
_WAKE_EVERY_S = 0.1
#: How long work in progress may take to end when the worker is told to end, and how often it is
#: looked at, in seconds.
_ENDING_S, _LOOK_EVERY_S = 30.0, 0.3


class Reporter:
    """Sends events to the queues of jobs."""

    def __init__(self, app: Celery, seal: Seal) -> None:
        """Send by `app`, sealed."""
        self._app, self._seal = app, seal

    def to(self, job: str) -> Report:
        """What reports on shards of a job. Waits while the broker is away."""
        queue = event_queue(job)

        def report(*events: AnyEvent) -> None:
            try:
                with self._app.producer_pool.acquire(block=True) as producer:
                    for text in packed_events(events, self._seal):
                        producer.publish(
                            text,
                            exchange="",
                            routing_key=queue.name,
                            serializer="json",
                            declare=[queue],
                            delivery_mode=2,
                            retry=True,
                            retry_policy=_RETRIES,
                        )
            except (OperationalError, OSError) as error:
                _log.warning("an event could not be sent: %s", error)

        return report


def serve(
    worker: ShardWorker, broker: str, shards_at_once: int, on_ready: Callable[[], None]
) -> None:
    """Execute shards until the process is told to end.

    Args:
        worker: executes them.
        broker: the address of Redis or RabbitMQ.
        shards_at_once: how many shards are in work at a time; two keep batches full while one ends.
        on_ready: called when the worker waits for shards.

    Raises:
        UsageError: the address is of neither, its certificate is not trusted, or it does not
            answer for a minute.
    """
    app = make_app(broker, worker.lease_s)
    check_reachable(app, broker, _AT_START_S)
    leases, reporter = Leases.of(app), Reporter(app, worker.seal)

    @app.task(name=TASK, bind=True)  # type: ignore[untyped-decorator, unused-ignore]
    def shard(self: Any, text: str) -> None:
        task_id = str(self.request.id)
        try:
            task = unpacked_task(text, worker.seal)
        except MessageError as error:
            _log.error("message refused: %s", error)
            raise Reject(str(error), requeue=False) from error
        try:
            ending = worker.execute(task, reporter.to(task.job), lambda: leases.renew(task_id))
        finally:
            leases.forget(task_id)
        if ending == "given back":
            raise Reject("given back", requeue=True)

    def ready(**_: Any) -> None:
        on_ready()

    signals.worker_ready.connect(ready, weak=False)
    for handler in logging.getLogger().handlers:
        handler.addFilter(WithoutSecrets())
    # It advises an option of Celery's own command.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    kind = app.subclass_with_self(_Worker)
    celery_worker = kind(
        hostname=worker.name,
        pool="threads",
        concurrency=shards_at_once,
        loglevel="WARNING",
        without_mingle=True,
        without_gossip=True,
        without_heartbeat=True,
        quiet=True,
    )
    celery_worker.shards = worker
    celery_worker.start()


class _Worker(Worker):  # type: ignore[misc]
    """Celery's worker, which ends in order when it is told to, and obeys no other signal: Celery's
    own would restart it by its command line or open a debugger."""

    shards: ShardWorker
    _woken: Any = None

    def on_consumer_ready(self, consumer: Any) -> None:
        """Called by Celery when it is connected, and again when it is after a broken connection.

        Shards are executed in threads, and the end of one does not wake Celery's loop. It would
        sleep until its next timer, up to ten seconds, before it asks the broker for the next one.
        """
        super().on_consumer_ready(consumer)
        if (hub := getattr(consumer, "hub", None)) is not None and hub is not self._woken:
            self._woken = hub
            hub.call_repeatedly(_WAKE_EVERY_S, lambda: None)

    def install_platform_tweaks(self, worker: Any) -> None:
        """Handle Ctrl-C and SIGTERM; called by Celery as it begins."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._told)

    def _told(self, number: int, frame: FrameType | None) -> None:
        if self.shards.is_stopping:  # told again
            state.should_terminate = EX_OK
            return
        threading.Thread(target=self._end, name="reelmill ending", daemon=True).start()

    def _end(self) -> None:
        """Take no more shards, give back those in work, and only then leave: what is given back
        through a closed connection would be lost for a while."""
        self.consumer.call_soon(self.consumer.cancel_task_queue, SHARDS)
        self.shards.stop()
        until = time.monotonic() + _ENDING_S
        while self.shards.is_busy and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_S)
        time.sleep(_LOOK_EVERY_S)  # Celery returns the messages in its own loop
        state.should_stop = EX_OK
