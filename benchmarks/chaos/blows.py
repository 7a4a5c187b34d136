"""Faults from outside a run. Each waits for its end and returns the permitted outcomes."""

from __future__ import annotations

import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from reelmill.engine.resources.monitor import machine_memory_mb
from tests.faults.kit import MarkedRun, RamHog

DONE, SOME_FAILED, USAGE, STOPPED = 0, 1, 2, 3
#: After a signal a run must end within this time, by the requirements.
_DRAINED_WITHIN_S = 30.0
_PATIENCE_S = 120.0


@dataclass
class Blow:
    """What happened to a run: `codes` are the exit codes it may have."""

    what: str
    exit_code: int
    codes: frozenset[int]
    drained_in: float | None = None


@dataclass
class Ring:
    """When a run is hit. `span`: seconds that an undisturbed run takes."""

    run: MarkedRun
    out: Path
    choice: random.Random
    span: float
    disk: Path

    def wait_a_while(self) -> None:
        until = time.monotonic() + self.choice.uniform(0.05, 1.1) * self.span
        while time.monotonic() < until and self.run.process.poll() is None:
            time.sleep(0.005)

    def end(self, what: str, *codes: int, drained_in: float | None = None) -> Blow:
        code = self.run.wait(_PATIENCE_S)
        return Blow(what, code, frozenset({DONE, SOME_FAILED, *codes}), drained_in)

    @property
    def listens(self) -> bool:
        """Whether the run has started and handles signals."""
        return any((self.out / ".cache" / "runs").glob(f"*-{self.run.process.pid}.jsonl"))


def nothing(ring: Ring) -> Blow:
    return ring.end("no blow")


def kill_coordinator(ring: Ring) -> Blow:
    ring.wait_a_while()
    if ring.run.process.poll() is None:
        ring.run.kill()
    return ring.end("coordinator killed", -signal.SIGKILL)


def ctrl_c(ring: Ring) -> Blow:
    return _told(ring, "Ctrl-C", signal.SIGINT)


def ctrl_c_twice(ring: Ring) -> Blow:
    return _told(ring, "Ctrl-C twice", signal.SIGINT, signal.SIGINT)


def terminate(ring: Ring) -> Blow:
    return _told(ring, "SIGTERM", signal.SIGTERM)


def terminate_frozen(ring: Ring) -> Blow:
    """Stopped while its workers are frozen and will never answer."""
    ring.wait_a_while()
    for child in ring.run.children("faults.faults:serve"):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.suspend()
    return _told(ring, "SIGTERM, all children frozen", signal.SIGTERM)


def _told(ring: Ring, what: str, *numbers: signal.Signals) -> Blow:
    ring.wait_a_while()
    early = not ring.listens  # the interpreter is still importing us
    began = time.monotonic()
    for number in numbers:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            ring.run.tell(number)
        time.sleep(0.1)
    ring.run.wait(_PATIENCE_S)
    codes = (STOPPED, *(-number for number in numbers if early))
    return ring.end(what, *codes, drained_in=time.monotonic() - began)


def kill_children(ring: Ring) -> Blow:
    """CPU workers and model workers die one after the other."""
    times = ring.choice.randrange(1, 5)
    for _ in range(times):
        ring.wait_a_while()
        with _victim(ring) as victim:
            if victim is not None:
                victim.kill()
    return ring.end(f"{times} children killed")


def kill_all_children(ring: Ring) -> Blow:
    """As the kernel's out-of-memory killer may do."""
    ring.wait_a_while()
    for child in ring.run.children("faults.faults:serve"):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    return ring.end("all children killed at once")


def freeze_child(ring: Ring) -> Blow:
    """A worker that stops answering."""
    ring.wait_a_while()
    with _victim(ring) as victim:
        if victim is not None:
            victim.suspend()
    return ring.end("a child frozen")


@contextlib.contextmanager
def _victim(ring: Ring) -> Iterator[psutil.Process | None]:
    children = ring.run.children("faults.faults:serve")
    with contextlib.suppress(psutil.NoSuchProcess):
        yield ring.choice.choice(children) if children else None


def memory_hog(ring: Ring) -> Blow:
    """Another program takes memory past the limit (see `hogged`), for a while or for good."""
    ring.wait_a_while()
    _, total = machine_memory_mb()
    hog = RamHog(int(0.06 * total))
    try:
        if ring.choice.random() < 0.5:
            ring.wait_a_while()
        else:
            ring.run.wait(_PATIENCE_S)
    finally:
        hog.end()
    return ring.end("memory taken by another program", STOPPED)


def hogged() -> dict[str, str]:
    """The environment in which the memory hog exceeds the limit: a limit slightly above the present
    use."""
    used, total = machine_memory_mb()
    return {"REELMILL_MEMORY_LIMIT": str(min(95, int(100 * used / total) + 4))}


def full_disk(ring: Ring) -> Blow:
    """The disk is filled except for a few kilobytes; then the space is freed."""
    ring.wait_a_while()
    ballast = ring.disk / "ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"x" * 65536)
        with contextlib.suppress(OSError), ballast.open("r+b") as file:
            file.truncate(max(0, ballast.stat().st_size - ring.choice.randrange(60) * 1024))
        ring.run.wait(_PATIENCE_S)
    finally:
        ballast.unlink(missing_ok=True)
    return ring.end("disk full", STOPPED, USAGE)


BLOWS: dict[Callable[[Ring], Blow], int] = {
    nothing: 4,
    kill_coordinator: 4,
    ctrl_c: 2,
    ctrl_c_twice: 1,
    terminate: 2,
    terminate_frozen: 1,
    kill_children: 4,
    kill_all_children: 1,
    freeze_child: 1,
    memory_hog: 1,
    full_disk: 2,
}
