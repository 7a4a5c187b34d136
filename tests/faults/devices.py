"""A scripted device: the test sets NVML's figures, through the engine's interface."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from reelmill.engine.resources.monitor import DeviceSample, Sample

TOTAL_MB = 1000.0


@dataclass
class Card:
    """One GPU of 1000 MB; figures can be changed at any time."""

    index: int = 0
    used_mb: float = 100.0
    foreign_mb: float | None = 0.0
    own_mb: float | None = None
    present: bool = True

    def sample(self) -> DeviceSample:
        return DeviceSample(
            self.index,
            f"Card {self.index}",
            self.used_mb,
            TOTAL_MB,
            50.0,
            60.0,
            1500.0,
            self.foreign_mb,
            self.own_mb,
        )


@dataclass
class ScriptedDevices:
    """Cards, and what is to happen to them at the n-th sample."""

    cards: list[Card] = field(default_factory=lambda: [Card()])
    script: Callable[[int, list[Card]], None] = lambda samples, cards: None
    samples: int = 0

    def sample(self, own_pids: Sequence[int]) -> tuple[DeviceSample, ...]:
        if own_pids:  # a sample of the monitor, not a look in between
            self.samples += 1
            self.script(self.samples, self.cards)
        return tuple(card.sample() for card in self.cards if card.present)


def sample(
    *cards: Card, machine_share: float = 0.3, run_mb: float = 500.0, total_mb: float = 16_000.0
) -> Sample:
    """A sample of the whole machine."""
    devices = tuple(card.sample() for card in cards if card.present)
    return Sample(0.0, 100.0, run_mb, machine_share * total_mb, total_mb, devices)
