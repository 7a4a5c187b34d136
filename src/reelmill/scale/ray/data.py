"""A stage for pipelines of Ray Data: recordings in, rows with their text out."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from reelmill.runs.engine import ENGINE_SETTINGS, Engine
from reelmill.runs.results import RecordingResult, TranscriptResult
from reelmill.runs.run import Run
from reelmill.scale.worker import worker_name

if TYPE_CHECKING:
    from ray.data import Dataset


def map_batches(
    dataset: Dataset,
    *,
    out: str | os.PathLike[str],
    task: str = "voice",
    column: str = "path",
    batch_size: int = 64,
    concurrency: int | tuple[int, int] = 1,
    num_gpus: float = 0,
    num_cpus: float | None = None,
    **settings: Any,
) -> Dataset:
    """Process the recordings that a dataset names, as a stage of a pipeline of one's own.

        dataset = ray.data.from_items([{"path": "/data/a.m4a"}, ...])
        texts = reelmill.scale.ray.map_batches(dataset, out="/data/out", model="large-v3")

    Each actor has one engine for its whole life, with its models loaded.

    Args:
        dataset: with a column of paths, which all nodes can read.
        out: a folder that all nodes can write. Each actor has a folder of its own below it, where
            a later pipeline finds what was done.
        task: `voice`, `subtitle` or `faces`.
        column: the name of the column.
        batch_size: recordings that an actor is given at a time; items of all of them fill its
            batches.
        concurrency: actors, or the fewest and the most of them.
        num_gpus: of each actor.
        num_cpus: of each actor.
        settings: the options of the command by name, with underscores.

    Returns:
        The rows with further columns: `status` (`ok`, `findings`, `failed`, `skipped`), `error`,
        `media_seconds`, `files` (what was written, one path a line), and for `voice` `text` and
        `language`.

    Raises:
        UsageError: when it is executed: a setting that does not fit.
    """
    return dataset.map_batches(
        RecordingBatches,
        fn_constructor_kwargs={
            "task": task,
            "out": os.fspath(Path(out).absolute()),
            "column": column,
            "settings": settings,
            "cores": None if num_cpus is None else max(1, int(num_cpus)),
        },
        batch_size=batch_size,
        batch_format="numpy",
        concurrency=concurrency,
        num_gpus=num_gpus,
        num_cpus=num_cpus,
    )


class RecordingBatches:
    """Processes batches of rows with one open run."""

    def __init__(
        self, task: str, out: str, column: str, settings: Mapping[str, Any], cores: int | None
    ) -> None:
        """See `map_batches`."""
        self._column = column
        machine = {name: settings[name] for name in ENGINE_SETTINGS if name in settings}
        others = {name: value for name, value in settings.items() if name not in machine}
        self._engine = Engine(cores=cores, **machine).open()
        place = Path(out) / worker_name()
        self._run = Run(task, (), out=place, engine=self._engine, **others).start()
        self._results: dict[str, RecordingResult] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, name="reelmill results", daemon=True).start()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch with the columns of results."""
        paths = [os.path.abspath(str(path)) for path in batch[self._column]]
        there = [path for path in paths if Path(path).is_file()]
        if there:
            self._run.add(there)
        rows = [self._row(path, path in there) for path in paths]
        columns = {name: np.array([row[name] for row in rows], dtype=object) for name in rows[0]}
        return {**batch, **columns}

    def _row(self, path: str, is_there: bool) -> dict[str, Any]:
        row: dict[str, Any] = {
            "status": "failed", "error": f"{path}: there is no such file", "media_seconds": None,
            "files": "", "text": "", "language": "",
        }  # fmt: skip
        if not is_there:
            return row
        with self._changed:
            self._changed.wait_for(lambda: path in self._results or self._run.is_over)
        if path not in self._results:
            self._run.wait()
            return {**row, "error": "the run ended before this recording"}
        # A copy: texts that are read stay in memory with the result.
        result = copy.copy(self._results[path])
        row |= {
            "status": result.status,
            "error": "" if result.error is None else result.error.message,
            "media_seconds": result.media_seconds,
            "files": "\n".join(map(str, result.files)),
        }
        if isinstance(result, TranscriptResult) and result.error is None:
            row |= {"text": result.text, "language": result.language or ""}
        return row

    def _listen(self) -> None:
        for result in self._run.results():
            with self._changed:
                self._results[str(result.recording)] = result
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()
