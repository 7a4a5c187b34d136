"""`reelmill demo`: run each pipeline on the samples that come with the package."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from reelmill.commands.exit_codes import EXIT_DONE, EXIT_SOME_FAILED, exit_code
from reelmill.commands.running import run_command
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.models.files.catalog import DEMO
from reelmill.runs.run import Run


@dataclass(frozen=True)
class Part:
    """A pipeline that the demo shows.

    Attributes:
        name: the command, and the name of its results folder.
        samples: the folder of shipped samples.
        given: the options.
        broken: the names of samples that are broken on purpose.
    """

    name: str
    samples: str
    given: dict[str, Any]
    broken: frozenset[str] = frozenset()


PARTS = (
    Part("voice", "samples", {"model": DEMO}, frozenset({"broken.m4a"})),
    Part("subtitle", "films", {"model": DEMO, "translator": DEMO, "to": "ko", "mux": True}),
    Part("faces", "people", {}),
)


def run_demo(out: Path, *, fresh: bool, quiet: bool, as_json: bool) -> int:
    """`reelmill demo`; return 0 when exactly the samples that are broken on purpose failed."""
    assets = Path(str(resources.files("reelmill") / "assets"))
    as_meant = True
    for part in PARTS:
        samples = assets / part.samples
        run = Run(part.name, samples, fresh=fresh, **part.given, out=out / part.name)
        if not quiet and not as_json:
            print(f"reelmill {part.name} {samples}")
        summary = run_command(run, quiet=quiet, as_json=as_json)
        if summary.stopped is not None:
            return exit_code(summary)
        as_meant = _as_meant(summary, part) and as_meant
    return EXIT_DONE if as_meant else EXIT_SOME_FAILED


def _as_meant(summary: RunSummary, part: Part) -> bool:
    """Whether the broken samples failed, and no others, and no original was changed."""
    outcomes = summary.outcomes
    failed = {Path(one.path).name for one in outcomes if one.status == "failed"}
    return failed == part.broken and not any(one.changed for one in outcomes)
