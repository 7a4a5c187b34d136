"""The size of a stage's batches on one device, and how long a batch may take."""

from __future__ import annotations

from dataclasses import dataclass

from reelmill.engine.resources import policy

#: For this many batches, sizes stay well below the one at which memory ran out.
_WARY_BATCHES = 100


@dataclass
class Sizing:
    """The size of a stage's batches on one device, by count and by padded cost (count x the
    costliest), which determines memory."""

    size: int
    maximum: int
    cost_limit: float | None = None
    seconds_per_cost: float | None = None
    batches: int = 0
    _ran_out_at: float | None = None
    _ran_out_after: int = 0

    def fit(self, free_mb: float, per_cost_mb: float, largest_cost: float, start: int) -> None:
        """Set the first size from the free memory and the measured needs of items."""
        self.size = policy.first_batch_size(
            free_mb, per_cost_mb * largest_cost, start, self.maximum
        )
        self.cost_limit = policy.padded_cost_limit(free_mb, per_cost_mb)

    @property
    def looks(self) -> bool:
        """Whether it is time to check the memory in use."""
        return self.batches > 0 and self.batches % policy.ADAPT_EVERY == 0

    def adapt(self, used_share: float) -> None:
        """Adjust the size every few batches: smaller if memory is nearly full, larger if there is
        much free."""
        before = self.size
        self.size = policy.adapted_batch_size(before, used_share, self.maximum)
        if self.cost_limit is None:
            return
        if used_share >= policy.SHRINK_AT:
            self.cost_limit /= 2
        elif used_share <= policy.GROW_AT:
            self.cost_limit *= 1.25
            if self._ran_out_at is not None:
                if self.batches - self._ran_out_after < _WARY_BATCHES:
                    self.cost_limit = min(self.cost_limit, 0.75 * self._ran_out_at)
                else:
                    self._ran_out_at = None

    def halve(self) -> None:
        """Shrink at once, because memory is almost full."""
        self.size = max(1, self.size // 2)
        if self.cost_limit is not None:
            self.cost_limit /= 2

    def ran_out(self, items: int, padded_cost: float) -> None:
        """Shrink after memory ran out with a batch of this size."""
        self.size = max(1, items // 2)
        if padded_cost > 0:
            self.cost_limit = padded_cost / 2
            self._ran_out_at, self._ran_out_after = padded_cost, self.batches

    def paced(self, cost: float, seconds: float) -> None:
        """Count a finished batch."""
        self.batches += 1
        if cost > 0:
            new, old = seconds / cost, self.seconds_per_cost
            self.seconds_per_cost = new if old is None else 0.8 * old + 0.2 * new
