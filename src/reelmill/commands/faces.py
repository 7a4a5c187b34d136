"""`reelmill faces`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reelmill.artifacts import Persons
from reelmill.commands.terminal import observing
from reelmill.pipelines.faces_builder import build_faces, faces_settings
from reelmill.runs.across_videos import PEOPLE, write_people
from reelmill.runs.run import Together, run_command, tell


def run_faces(
    inputs: Sequence[Path], given: dict[str, Any], *, fresh: bool, quiet: bool, as_json: bool
) -> int:
    """`reelmill faces`; returns the exit code."""
    settings = faces_settings(given)
    with observing(quiet=quiet, as_json=as_json) as observer:
        together = Together(Persons, write_people) if settings.across else None
        outcome = run_command(
            inputs, settings, build_faces, observer, fresh=fresh, together=together
        )
    tell(outcome, quiet=quiet, as_json=as_json)
    if settings.across and not (quiet or as_json):
        print(f"who is the same person in several videos: {outcome.out / PEOPLE}")
    return outcome.exit_code
