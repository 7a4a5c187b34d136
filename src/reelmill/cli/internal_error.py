"""Unexpected errors: one sentence for the user, the details in a log file."""

from __future__ import annotations

import logging
import os
import platform
import sys
import threading
import time
import traceback
from pathlib import Path
from types import TracebackType

from reelmill import __version__
from reelmill.core import gate
from reelmill.core.invocation import without_secrets
from reelmill.core.paths import user_cache
from reelmill.core.printable import printable
from reelmill.errors import NotOursError, reason

#: The exit code of an error in this program.
EXIT_INTERNAL = 4

_LOGS_KEPT = 20
_MESSAGE_LENGTH = 300


def report_internal_error(error: BaseException) -> int:
    """Print what went wrong and where the details are; return the exit code."""
    log = _write_log("".join(traceback.format_exception(type(error), error, error.__traceback__)))
    where = f"The details are in {printable(str(log))}" if log else "No log could be written"
    message = printable(reason(error))
    if len(message) > _MESSAGE_LENGTH:
        message = f"{message[:_MESSAGE_LENGTH]}..."
    print(
        f"reelmill: internal error ({message}). {where}; please report it. Finished work is kept: "
        "run the same command again to continue.",
        file=sys.stderr,
    )
    return EXIT_INTERNAL


def show_no_traceback() -> None:
    """Send tracebacks that Python, threads and libraries would print to a log file."""
    threading.excepthook = _thread_failed
    sys.unraisablehook = _unraisable
    logging.lastResort = _OneLine(logging.WARNING)


class _OneLine(logging.Handler):
    """Prints the message without a traceback, for loggers that have no handler of their own."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            _write_log(_formatted(record))
        print(f"{record.levelname.lower()}: {printable(record.getMessage())}", file=sys.stderr)


def _formatted(record: logging.LogRecord) -> str:
    return f"{logging.Formatter().format(record)}\n"


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_value is not None and failed.exc_type is not SystemExit:
        report_internal_error(failed.exc_value)


def _unraisable(failed: sys.UnraisableHookArgs) -> None:
    """Log an error during cleanup without printing it, because Python carries on after it."""
    if failed.exc_value is not None:
        _write_log(_text_of(failed.exc_value, failed.exc_traceback))


def _text_of(error: BaseException, trace: TracebackType | None) -> str:
    return "".join(traceback.format_exception(type(error), error, trace))


def _write_log(text: str) -> Path | None:
    """Write a new log file that only the user can read; None when that fails."""
    folder = user_cache() / "internal-errors"
    path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    head = f"reelmill {__version__}, Python {platform.python_version()}, {platform.platform()}\n"
    try:
        gate.make_folder(folder, 0o700)
        command = without_secrets(" ".join(map(printable, sys.argv)))
        whole = f"{head}{command}\n\n{without_secrets(text)}\n"
        with gate.append(path, 0o600) as file:
            file.write(whole.encode("utf-8", "backslashreplace"))
        for old in sorted(folder.glob("*.log"))[:-_LOGS_KEPT]:
            gate.remove(old)
    except (OSError, NotOursError):
        return None
    return path
