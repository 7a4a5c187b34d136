"""Stops a run early: the reason, and whether started work may still be finished."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reelmill.engine.execution.run_recorder import RunRecorder


class Stopping:
    """Whether a run is to stop. The first reason is the one reported."""

    def __init__(self, out: Path, recorder: RunRecorder) -> None:
        """`out`: the output folder, for messages."""
        self._out = out
        self._recorder = recorder
        self._reason: str | None = None
        self._is_urgent = False
        self._asked = asyncio.Event()

    @property
    def reason(self) -> str | None:
        """The reason to stop; None if there is none."""
        return self._reason

    @property
    def is_asked(self) -> bool:
        """Whether it is to stop."""
        return self._reason is not None

    @property
    def is_urgent(self) -> bool:
        """Whether not even started work is to be awaited."""
        return self._is_urgent

    def ask(self, reason: str) -> None:
        """Stop the run. A second call stops at once."""
        if self._reason is None:
            self._reason = reason
            self._recorder.warn(f"stopping: {reason}")
        else:
            self._is_urgent = True
        self._asked.set()

    def fatal(self, reason: str) -> None:
        """Stop for an internal cause. A second cause does not stop the run at once."""
        if self._reason is None:
            self.ask(reason)

    def disk_full(self) -> None:
        """Stop because nothing more can be written."""
        self.fatal(
            f"the disk under {self._out} is full; free some space and run the same command "
            "again. Finished work is kept"
        )

    async def asked(self) -> None:
        """Wait until the run is to stop."""
        await self._asked.wait()
