"""Processes begun before it is known what for.

A command takes a third of a second to import what it is made of, and meanwhile the other cores have
nothing to do. So its first act is to begin one or two interpreters that import what its children
will need; whoever starts a child takes one of them, while there are any. Those nobody took are
ended.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from reelmill.engine.process.launch import begin, our_interpreter

#: What the libraries they import are to find; a child that needs it otherwise takes none of them.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
}
#: Python's own 700 are soon reached.
_NEW_OBJECTS = 20_000
#: An entry is sent in so many bytes, with the descriptors beside them.
ENTRY_BYTES = 256

_spares: list[Spare] = []


@dataclass
class Spare:
    """A process that waits to be told what it is."""

    process: subprocess.Popen[bytes]
    line: socket.socket

    def become(self, entry: str, arena_descriptor: int, log_descriptor: int) -> bool:
        """Have it run `entry`, as `Child.start` would; False when it is gone."""
        message = entry.encode().ljust(ENTRY_BYTES)
        try:
            socket.send_fds(self.line, [message], [arena_descriptor, log_descriptor])
        except OSError:
            return False
        return True

    def end(self) -> None:
        self.line.close()
        self.process.kill()
        self.process.wait()


def collect_seldom() -> None:
    """Look for garbage cycles after so many new objects. Importing makes a hundred thousand that
    stay: as Python has it, it looks through them again and again, an eighth of the time."""
    gc.set_threshold(_NEW_OBJECTS)


@contextmanager
def ready(imports: Sequence[Sequence[str]]) -> Iterator[None]:
    """For the block, a process for each list of modules, which it imports. They are taken in this
    order. Where there is but one core, there are none."""
    for modules in imports if _cores() > 1 else ():
        with contextlib.suppress(OSError):  # children are started without them then
            begun = begin(our_interpreter("wait"), modules, subprocess.DEVNULL, ENVIRONMENT)
            _spares.append(Spare(*begun))
    try:
        yield
    finally:
        while _spares:
            _spares.pop().end()


def take(environment: Mapping[str, str]) -> Spare | None:
    """A spare for a child that needs this environment, if there is one."""
    for name, value in environment.items():
        if ENVIRONMENT.get(name, os.environ.get(name)) != value:
            return None
    while _spares:
        spare = _spares.pop(0)
        if spare.process.poll() is None:
            return spare
        spare.end()
    return None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
