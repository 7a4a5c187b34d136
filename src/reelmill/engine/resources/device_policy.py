"""Decides during a run where to compute: a state machine without side effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reelmill.engine.resources.devices import BUSY_SHARE
from reelmill.engine.resources.monitor import DeviceSample, Sample
from reelmill.engine.stage import Device

#: A GPU must be busy or missing for this many samples (seconds) before it is left.
_BUSY_FOR = 5
_MISSING_FOR = 3
#: Seconds between checks of GPUs that were left or found busy.
LOOK_EVERY_S = 60.0
#: Other programs must use this much less than what counts as busy before we return.
_MARGIN = 0.10


@dataclass(frozen=True)
class Move:
    """Compute on these devices from now on; none means the CPU. `reason` is for people."""

    devices: tuple[Device, ...]
    reason: str
    slower: bool


@dataclass
class DevicePolicy:
    """`gpus`: those in use at the start, none for the CPU. `automatic`: the user named no device,
    so any free GPU may be used, and a busy one is left."""

    gpus: tuple[Device, ...]
    automatic: bool
    looked_at: float = 0.0
    look_every: float = LOOK_EVERY_S
    _busy: dict[Device, int] = field(default_factory=dict)
    _missing: dict[Device, int] = field(default_factory=dict)
    _home: tuple[Device, ...] = ()

    def __post_init__(self) -> None:
        self._home = self.gpus

    def look(
        self, sample: Sample, now: float, own_mb: Mapping[Device, float], need_mb: float
    ) -> Move | None:
        """Decide on a sample.

        Args:
            now: seconds of a monotonic clock.
            own_mb: what our model workers have of each GPU, by their own account; a GPU on which
            one is
                just loading is left out of it, and is not judged.
            need_mb: what our models need on a GPU.
        """
        seen = {Device("cuda", one.index): one for one in sample.devices}
        left = [gpu for gpu in self.gpus if self._is_to_be_left(gpu, seen.get(gpu), own_mb)]
        if left:
            return self._leave(left, seen)
        if now - self.looked_at < self.look_every:
            return None
        self.looked_at = now
        return self._come_back(seen, own_mb, need_mb)

    def _is_to_be_left(
        self, gpu: Device, seen: DeviceSample | None, own_mb: Mapping[Device, float]
    ) -> bool:
        self._missing[gpu] = self._missing.get(gpu, 0) + 1 if seen is None else 0
        if seen is None:
            return self._missing[gpu] >= _MISSING_FOR
        judged = self.automatic and gpu in own_mb
        busy = judged and foreign_share(seen, own_mb.get(gpu, 0.0)) >= BUSY_SHARE
        self._busy[gpu] = self._busy.get(gpu, 0) + 1 if busy else 0
        return self._busy[gpu] >= _BUSY_FOR

    def _leave(self, left: Sequence[Device], seen: Mapping[Device, DeviceSample]) -> Move:
        self.gpus = tuple(gpu for gpu in self.gpus if gpu not in left)
        for gpu in left:
            self._busy.pop(gpu, None)
            self._missing.pop(gpu, None)
        causes = ", ".join(
            f"{gpu} is used by other programs" if gpu in seen else f"{gpu} is no longer available"
            for gpu in left
        )
        if self.gpus:
            rest = ", ".join(map(str, self.gpus))
            return Move(self.gpus, f"{causes}: continuing on {rest}", slower=True)
        return Move(
            (),
            f"{causes}: continuing on the CPU, many times slower; the GPU is checked again every "
            "minute",
            slower=True,
        )

    def _come_back(
        self, seen: Mapping[Device, DeviceSample], own_mb: Mapping[Device, float], need_mb: float
    ) -> Move | None:
        wanted = seen if self.automatic else [gpu for gpu in self._home if gpu in seen]
        free = [
            gpu
            for gpu in wanted
            if gpu not in self.gpus
            and foreign_share(seen[gpu], own_mb.get(gpu, 0.0)) < BUSY_SHARE - _MARGIN
            and seen[gpu].total_mb - seen[gpu].used_mb >= need_mb
        ]
        if not free:
            return None
        self.gpus = (*self.gpus, *free)
        names = ", ".join(f"{gpu} ({seen[gpu].name})" for gpu in free)
        return Move(self.gpus, f"{names} can be used again: continuing there", slower=False)


def foreign_share(seen: DeviceSample, own_mb: float) -> float:
    """The share of a GPU's memory that other programs use. It comes from NVML's list of processes
    if that knows ours (in a container it may not), otherwise from the memory in use less our
    own."""
    if not seen.total_mb:
        return 0.0
    known = seen.foreign_mb is not None and (seen.own_mb or not own_mb)
    foreign = seen.foreign_mb if known else max(0.0, seen.used_mb - own_mb)
    return (foreign or 0.0) / seen.total_mb
