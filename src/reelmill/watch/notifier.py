"""Says when something has changed in a folder, by the library watchfiles.

Only that something changed is used, not what: the folder is then looked through. So nothing is
missed when the kernel's queue of changes overflows or a whole folder is moved in.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from reelmill.errors import UsageError

#: Changes within this time are one, and how often the library looks for them, in milliseconds.
_GROUP_MS, _STEP_MS = 400, 100
_TIMEOUT_MS = 2_000


def require_watchfiles() -> Any:
    """The library.

    Raises:
        UsageError: it is not installed.
    """
    try:
        import watchfiles
    except ImportError as error:
        raise UsageError(
            "watching folders needs the package watchfiles: pip install 'reelmill[watch]'"
        ) from error
    return watchfiles


class Notifier:
    """Watches a folder in a thread of its own until it is closed."""

    def __init__(self, folder: Path, out: Path, changed: threading.Event) -> None:
        """Prepare to watch.

        Args:
            folder: the folder, with all below it.
            out: the output folder; what changes there is not told.
            changed: set at each change, and when the watching has ended by itself.
        """
        self._folder, self._out = folder, os.path.realpath(out).rstrip("/") + "/"
        self._changed = changed
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        #: Why the folder is no longer watched; None while it is.
        self.problem: str | None = None

    def start(self) -> None:
        """Begin."""

        def follow() -> None:
            try:
                for _ in require_watchfiles().watch(
                    os.path.realpath(self._folder),
                    watch_filter=self._is_of_interest,
                    debounce=_GROUP_MS,
                    step=_STEP_MS,
                    stop_event=self._stop,
                    rust_timeout=_TIMEOUT_MS,
                    raise_interrupt=False,
                    force_polling=False,
                    ignore_permission_denied=True,
                ):
                    self._changed.set()
            except Exception as error:  # noqa: BLE001 (the library's own kinds of errors)
                self.problem = str(error) or type(error).__name__
            else:
                self.problem = None if self._stop.is_set() else "ended without a reason"
            self._changed.set()

        self._thread = threading.Thread(target=follow, name="reelmill changes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_TIMEOUT_MS / 1000)

    def _is_of_interest(self, change: object, path: str) -> bool:
        return not f"{path}/".startswith(self._out)
