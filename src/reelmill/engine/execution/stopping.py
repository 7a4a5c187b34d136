"""The end of a run before all is done: why, and whether what was begun may still be finished."""

from __future__ import annotations

import asyncio
from pathlib import Path

from reelmill.engine.execution.run_recorder import RunRecorder


class Stopping:
    """Whether a run is to stop. Its first reason is the one that is reported."""

    def __init__(self, out: Path, recorder: RunRecorder) -> None:
        """`out`: the output folder, for messages."""
        self._out = out
        self._recorder = recorder
        self._reason: str | None = None
        self._is_urgent = False
        self._asked = asyncio.Event()

    @property
    def reason(self) -> str | None:
        """Why it is to stop; None while it is not."""
        return self._reason

    @property
    def is_asked(self) -> bool:
        """Whether it is to stop."""
        return self._reason is not None

    @property
    def is_urgent(self) -> bool:
        """Whether it is not even to wait for what was begun."""
        return self._is_urgent

    def ask(self, reason: str) -> None:
        """Stop; asked again: at once."""
        if self._reason is None:
            self._reason = reason
            self._recorder.warn(f"stopping: {reason}")
        else:
            self._is_urgent = True
        self._asked.set()

    def fatal(self, reason: str) -> None:
        """Stop for a cause inside the run; a second one is no reason to stop at once."""
        if self._reason is None:
            self.ask(reason)

    def disk_full(self) -> None:
        """Stop because nothing more can be written."""
        self.fatal(
            f"the disk under {self._out} is full; free some space and run the same command "
            "again. Finished work is kept"
        )

    async def asked(self) -> None:
        """Wait until it is to stop."""
        await self._asked.wait()
