"""Decides what to do when memory runs short: a state machine without side effects, fed with
samples."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from reelmill.engine.resources import policy
from reelmill.engine.resources.monitor import DeviceSample, Sample
from reelmill.engine.stage import Device

#: Samples (seconds) above a limit before stronger action is taken.
_RELEASE_AFTER = 5
_STOP_AFTER = 15
#: A warning is repeated only after use was this much below the threshold.
_REARM = 0.05


@dataclass(frozen=True)
class Warn:
    text: str


@dataclass(frozen=True)
class Halve:
    """Shrink batches on a device at once."""

    device: Device


@dataclass(frozen=True)
class Release:
    """Collect garbage and release memory that libraries keep, in all our processes."""


@dataclass(frozen=True)
class Stop:
    """Accept no new work. Finished work is kept."""

    reason: str


Action = Warn | Halve | Release | Stop


@dataclass
class _State:
    warned: bool = False
    samples_over: int = 0

    def over(self, is_over: bool) -> int:
        self.samples_over = self.samples_over + 1 if is_over else 0
        return self.samples_over

    def warns(self, share: float, threshold: float) -> bool:
        """Whether to warn now: once each time the threshold is crossed."""
        if share > threshold and not self.warned:
            self.warned = True
            return True
        if share < threshold - _REARM:
            self.warned = False
        return False


@dataclass
class MemoryPolicy:
    """`memory_limit`: the share of the machine's memory above which a run stops."""

    memory_limit: float = policy.MEMORY_LIMIT
    _machine: _State = field(default_factory=_State)
    _devices: dict[Device, _State] = field(default_factory=dict)

    def look(self, sample: Sample, in_use: Collection[Device]) -> list[Action]:
        """Decide on a sample. `in_use` are the devices in use."""
        actions = self._look_at_machine(sample)
        for seen in sample.devices:
            device = Device("cuda", seen.index)
            if device in in_use:
                actions += self._look_at_device(device, seen)
        return actions

    def _look_at_machine(self, sample: Sample) -> list[Action]:
        share = sample.machine_used_mb / sample.machine_total_mb
        over = self._machine.over(share > self.memory_limit)
        figures = f"{share:.0%} of this machine's memory is in use, {sample.run_memory_mb:,.0f} MB"
        if over in (1, _RELEASE_AFTER):
            actions: list[Action] = [Halve(Device("cpu")), Release()]
            if self._machine.warns(share, self.memory_limit):
                actions.insert(
                    0, Warn(f"{figures} of it by this run; releasing what can be released")
                )
            return actions
        if over >= _STOP_AFTER:
            return [
                Stop(
                    f"{figures} of it by this run, and the limit is {self.memory_limit:.0%}; close "
                    "other programs, use a smaller model or fewer --workers, or raise "
                    "--memory-limit, then run the same command again. Finished work is kept"
                )
            ]
        self._machine.warns(share, self.memory_limit)  # armed again once use has fallen
        return []

    def _look_at_device(self, device: Device, seen: DeviceSample) -> list[Action]:
        state = self._devices.setdefault(device, _State())
        share, actions = seen.used_share, list[Action]()
        if state.warns(share, policy.SHRINK_AT):
            actions.append(
                Warn(
                    f"{share:.0%} of the memory of {device} ({seen.name}) is in use"
                    + _foreign(seen)
                )
            )
        over = state.over(share > policy.PANIC_AT)
        if over:
            actions.append(Halve(device))
        if over == _RELEASE_AFTER:
            actions.append(Release())
        if over >= _STOP_AFTER:
            actions.append(
                Stop(
                    f"{share:.0%} of the memory of {device} stays in use even with the smallest "
                    f"batches{_foreign(seen)}; close other programs or use a smaller model, then "
                    "run the same command again. Finished work is kept"
                )
            )
        return actions


def _foreign(seen: DeviceSample) -> str:
    return f", {seen.foreign_mb:,.0f} MB of it by other programs" if seen.foreign_mb else ""
