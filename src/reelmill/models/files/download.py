"""Download a file by URL, for weights that are not on a model hub."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from reelmill.core.atomic import replacing
from reelmill.core.notices import announce
from reelmill.core.retries import RETRY_WAITS, is_offline_error, retry
from reelmill.errors import ModelUnavailableError
from reelmill.models.files import hub

#: A connection is given up after this many seconds without an answer.
_PATIENCE = 20.0
_CHUNK = 1 << 20


def fetch(
    address: str,
    target: Path,
    *,
    waits: tuple[float, ...] = RETRY_WAITS,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Download `address` (http, https) to `target` atomically.

    Args:
        waits: seconds before each further try, for causes that can pass.

    Raises:
        ModelUnavailableError: offline by `HF_HUB_OFFLINE`, refused, or still failing after the
            last try; the message gives the cause alone.
    """
    if hub.is_offline():
        raise ModelUnavailableError("HF_HUB_OFFLINE is set and it is not on this machine")
    try:
        retry(
            lambda: _fetch(address, target),
            transient=_is_transient,
            failed=lambda error, wait: announce(
                f"fetching {address} failed ({_cause(error)}); again in {wait:.0f} s"
            ),
            sleep=sleep,
            waits=waits,
        )
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"{address}: {_cause(error)}") from error


def _fetch(address: str, target: Path) -> None:
    with urllib.request.urlopen(address, timeout=_PATIENCE) as answer, replacing(target) as file:
        size, wanted = 0, answer.headers.get("Content-Length")
        while data := answer.read(_CHUNK):
            file.write(data)
            size += len(data)
        if wanted is not None and size < int(wanted):
            raise ConnectionError(f"stopped after {size:,} of {int(wanted):,} bytes")


def _is_transient(error: Exception) -> bool:
    if is_offline_error(error):
        return False
    if isinstance(error, urllib.error.HTTPError):
        return error.code in hub.BUSY_STATUSES
    return isinstance(error, OSError) and error.filename is None


def _cause(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if is_offline_error(error):
        return "there is no network, or the server's name does not resolve"
    if isinstance(error, urllib.error.URLError):
        return f"the server did not answer ({error.reason})"
    return str(error)
