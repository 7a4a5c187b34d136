"""`reelmill subtitle`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reelmill.commands.exit_codes import exit_code
from reelmill.commands.running import run_command
from reelmill.runs.run import Run


def run_subtitle(
    inputs: Sequence[Path], given: dict[str, Any], *, fresh: bool, quiet: bool, as_json: bool
) -> int:
    """`reelmill subtitle`; returns the exit code."""
    run = Run("subtitle", inputs, fresh=fresh, **given)
    return exit_code(run_command(run, quiet=quiet, as_json=as_json))
