"""Worker processes: started fresh, reached over a socket, and ended with their parent.

CPU workers and model workers are both worker processes. However a worker process dies, its death
reaches whoever waits for its next message as a `CrashError`. Processes are started by the
interpreter and not forked: FFmpeg and CUDA do not survive a fork, and the interpreter may belong to
another virtual environment. That environment then sees our packages and its own, but none of those
installed beside ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import pickle
import signal
import socket
import subprocess
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import psutil

from reelmill.core import gate
from reelmill.engine.process.channel import LENGTH, encode
from reelmill.engine.process.early import EarlyWorker
from reelmill.engine.process.launch import begin, our_interpreter
from reelmill.errors import CrashError, NotBegunError, TransientError, reason

_OURS = __name__.partition(".")[0]
_LOG_TAIL_BYTES = 2000

#: Another environment's interpreter imports its own packages, and of ours these.
_FOREIGN_BOOTSTRAP = """
import importlib.util, os, sys
sys.path[:] = [folder for folder in sys.path if folder]
for given in sys.argv[1].split(os.pathsep):
    name, _, file = given.partition("=")
    folder = [os.path.dirname(file)] if os.path.basename(file) == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=folder)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])
from reelmill.core import gate
from reelmill.engine.process.channel import main
main(sys.argv[2:])
"""


def _interpreter(python: str | None, packages: Collection[str]) -> list[str]:
    """The command that starts a worker process, up to its entry."""
    if python is None:
        return our_interpreter()
    files = {name: importlib.import_module(name).__file__ for name in sorted(packages)}
    seen = os.pathsep.join(f"{name}={file}" for name, file in files.items())
    # -E: PYTHONPATH and similar variables are meant for our interpreter
    return [python, "-E", "-c", _FOREIGN_BOOTSTRAP, seen]


class WorkerProcess:
    """The parent's end of a worker process. Messages are small; arrays go through the arena."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self.log = log
        self._process = process
        #: Whether it has carried out anything.
        self.is_proven = False
        #: What it printed before it knew its log file.
        self._early_output: int | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    @classmethod
    async def start(
        cls,
        name: str,
        entry: str,
        arena_descriptor: int,
        log_folder: Path,
        *,
        python: str | None = None,
        packages: Collection[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> WorkerProcess:
        """Start `entry` (`module:function(channel)`) in a new interpreter.

        `python` is another environment's: it gets our code and `packages`, nothing else of ours.
        """
        log = log_folder / f"{name}.log"
        command = [*_interpreter(python, {_OURS, *packages}), entry]
        try:
            with gate.append(log) as output:
                process, ours = begin(command, output, environment or {}, arena_descriptor)
        except OSError as error:  # too many processes or files, or too little memory at the moment
            raise TransientError(f"{name} cannot be started: {reason(error)}") from error
        worker = cls(name, process, log)
        await worker._connect(ours)
        return worker

    @classmethod
    async def adopt(cls, name: str, early: EarlyWorker, log_folder: Path) -> WorkerProcess:
        """Take over a process that was started early. Its first message has to tell it its log
        file."""
        worker = cls(name, early.process, log_folder / f"{name}.log")
        worker._early_output = early.output
        await worker._connect(early.line)
        return worker

    async def _connect(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        try:
            self._reader, self._writer = await asyncio.open_connection(sock=ours)
        except BaseException:  # cancelled while starting: leave nothing unfinished behind
            ours.close()
            await self._end_process()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    async def send(self, message: Any) -> None:
        """Raises CrashError when the worker process is gone."""
        try:
            self._writer.write(encode(message))
            await self._writer.drain()
        except (ConnectionError, RuntimeError) as error:
            raise await self._crash() from error

    async def receive(self, timeout: float | None = None) -> Any:
        """The worker process's next message.

        Raises:
            CrashError: the worker process died, or said nothing for `timeout` seconds and was
                killed.
            NotBegunError: it died before it read what it was sent last, as Linux tells.
        """
        try:
            if timeout is None:
                return await self._receive()
            return await asyncio.wait_for(self._receive(), timeout)
        except ConnectionResetError as error:
            raise NotBegunError(str(await self._crash())) from error
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._crash() from error
        except (TimeoutError, asyncio.TimeoutError) as error:
            await self.kill()
            raise CrashError(
                f"{self.name} did not answer within {timeout:.0f} s; killed"
            ) from error

    async def _receive(self) -> Any:
        header = await self._reader.readexactly(LENGTH.size)
        return pickle.loads(await self._reader.readexactly(LENGTH.unpack(header)[0]))

    async def _crash(self) -> CrashError:
        await self.kill()
        code = self._process.returncode
        how = f"killed by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
        tail = self._log_tail()
        return CrashError(f"{self.name} {how}" + (f"; last log line: {tail}" if tail else ""))

    def _log_tail(self) -> str:
        printed = b""
        with contextlib.suppress(OSError), self.log.open("rb") as file:
            printed = _end_of(file.fileno())
        if not printed.strip() and self._early_output is not None:
            printed = _end_of(self._early_output)
        lines = printed.decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def hang_up(self) -> None:
        """Close the connection, at which the worker process exits, without waiting for that. It is
        closed when the loop has gone on."""
        self._writer.close()

    async def stop(self, timeout: float = 3.0) -> None:
        """End the worker process. It exits when its socket closes, and is killed if it does not."""
        self.hang_up()
        until = time.monotonic() + timeout
        while self._process.poll() is None and time.monotonic() < until:
            await asyncio.sleep(0.005)
        await self.kill()

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def cpu_seconds(self) -> float:
        """CPU time of the process and of the programs it started; 0 when it is gone."""
        total = 0.0
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            for one in (process, *process.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    times = one.cpu_times()
                    total += times.user + times.system
        return total

    def memory_mb(self) -> float:
        """Memory of the process alone; 0 when it is gone."""
        with contextlib.suppress(psutil.Error):
            use = psutil.Process(self.pid).memory_info()
            return float(use.rss - getattr(use, "shared", 0)) / (1 << 20)
        return 0.0

    async def kill(self) -> None:
        self._writer.close()
        await self._end_process()

    def kill_at_once(self) -> None:
        """Kill it without waiting for its end. Whoever waits for its next message learns of it."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def _end_process(self) -> None:
        self.kill_at_once()
        while self._process.poll() is None:  # uninterruptible I/O can delay its end
            await asyncio.sleep(0.005)


def _end_of(descriptor: int) -> bytes:
    start = max(0, os.fstat(descriptor).st_size - _LOG_TAIL_BYTES)
    return os.pread(descriptor, _LOG_TAIL_BYTES, start)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
