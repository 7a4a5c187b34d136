"""A toy stage for watched folders, without models: text files are recordings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from reelmill.artifacts import Artifact
from reelmill.core.atomic import write_text
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Inputs, StageContext, setting
from reelmill.errors import InputError
from reelmill.runs.task import Task
from reelmill.settings import load_settings
from tests.engine.toys import Write, Written, note


@dataclass(frozen=True)
class WriteCapitals(Write):
    """Writes the words of a text file in capitals; `broken` is an error of the input."""

    name: ClassVar[str] = "capitals"
    needs: ClassVar[tuple[type[Artifact], ...]] = ()
    log: Path | None = setting(None, affects_result=False)

    def run(self, context: StageContext, inputs: Inputs) -> Written:
        note(self.log, "write", context.recording)
        text = context.recording.path.read_text()
        if text.startswith("broken"):
            raise InputError(f"{context.recording.path}: broken on purpose; mend it")
        name = f"{context.recording.name}.up"
        write_text(self.out / name, text.upper(), of=context.recording)
        return Written(name)


def toy_task(log: Path) -> Task:
    """The toy stage as a task."""
    return Task(
        "toy",
        lambda given: load_settings(**given),
        lambda c: Pipeline("toy", [WriteCapitals(c.out, log)]),
    )
