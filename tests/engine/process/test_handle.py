"""Worker processes: their end reaches whoever waits, and none outlives its parent."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from reelmill.engine.process import handle
from reelmill.engine.process.arena import create_memory
from reelmill.engine.process.handle import WorkerProcess
from reelmill.errors import CrashError, TransientError
from tests.engine.entries import Unreadable


@asynccontextmanager
async def echoing(
    logs: Path, entry: str = "tests.engine.entries:echo"
) -> AsyncIterator[WorkerProcess]:
    memory = create_memory(1 << 16)
    process = await WorkerProcess.start("child", entry, memory, logs)
    try:
        yield process
    finally:
        await process.kill()
        os.close(memory)


def with_process(logs: Path, do: Callable[[WorkerProcess], Awaitable[Any]]) -> Any:
    async def body() -> Any:
        async with echoing(logs) as process:
            return await do(process)

    return asyncio.run(body())


def test_messages_of_any_size_are_exchanged(tmp_path: Path) -> None:
    async def talk(process: WorkerProcess) -> None:
        for message in ("short", b"x" * 3_000_000, list(range(10_000)), None):
            await process.send(message)
            assert await process.receive(60) == message

    with_process(tmp_path, talk)


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ("die", "SIGKILL.*these are my last words"),
        ("leave", "exit code 7"),
        ("raise", "exit code 1.*what went wrong"),
        (Unreadable(), "exit code 1.*invalid literal"),
    ],
)
def test_a_dead_worker_process_is_reported_with_its_cause(
    tmp_path: Path, order: Any, told: str
) -> None:
    # proves: G10
    async def order_it(process: WorkerProcess) -> None:
        await process.send(order)
        with pytest.raises(CrashError, match=told):
            await process.receive(60)
        assert not process.alive
        with pytest.raises(CrashError):
            for _ in range(50):
                await process.send("anybody?")

    with_process(tmp_path, order_it)


def test_a_worker_process_silent_beyond_its_deadline_is_ended(tmp_path: Path) -> None:
    # proves: G10
    async def wait(process: WorkerProcess) -> None:
        await process.send("hang")
        with pytest.raises(CrashError, match="did not answer"):
            await process.receive(0.3)
        assert not psutil.pid_exists(process.pid)

    with_process(tmp_path, wait)


def test_a_busy_worker_process_ends_when_it_is_stopped(
    tmp_path: Path,
) -> None:
    # proves: G9
    async def stop(process: WorkerProcess) -> None:
        await process.send("hang")
        began = time.monotonic()
        await process.stop(40)
        assert time.monotonic() - began < 30  # sooner than the time it is given
        assert not psutil.pid_exists(process.pid)

    with_process(tmp_path, stop)


def test_a_missing_entry_point_is_reported_with_its_cause(tmp_path: Path) -> None:
    # proves: G11
    async def body() -> None:
        async with echoing(tmp_path, "tests.engine.nowhere:at_all") as process:
            with pytest.raises(CrashError, match=r"exit code 1.*nowhere"):
                await process.receive(60)

    asyncio.run(body())


def test_a_worker_process_that_cannot_be_started_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G11
    def refuse(*_: Any, **__: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(handle.subprocess, "Popen", refuse)
    before = psutil.Process().num_fds()

    async def body() -> None:
        with pytest.raises(TransientError, match="cannot be started"):
            await WorkerProcess.start("child", "tests.engine.entries:echo", 0, tmp_path)

    asyncio.run(body())
    assert psutil.Process().num_fds() == before


def test_cancelling_a_start_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G11
    started = []
    popen = handle.subprocess.Popen

    def remember(*args: Any, **kwargs: Any) -> Any:
        started.append(popen(*args, **kwargs))
        return started[-1]

    async def never(**_: Any) -> None:
        await asyncio.sleep(100)

    monkeypatch.setattr(handle.subprocess, "Popen", remember)
    monkeypatch.setattr(handle.asyncio, "open_connection", never)
    memory = create_memory(4096)

    async def body() -> None:
        task = asyncio.create_task(
            WorkerProcess.start("child", "tests.engine.entries:echo", memory, tmp_path)
        )
        while not started:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(body())
    os.close(memory)
    assert started[0].poll() is not None


def test_no_descriptor_is_left_after_many_worker_processes(tmp_path: Path) -> None:
    # proves: G9
    async def body() -> tuple[int, int]:
        counts = []
        for number in range(4):
            async with echoing(tmp_path) as process:
                await process.send(number)
                assert await process.receive(60) == number
            await asyncio.sleep(0.05)
            counts.append(psutil.Process().num_fds())
        return counts[0], counts[-1]

    first, last = asyncio.run(body())
    assert last <= first


def test_a_worker_process_does_not_start_if_its_parent_is_gone() -> None:
    # proves: G9
    def began() -> subprocess.CompletedProcess[str]:
        main = "import sys; from reelmill.engine.process.channel import main; main(sys.argv[1:])"
        line = str(ours.fileno())
        command = [sys.executable, "-c", main, "nowhere_at_all:serve", line, "-1"]
        return subprocess.run(
            command,
            pass_fds=[ours.fileno()],
            check=False,
            capture_output=True,
            text=True,
            timeout=180,
        )

    ours, parents = socket.socketpair()
    with ours, parents:
        assert "ModuleNotFoundError: No module named 'nowhere_at_all'" in began().stderr
        parents.close()
        assert (begun := began()).returncode == 0, begun.stderr
