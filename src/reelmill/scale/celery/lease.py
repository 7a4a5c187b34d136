"""Keeps a message with the worker that works on it, for hours if need be.

Celery acknowledges a shard when it is done, so that a lost worker's shard goes to another one.
Redis cannot tell that a worker is lost: when `visibility_timeout` has passed it gives a message to
another worker, also while the first one works on it. The time at which a worker took a message is
in a sorted set; as long as the shard makes progress, it is set to now, which renews the lease.

RabbitMQ sees that a worker is lost by its connection and needs no lease. Its `consumer_timeout` is
raised for our queue (`app.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

_log = logging.getLogger(__name__)


class Leases:
    """The messages that one application's worker has, by task id."""

    _all: ClassVar[WeakKeyDictionary[Any, Leases]] = WeakKeyDictionary()

    def __init__(self) -> None:
        # A task that was sent again while it is worked on has several messages.
        self._messages: dict[str, list[Any]] = {}
        self._guard = threading.Lock()

    @classmethod
    def of(cls, app: Any) -> Leases:
        """Those of an application."""
        return cls._all.setdefault(app, cls())

    def note(self, message: Any) -> None:
        """A message has come."""
        with self._guard:
            self._messages.setdefault(str(message.headers.get("id")), []).append(message)

    def forget(self, task_id: str) -> None:
        """The newest message of a task is done with."""
        with self._guard:
            messages = self._messages.get(task_id, [])
            if messages:
                messages.pop()
            if not messages:
                self._messages.pop(task_id, None)

    def renew(self, task_id: str) -> None:
        """The work on a message makes progress."""
        with self._guard:
            messages = list(self._messages.get(task_id, ()))
        for message in messages:
            _renew(message)


def _renew(message: Any) -> None:
    channel = getattr(message, "channel", None)
    index = getattr(channel, "unacked_index_key", None)
    if channel is None or index is None:
        return  # not Redis
    try:
        with channel.conn_or_acquire() as client:
            # `xx`: a message that was given to another worker meanwhile is not ours to renew.
            client.zadd(index, {message.delivery_tag: time.time()}, xx=True)
    except Exception as error:  # noqa: BLE001 (of any Redis library; the shard goes on anyway)
        _log.warning("a lease could not be renewed: %s", error)
