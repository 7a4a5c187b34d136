"""The toy pipeline as a task, for runs like those of a user."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reelmill.runs.run import Run
from reelmill.runs.task import Task
from reelmill.settings import load_settings
from tests.engine.toys import toy_pipeline


def toy_task(**model: Any) -> Task:
    return Task("toy", lambda given: load_settings(**given), lambda c: toy_pipeline(c.out, **model))


def toy_run(out: Path, *paths: Path, slow: float = 0.0, **options: Any) -> Run:
    """A run of the toy pipeline; `slow`: seconds that each batch takes."""
    given = {"device": "cpu", "workers": 1, "batch_size": 2, "max_batch": 2, **options}
    return Run(toy_task(delay=slow), paths, out=out, **given)


def recordings(folder: Path, texts: dict[str, str]) -> list[Path]:
    """Text files that pass for recordings."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)
    return [folder / name for name in texts]
