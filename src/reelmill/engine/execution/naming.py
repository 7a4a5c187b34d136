"""The names of recordings below the output folder, made distinct before any work."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from reelmill.core import gate
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.state.run_db import Original


class Names:
    """The names of a run's recordings, and of the results that a pipeline gives them.

    A name is free if none of its results would replace another recording's result, a recording
    itself, a result of another command, or a report on the run.
    """

    def __init__(
        self, out: Path, pipeline: Pipeline | None = None, reserved: Iterable[str] = ()
    ) -> None:
        self._out = out
        self._pipeline = pipeline
        self._names: set[str] = set()
        self._claimed = set(reserved)
        #: Names whose results were not checked yet. Only a new recording makes that necessary.
        self._unclaimed: list[str] = []
        #: Notes about recordings whose results have unexpected names.
        self.notes: list[str] = []

    def keep(self, names: Iterable[str]) -> None:
        """Reserve names that were assigned earlier."""
        for name in names:
            if name not in self._names:
                self._names.add(name)
                self._unclaimed.append(name)

    def choose(self, path: Path, wanted: str) -> str:
        """The wanted name. If it is not free, the suffix or a hash of the path is added."""
        candidates = list(_candidates(path, wanted))
        free = (name for name in candidates if self._is_free(name, path))
        chosen = next(free, candidates[-1])
        if chosen != wanted and wanted not in self._names:
            self.notes.append(
                f"{path}: its results are named {chosen}, because {wanted} would overwrite other "
                "files"
            )
        self.keep([chosen])
        return chosen

    def obstacle(self, original: Original) -> str | None:
        """Why results of a recording cannot be written, as far as can be known before the work."""
        content = original.before.sha256 if original.before is not None else ""
        for claim in self._claims(original.name):
            target = self._out / claim
            if not os.path.lexists(target):
                continue
            if claim.endswith("/"):
                target /= "any"  # for a folder it only matters whether it can be entered
            if why := gate.obstacle(target, Path(original.path), content, quick=True):
                return why
        return None

    def _claims(self, name: str) -> list[str]:
        stages = self._pipeline.stages if self._pipeline is not None else ()
        return [claim for stage in stages for claim in stage.claims(name)]

    def _is_free(self, name: str, path: Path) -> bool:
        if name in self._names:
            return False
        while self._unclaimed:
            self._claimed.update(self._claims(self._unclaimed.pop()))
        claims = self._claims(name)
        if not self._claimed.isdisjoint(claims):
            return False
        there = (self._out / claim for claim in claims)
        return not any(os.path.lexists(one) and gate.is_others(one, path) for one in there)


def _candidates(path: Path, wanted: str) -> Iterator[str]:
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
    yield wanted
    yield wanted + path.suffix
    yield f"{wanted}-{digest}"
    yield f"{wanted}{path.suffix}-{digest}"
    for number in range(2, 100):  # somebody's files have this name on purpose
        yield f"{wanted}{path.suffix}-{digest}-{number}"
