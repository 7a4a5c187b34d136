"""Who hears what happens to items and model workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelmill.engine.process.client import Client

if TYPE_CHECKING:
    from reelmill.engine.inference.batching import QueuedItem
    from reelmill.engine.inference.replicas import BatchDone


@dataclass(frozen=True)
class Told:
    """A run's callbacks for what happens to batches and model workers."""

    batch: Callable[[BatchDone], None]
    fatal: Callable[[str], None]
    disk_full: Callable[[], None]
    warning: Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Owner:
    """A run whose items are inferred: as the processes see it, and its callbacks."""

    client: Client
    told: Told


def owners_of(items: Iterable[QueuedItem]) -> list[Owner]:
    """The runs of a batch's items, each once."""
    return list(dict.fromkeys(item.stage_run.owner for item in items))
