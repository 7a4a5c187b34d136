"""Imported by every Python process of a run under test: records what it opens for writing or
removes."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_EVENTS = frozenset(
    {
        "os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
        "os.symlink", "os.truncate", "os.utime", "shutil.copyfile", "shutil.move", "shutil.rmtree",
        "sqlite3.connect", "tempfile.mkdtemp", "tempfile.mkstemp",
    }
)  # fmt: skip
#: `atomic` wraps descriptors that the gate opened.
_GATE = ("reelmill/core/gate.py", "reelmill/core/atomic.py")
_log = os.open(os.environ["REELMILL_TEST_AUDIT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def _frames() -> list[str]:
    frame, found = sys._getframe(2), []
    while frame is not None:
        found.append(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        frame = frame.f_back
    return found


def _is_writing(event: str, arguments: tuple[Any, ...]) -> bool:
    if arguments and isinstance(arguments[0], int):  # a descriptor that was opened before
        return False
    if event == "open":
        return bool(arguments[2] & _WRITING)
    return event in _EVENTS


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if not _is_writing(event, arguments):
        return
    frames = _frames()
    entry = {
        "event": event,
        "what": [os.fsdecode(one) if isinstance(one, bytes) else str(one) for one in arguments],
        "by_gate": any(frame.rpartition(":")[0].endswith(_GATE) for frame in frames),
        "frames": frames[:6],
    }
    os.write(_log, (json.dumps(entry) + "\n").encode())


sys.addaudithook(_note)
