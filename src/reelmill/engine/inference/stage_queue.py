"""The items of a stage that wait for its model."""

from __future__ import annotations

from typing import Any

from reelmill.engine.inference.batch_size import Sizing
from reelmill.engine.inference.batching import Batcher
from reelmill.engine.stage import Device, ModelStage


class StageQueue:
    """The waiting items of a stage, the batch size, and the pace of inference.

    Runs that share an engine share the queue of stages that infer alike.
    """

    def __init__(self, number: int, stage: ModelStage[Any, Any], start: int, maximum: int) -> None:
        """
        Args:
            number: unique in the engine.
            stage: the stage.
            start: items of a first batch.
            maximum: the most that a batch may grow to.
        """
        self.number = number
        self.stage = stage
        self.batcher = Batcher()
        self.start = start
        self._open_splits = 0
        self._maximum = maximum
        self._sizings: dict[Device, Sizing] = {}

    def takes(self, stage: ModelStage[Any, Any], start: int, maximum: int) -> bool:
        """Whether items of another stage can be inferred with those of this one."""
        return (
            type(stage) is type(self.stage)
            and stage.model == self.stage.model
            and (start, maximum) == (self.start, self._maximum)
            and bool(stage.inferring == self.stage.inferring)
        )

    def split_begins(self) -> None:
        """A recording, or a part of one, is about to be split; its items arrive one by one."""
        self._open_splits += 1

    def split_ends(self) -> None:
        """All its items have arrived."""
        self._open_splits -= 1

    @property
    def is_filling(self) -> bool:
        """Whether recordings are being split, so that more items will arrive."""
        return self._open_splits > 0

    def sizing(self, device: Device) -> Sizing:
        """How large its batches are on a device."""
        if device not in self._sizings:
            self._sizings[device] = Sizing(self.start, self._maximum)
        return self._sizings[device]

    def fill(self, device: Device) -> float:
        """The number of waiting batches for a device. Retries go first."""
        if self.batcher.has_retries:
            return float("inf")
        return len(self.batcher) / self.sizing(device).size

    def halve(self, device: Device) -> int | None:
        """Shrink batches on a device at once. Returns the new size, or None if it is already the
        smallest."""
        sizing = self._sizings.get(device)
        if sizing is None or sizing.size == 1:
            return None
        sizing.halve()
        return sizing.size
