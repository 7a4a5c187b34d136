"""Looks at every message before Celery does: what is not one of ours is refused, logged and gone.

Celery itself would follow what a message says besides its task: call others when it is done, wait
until some time, answer to a queue. Ours say nothing of that kind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery.worker.consumer import Consumer

from reelmill.core.json_text import parse_json
from reelmill.core.printable import printable
from reelmill.scale.celery.app import MOST_WRAPPED_BYTES, TASK
from reelmill.scale.celery.lease import Leases

_log = logging.getLogger(__name__)


class GuardedConsumer(Consumer):  # type: ignore[misc]
    """Celery's consumer, behind a guard."""

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        """The function that gets each message."""
        handle = super().create_task_handler(*args, **kwargs)

        def guarded(message: Any) -> Any:
            why = reason_to_refuse(message)
            if why is None:
                Leases.of(self.app).note(message)
                return handle(message)
            _log.error("message refused: %s", printable(why))
            message.reject_log_error(_log, self.connection_errors)
            return None

        return guarded


def reason_to_refuse(message: Any) -> str | None:
    """Why a message is not one of ours; None if it may be."""
    body = message.body
    data = body.encode("utf-8", "replace") if isinstance(body, str) else bytes(body)
    if len(data) > MOST_WRAPPED_BYTES:
        return f"{len(data):,} bytes; at most {MOST_WRAPPED_BYTES:,} are read"
    if message.content_type != "application/json":
        return f"its content is {str(message.content_type)[:100]!r}; only JSON is read"
    headers = message.headers if isinstance(message.headers, dict) else {}
    if headers.get("task") != TASK:
        return f"there is no task {str(headers.get('task'))[:100]!r}"
    if (
        headers.get("eta")
        or headers.get("group")
        or headers.get("timelimit")
        not in (
            None,
            [None, None],
            (None, None),
        )
    ):
        return "it asks for more than a shard to be executed"
    return _wrong_body(data)


def _wrong_body(data: bytes) -> str | None:
    try:
        arguments, named, embedded = parse_json(data)
    except (ValueError, TypeError):
        return "its body is not as Celery makes it"
    is_one_text = isinstance(arguments, list) and [type(one) for one in arguments] == [str]
    is_bare = isinstance(embedded, dict) and not any(embedded.values())
    if not is_one_text or named or not is_bare:
        return "it asks for more than a shard to be executed"
    return None
