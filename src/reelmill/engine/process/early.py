"""CPU workers that are started before it is known what a run consists of.

Preparing a run means half a second of imports in one process, while the other cores have nothing to
do. Workers that start at its beginning have imported what they need when the first tasks come.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.engine.process.arena import create_memory
from reelmill.engine.process.launch import begin, our_interpreter

#: What a CPU worker runs.
ENTRY = "reelmill.engine.process.cpu_worker:serve"
#: The environment of all CPU workers, beside the variables of their run.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class EarlyWorker:
    """A process that imports modules and then waits for its first message. `output` is the
    descriptor of an unnamed file with what it prints until it is told the name of its log file."""

    process: subprocess.Popen[bytes]
    line: socket.socket
    output: int

    def end(self) -> None:
        self.line.close()
        self.process.kill()
        self.process.wait()


class EarlyWorkers:
    """The workers of one run that are started early, and the memory file of the arena, which they
    inherit and which gets its size later. `close` ends those that nobody took."""

    def __init__(self) -> None:
        self.memory = create_memory(0)
        self._guard = threading.Lock()
        self._waiting: list[EarlyWorker] = []
        self._outputs: list[int] = []
        self._is_closed = False

    def begin(self, count: int, imports: Sequence[str]) -> None:
        """Start workers until there have been `count` of them. The kernel ends each with the thread
        that started it.

        Args:
            count: number of processes; fewer if the system allows no more.
            imports: modules that they import.
        """
        with contextlib.suppress(OSError):
            while True:
                with self._guard:
                    if self._is_closed or len(self._outputs) >= count:
                        return
                    self._start(imports)

    def _start(self, imports: Sequence[str]) -> None:
        self._outputs.append(create_memory(0))
        process, line = begin(
            [*our_interpreter(), ENTRY],
            self._outputs[-1],
            ENVIRONMENT,
            self.memory,
            imports,
        )
        self._waiting.append(EarlyWorker(process, line, self._outputs[-1]))

    def take(self) -> EarlyWorker | None:
        """A worker that nobody has taken yet."""
        with self._guard:
            while self._waiting:
                worker = self._waiting.pop(0)
                if worker.process.poll() is None:
                    return worker
                worker.end()
        return None

    def end_waiting(self) -> None:
        """End the workers that nobody took."""
        with self._guard:
            self._end_waiting()

    def _end_waiting(self) -> None:
        while self._waiting:
            self._waiting.pop().end()

    def close(self) -> None:
        """End the workers that nobody took, and close the files. More calls do nothing."""
        with self._guard:
            if self._is_closed:
                return
            self._is_closed = True
            self._end_waiting()
            for descriptor in (self.memory, *self._outputs):
                os.close(descriptor)
