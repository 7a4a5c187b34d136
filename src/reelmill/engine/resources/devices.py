"""Choose the device a run computes on, and say why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.engine.resources.monitor import DeviceSample
from reelmill.engine.stage import Device
from reelmill.errors import UsageError

#: A device with this much memory in use by other programs is not used.
BUSY_SHARE = 0.90


@dataclass(frozen=True)
class DeviceChoice:
    """The chosen devices, and the reason in one line for people. `free_mb` is the least free memory
    among them.

    `model_workers_open`: on the CPU, the engine chooses the number of model workers. `automatic`:
    the user named no device.
    """

    devices: tuple[Device, ...]
    reason: str
    free_mb: float | None = None
    slow: bool = False
    model_workers_open: bool = False
    automatic: bool = False


def choose_devices(wanted: str, samples: Sequence[DeviceSample]) -> DeviceChoice:
    """Parse `auto`, `cpu[:n]` or `cuda[:n]`, several separated by commas.

    `cpu:2` means two model workers on the CPU; `cpu` leaves their number to the engine.

    Raises:
        UsageError: a device that does not exist or a name that means none.
    """
    if wanted == "auto":
        return _automatic(samples)
    devices: list[Device] = []
    for part in wanted.split(","):
        devices += _named(part.strip(), samples)
    used = [sample for sample in samples if Device("cuda", sample.index) in devices]
    free = min((s.total_mb - s.used_mb for s in used), default=None)
    return DeviceChoice(tuple(devices), "as asked for", free, model_workers_open=wanted == "cpu")


def _named(name: str, samples: Sequence[DeviceSample]) -> list[Device]:
    kind, _, number = name.partition(":")
    if kind not in ("cpu", "cuda") or (number and not number.isdigit()):
        raise UsageError(f"--device {name}: give auto, cpu or cuda, with a number as in cuda:1")
    if kind == "cpu" and number and int(number) < 1:
        raise UsageError(f"--device {name}: give at least 1 model worker on the CPU")
    if kind == "cpu":
        return [Device("cpu", i) for i in range(int(number or 1))]
    index = int(number or 0)
    if index not in [sample.index for sample in samples]:
        seen = ", ".join(f"cuda:{s.index} ({s.name})" for s in samples) or "none"
        raise UsageError(
            f"--device {name}: there is no such GPU (found: {seen}); see `reelmill doctor`, "
            "or use --device cpu"
        )
    return [Device("cuda", index)]


def _automatic(samples: Sequence[DeviceSample]) -> DeviceChoice:
    if not samples:
        reason = "no NVIDIA GPU found: computing on the CPU"
        return DeviceChoice((Device("cpu"),), reason, model_workers_open=True, automatic=True)
    free = [sample for sample in samples if sample.used_share < BUSY_SHARE]
    if not free:
        shares = ", ".join(f"{s.name} {s.used_share:.0%}" for s in samples)
        return DeviceChoice(
            (Device("cpu"),),
            f"every GPU is in use by other programs ({shares}): computing on the CPU, many times "
            "slower; close them for full speed",
            slow=True,
            model_workers_open=True,
            automatic=True,
        )
    names = ", ".join(f"{s.name}, {(s.total_mb - s.used_mb) / 1024:.1f} GB free" for s in free)
    least = min(sample.total_mb - sample.used_mb for sample in free)
    devices = tuple(Device("cuda", s.index) for s in free)
    return DeviceChoice(devices, names, least, automatic=True)
