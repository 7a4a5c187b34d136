"""The toy pipeline for Ray's actors, which get their tasks by the name of this function."""

from __future__ import annotations

import os
from pathlib import Path

from reelmill.runs.task import Task
from tests.scale.toycluster import toys

#: The environment variables that say what toys log and how slow they are.
LOG, DELAY = "REELMILL_TEST_TOY_LOG", "REELMILL_TEST_TOY_DELAY"


def tasks(name: str) -> Task:
    return toys(Path(os.environ[LOG]), float(os.environ.get(DELAY, "0")))(name)
