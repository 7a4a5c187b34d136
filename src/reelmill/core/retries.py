"""Retry operations that failed for a transient cause."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

#: Seconds before each further try: four tries in all.
RETRY_WAITS = (5.0, 15.0, 30.0)

#: errno values that mean there is no network at all. Waiting would not help.
_NO_NETWORK = frozenset({errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTUNREACH})


def retry(
    attempt: Callable[[], T],
    *,
    transient: Callable[[Exception], bool],
    failed: Callable[[Exception, float], None],
    sleep: Callable[[float], None],
    waits: Sequence[float] = RETRY_WAITS,
) -> T:
    """Call `attempt`, and retry it after each of `waits` while its error is transient.

    Args:
        attempt: what to do.
        transient: whether trying again can help.
        failed: called with an error and the seconds until the next try.
        sleep: waits.
        waits: seconds before each further try.

    Raises:
        Exception: what the last try raised, or the first error that is not transient.
    """
    for wait in waits:
        try:
            return attempt()
        except Exception as error:
            if not transient(error):
                raise
            failed(error, wait)
        sleep(wait)
    return attempt()


def is_offline_error(error: BaseException) -> bool:
    """Whether a name did not resolve or there is no network. Retrying does not help then."""
    return any(
        isinstance(cause, socket.gaierror)
        or (isinstance(cause, OSError) and cause.errno in _NO_NETWORK)
        for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and its causes. `URLError` keeps its cause as `reason`, urllib3 as text in
    `args`."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        cause = waiting.pop()
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting += [cause.__cause__, cause.__context__]
        waiting += [
            one
            for one in (getattr(cause, "reason", None), *cause.args)
            if isinstance(one, BaseException)
        ]
