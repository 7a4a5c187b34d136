"""`reelmill demo`: each pipeline on the samples that come with the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from reelmill.commands.terminal import observing
from reelmill.models.faces.files import APPEARANCE
from reelmill.models.files.catalog import DEMO
from reelmill.pipelines.choices import PipelineBuilder
from reelmill.pipelines.faces_builder import build_faces, faces_settings
from reelmill.pipelines.subtitle_builder import build_subtitle, subtitle_settings
from reelmill.pipelines.voice_builder import build_voice, voice_settings
from reelmill.runs.run import EXIT_DONE, EXIT_SOME_FAILED, Outcome, run_command, tell
from reelmill.settings import Settings


@dataclass(frozen=True)
class Part:
    """A pipeline that the demo shows.

    `name` is the command's, and the folder's that its results go to; `samples` a folder of the
    shipped ones; `given` the options; `broken` the names of samples that are broken on purpose.
    """

    name: str
    samples: str
    given: dict[str, Any]
    settings: Callable[[dict[str, Any]], Settings]
    build: PipelineBuilder
    broken: frozenset[str] = frozenset()


PARTS = (
    Part(
        "voice", "samples", {"model": DEMO}, voice_settings, build_voice, frozenset({"broken.m4a"})
    ),
    Part(
        "subtitle",
        "films",
        {"model": DEMO, "translator": DEMO, "to": "ko", "mux": True},
        subtitle_settings,
        build_subtitle,
    ),
    Part("faces", "people", {"identity": APPEARANCE}, faces_settings, build_faces),
)


def run_demo(out: Path, *, fresh: bool, quiet: bool, as_json: bool) -> int:
    """`reelmill demo`: 0 when exactly the samples that are broken on purpose failed."""
    assets = Path(str(resources.files("reelmill") / "assets"))
    as_meant = True
    for part in PARTS:
        settings = part.settings({**part.given, "out": out / part.name})
        samples = assets / part.samples
        if not quiet and not as_json:
            print(f"reelmill {part.name} {samples}")
        with observing(quiet=quiet, as_json=as_json) as observer:
            outcome = run_command([samples], settings, part.build, observer, fresh=fresh)
        tell(outcome, quiet=quiet, as_json=as_json)
        if outcome.summary.stopped is not None:
            return outcome.exit_code
        as_meant = _as_meant(outcome, part) and as_meant
    return EXIT_DONE if as_meant else EXIT_SOME_FAILED


def _as_meant(outcome: Outcome, part: Part) -> bool:
    """Whether the broken samples failed, and no others, and no original was changed."""
    outcomes = outcome.summary.outcomes
    failed = {Path(one.path).name for one in outcomes if one.status == "failed"}
    return failed == part.broken and not any(one.changed for one in outcomes)
