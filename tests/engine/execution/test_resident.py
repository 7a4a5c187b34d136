"""What an engine decides for all its runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from reelmill.core import gate
from reelmill.engine.execution import resident
from reelmill.engine.execution.resident import ResidentEngine
from reelmill.engine.process.client import Client
from tests.engine.toys import NoDevices, toy_config


def test_lack_of_memory_stops_the_latest_run_of_the_lowest_priority_and_then_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[str] = []
    recorder: Any = SimpleNamespace(warn=lambda text: None, clock=lambda: 0.0)

    async def go() -> None:
        engine = ResidentEngine(toy_config(tmp_path), tmp_path / "logs", NoDevices(), dict, None)
        for name, priority in (("urgent", 1), ("early", 0), ("late", 0)):
            client = Client(priority=priority)

            def stop(text: str, name: str = name, client: Client = client) -> None:
                stopped.append(name)
                client.is_draining = True

            engine.joins(client, recorder, stop)
        monkeypatch.setattr(resident, "_BETWEEN_STOPS_S", 0.0)
        engine._stop_one("memory is short")
        monkeypatch.setattr(resident, "_BETWEEN_STOPS_S", 60.0)
        engine._stop_one("memory is short")
        assert stopped == ["late"], "the others get time to do without it"
        monkeypatch.setattr(resident, "_BETWEEN_STOPS_S", 0.0)
        for _ in range(3):
            engine._stop_one("memory is short")
        assert stopped == ["late", "early", "urgent"]
        await engine.close()

    gate.own(tmp_path)
    asyncio.run(go())
