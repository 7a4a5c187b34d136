"""Choices of a pipeline's builder: what it is given, and what is kept for an output folder."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources.devices import DeviceChoice
from reelmill.engine.resources.monitor import machine_memory_mb
from reelmill.engine.state.run_db import Ledger
from reelmill.settings import Settings

#: Stands for a model that is not going to be asked: nothing is looked for.
NOT_ASKED = "not-asked"


@dataclass(frozen=True)
class BuildContext:
    """What a pipeline is built from."""

    settings: Settings
    choice: DeviceChoice
    out: Path


#: Finds or fetches the models, and puts the stages together. What people should know (a model that
#: is fetched, a part that is not there) is announced (`core/notices.py`). Raises ReelmillError.
PipelineBuilder = Callable[[BuildContext], Pipeline]


def free_memory_mb(choice: DeviceChoice) -> float:
    """Memory a model could have now: on the GPU, or for the CPU in the machine."""
    if choice.free_mb is not None:
        return choice.free_mb
    used, total = machine_memory_mb()
    return total - used


def remembered(out: Path, name: str, choose: Callable[[], str]) -> str:
    """A choice the program made itself, kept for the output folder: memory that is free today
    and was not yesterday must not make half the results another model's."""
    with contextlib.closing(Ledger(out / ".cache" / "ledger.sqlite")) as ledger:
        chosen = ledger.note(name)
        if chosen is None:
            chosen = choose()
            ledger.put_note(name, chosen)
        return chosen


def remember(out: Path, name: str, value: str) -> None:
    """Keep a user's choice for the output folder."""
    with contextlib.closing(Ledger(out / ".cache" / "ledger.sqlite")) as ledger:
        ledger.put_note(name, value)
