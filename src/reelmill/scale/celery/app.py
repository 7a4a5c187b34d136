"""The Celery application of workers and submitters: one queue of shards, and one of events for each
job.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery import Celery
from kombu import Exchange, Queue
from kombu.exceptions import OperationalError

from reelmill.core.invocation import without_secrets
from reelmill.errors import UsageError
from reelmill.scale.celery.tls import tls_of, untrusted
from reelmill.scale.messages import MOST_BYTES

#: The queue of shards, and the name of the task.
SHARDS, TASK = "reelmill.shards", "reelmill.shard"
#: The most bytes of a message as Celery wraps it: JSON in JSON, with `\uXXXX` for Korean.
MOST_WRAPPED_BYTES = 3 * MOST_BYTES
#: The highest priority that a user can give.
HIGHEST = 9
#: A month, in milliseconds: RabbitMQ closes the channel of a worker that keeps a message for longer
#: than `consumer_timeout`, 30 minutes unless the queue says otherwise (from RabbitMQ 3.12).
_CONSUMER_TIMEOUT_MS = 30 * 24 * 3600 * 1000
#: Queues of events that nobody reads or writes for a week are removed, where the broker can.
_EVENTS_EXPIRE_S = 7 * 24 * 3600
#: How many leases a message may be with a worker without being renewed until Redis gives it to
#: another one.
_LEASES = 2
#: How long it waits before it tries to reach the broker again.
_TRY_EVERY_S = 1.0
_KNOWN = ("redis", "rediss", "amqp", "amqps", "sentinel", "pyamqp")


def make_app(broker: str, lease_s: float) -> Celery:
    """The application.

    Args:
        broker: address of Redis or RabbitMQ.
        lease_s: a worker that gave no sign of life for so long is gone.

    Raises:
        UsageError: it is neither, or what it says of TLS cannot be.
    """
    scheme = broker.partition("://")[0]
    if scheme not in _KNOWN:
        raise UsageError(
            f"--broker {without_secrets(broker)}: give redis://HOST:6379/0, rediss:// with TLS, "
            "amqp://HOST:5672// or amqps:// with TLS"
        )
    address, tls = tls_of(broker)
    app = Celery("reelmill", broker=address, set_as_current=False)
    app.conf.update(
        broker_use_ssl=tls,
        accept_content=["json"],
        task_serializer="json",
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        # Work goes on while the broker is away; what the broker sends again meanwhile is dropped.
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_prefetch_count_reduction=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=_transport_options(scheme, lease_s),
        task_queues=[shard_queue()],
        task_default_queue=SHARDS,
        task_default_exchange="",
        task_default_routing_key=SHARDS,
        # Whoever reaches the broker could shut workers down.
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_consumer="reelmill.scale.celery.guard:GuardedConsumer",
    )
    return app


def check_reachable(app: Celery, broker: str, within_s: float = 0.0) -> None:
    """Connect to the broker once, to tell in plain words what keeps us from it: Celery itself would
    try forever.

    Args:
        app: the application.
        broker: its address as it was given.
        within_s: for how long a broker that does not answer is tried again. One whose certificate
            is not trusted will not become trusted.

    Raises:
        UsageError: it cannot be reached.
    """
    until = time.monotonic() + within_s
    while True:
        with app.connection_for_write() as connection:
            try:
                connection.ensure_connection(max_retries=2, interval_start=0.2, timeout=10)
                return
            except (OperationalError, OSError, *connection.recoverable_connection_errors) as error:
                why = untrusted(error)
                if why is not None or time.monotonic() >= until:
                    raise UsageError(
                        f"--broker {without_secrets(broker)}: cannot be reached: "
                        f"{why or without_secrets(str(error))}"
                    ) from error
        time.sleep(_TRY_EVERY_S)


def _transport_options(scheme: str, lease_s: float) -> dict[str, Any]:
    if scheme.endswith("amqp") or scheme == "amqps":
        return {}
    return {
        # A list for each priority; those of higher priority are emptied first.
        "priority_steps": list(range(HIGHEST + 1)),
        "queue_order_strategy": "priority",
        # Renewed while a shard is worked on (lease.py), so it need not be longer than any shard.
        "visibility_timeout": _LEASES * lease_s,
        "unacked_restore_interval": max(1, int(lease_s / 8)),
        "unacked_restore_throttle": 1,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }


def shard_queue() -> Queue:
    """The queue that all workers read."""
    arguments = {"x-max-priority": HIGHEST, "x-consumer-timeout": _CONSUMER_TIMEOUT_MS}
    return Queue(SHARDS, Exchange(""), routing_key=SHARDS, queue_arguments=arguments)


def event_queue(job: str) -> Queue:
    """The queue of what workers report of a job."""
    name = f"reelmill.job.{job}"
    return Queue(name, Exchange(""), routing_key=name, expires=_EVENTS_EXPIRE_S)


def priority_for(broker: str, priority: int) -> int:
    """A user's priority as the broker's: in Redis, 0 goes first."""
    return priority if broker.startswith(("amqp", "pyamqp")) else HIGHEST - priority


class WithoutSecrets(logging.Filter):
    """Takes passwords out of what is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; it is always logged."""
        record.msg, record.args = without_secrets(record.getMessage()), ()
        return True
