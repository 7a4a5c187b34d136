"""`reelmill voice`, `subtitle` and `faces`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reelmill.commands.exit_codes import exit_code
from reelmill.commands.running import run_command
from reelmill.engine.process.early import EarlyWorkers
from reelmill.report.files import PEOPLE, SPEAKERS
from reelmill.runs.run import Run

#: What a task writes about the people in several recordings (`--across`).
_ACROSS = {
    "voice": ("who is the same person in several recordings", SPEAKERS),
    "faces": ("people matched across videos", PEOPLE),
}


def run_task(
    name: str,
    inputs: Sequence[Path],
    given: dict[str, Any],
    *,
    fresh: bool,
    quiet: bool,
    as_json: bool,
    head_start: EarlyWorkers | None = None,
) -> int:
    """Run the task called `name`; return the exit code. `head_start`: workers that are starting
    already."""
    run = Run(name, inputs, fresh=fresh, **given)
    run.head_start = head_start
    summary = run_command(run, quiet=quiet, as_json=as_json)
    if name in _ACROSS and run.settings.across and not (quiet or as_json):
        told, file = _ACROSS[name]
        print(f"{told}: {run.out / file}")
    return exit_code(summary)
