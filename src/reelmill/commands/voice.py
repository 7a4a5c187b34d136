"""`reelmill voice`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reelmill.commands.exit_codes import exit_code
from reelmill.commands.running import run_command
from reelmill.engine.process.early import EarlyWorkers
from reelmill.report.files import SPEAKERS
from reelmill.runs.run import Run


def run_voice(
    inputs: Sequence[Path],
    given: dict[str, Any],
    *,
    fresh: bool,
    quiet: bool,
    as_json: bool,
    head_start: EarlyWorkers | None = None,
) -> int:
    """`reelmill voice`; returns the exit code. `head_start`: workers that are starting already."""
    run = Run("voice", inputs, fresh=fresh, **given)
    run.head_start = head_start
    summary = run_command(run, quiet=quiet, as_json=as_json)
    if run.settings.across and not (quiet or as_json):
        print(f"who is the same person in several recordings: {run.out / SPEAKERS}")
    return exit_code(summary)
