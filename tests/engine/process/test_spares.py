"""Processes begun ahead of time are children like others, once they are taken."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from reelmill.engine.process import spares
from reelmill.engine.process.arena import create_memory
from reelmill.engine.process.handle import Child
from reelmill.errors import CrashError


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spares, "_cores", lambda: 2)


def waiting() -> list[int]:
    return [spare.process.pid for spare in spares._spares]


async def begun(logs: Path, environment: dict[str, str] | None = None) -> Child:
    memory = create_memory(1 << 16)
    try:
        entry = "tests.engine.entries:echo"
        return await Child.start("child", entry, memory, logs, environment=environment)
    finally:
        os.close(memory)


def test_a_child_is_a_spare_that_was_begun_and_its_death_is_told_with_its_cause(
    tmp_path: Path,
) -> None:
    async def talk() -> None:
        with spares.ready([["json", "no.such.module"]]):
            (pid,) = waiting()
            child = await begun(tmp_path, {"OMP_NUM_THREADS": "1"})
            assert child.pid == pid
            await child.send("hello")
            assert await child.receive(20) == "hello"
            await child.send("die")
            with pytest.raises(CrashError, match=r"SIGKILL.*these are my last words"):
                await child.receive(20)

    asyncio.run(talk())


def test_a_child_that_needs_another_environment_is_started_anew(tmp_path: Path) -> None:
    async def talk() -> None:
        with spares.ready([["json"]]):
            before = waiting()
            child = await begun(tmp_path, {"OMP_NUM_THREADS": "7"})
            assert child.pid not in before
            assert waiting() == before
            await child.kill()

    asyncio.run(talk())


def test_a_spare_that_died_is_nobodys_loss(tmp_path: Path) -> None:
    async def talk() -> None:
        with spares.ready([["json"]]):
            (pid,) = waiting()
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
            child = await begun(tmp_path)
            await child.send("hello")
            assert await child.receive(20) == "hello"
            await child.kill()

    asyncio.run(talk())


def test_those_nobody_took_are_ended() -> None:
    with spares.ready([["json"], ["json"]]):
        pids = waiting()
        assert len(pids) == 2
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_on_a_single_core_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spares, "_cores", lambda: 1)
    with spares.ready([["json"]]):
        assert not waiting()
