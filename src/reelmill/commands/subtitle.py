"""`reelmill subtitle`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reelmill.commands.terminal import observing
from reelmill.pipelines.subtitle_builder import build_subtitle, subtitle_settings
from reelmill.runs.run import run_command, tell


def run_subtitle(
    inputs: Sequence[Path], given: dict[str, Any], *, fresh: bool, quiet: bool, as_json: bool
) -> int:
    """`reelmill subtitle`; returns the exit code."""
    settings = subtitle_settings(given)
    with observing(quiet=quiet, as_json=as_json) as observer:
        outcome = run_command(inputs, settings, build_subtitle, observer, fresh=fresh)
    tell(outcome, quiet=quiet, as_json=as_json)
    return outcome.exit_code
