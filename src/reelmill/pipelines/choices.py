"""The inputs of a pipeline's builder, and the choices that are kept for an output folder."""

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

#: Placeholder for a model that will not be used. Nothing is looked for.
NOT_ASKED = "not-asked"


@dataclass(frozen=True)
class BuildContext:
    """The inputs from which a pipeline is built."""

    settings: Settings
    choice: DeviceChoice
    out: Path


#: Finds or downloads the models and puts the stages together. Notices for people, such as a
#: download or a missing package, are announced (`core/notices.py`). Raises ReelmillError.
PipelineBuilder = Callable[[BuildContext], Pipeline]


def free_memory_mb(choice: DeviceChoice) -> float:
    """The memory available to a model now: on the GPU, or on the CPU in the machine."""
    if choice.free_mb is not None:
        return choice.free_mb
    used, total = machine_memory_mb()
    return total - used


def remembered(out: Path, name: str, choose: Callable[[], str]) -> str:
    """Keep a choice that the program made itself for the output folder. Otherwise a change in free
    memory could give half the recordings another model."""
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
