"""Whisper through the engine: memory refused, models one after the other, two replicas."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from typing import Any

from benchmarks.gpu_ask import Ask, Tell
from benchmarks.gpu_device import Watch
from benchmarks.gpu_models import fixed_length
from benchmarks.gpu_stages import REFUSED, Decode, DecodeAgain, Room, write_recordings
from reelmill.engine.config import EngineConfig
from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Device
from reelmill.engine.telemetry.events import Event, Warned
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.models.whisper.features import WINDOW_SECONDS
from reelmill.runs.sources import find_sources

#: Windows of large-v3, where the section that measures what they take was left out.
_SURELY_TOO_LARGE = 768
#: How many times the device's memory the first batch needs.
_BEYOND = 1.4


def out_of_memory(ask: Ask, tell: Tell) -> None:
    """The first batch is larger than the device's memory; the run has to continue on the device."""
    ask.need_cuda()
    spec = ask.model(ask.scale.large)
    room = Room(mb=256, window_mb=100) if ask.is_dry else Room()
    stage = Decode(spec, fixed_length(spec.path, ask.scale.tokens), room)
    batch = _too_large(ask)
    tell({"first_batch": batch})
    windows = -(-3 * batch // 2 // ask.scale.recordings)
    run = _Run(
        ask, "out_of_memory", [stage], windows=windows, batch_size=batch, max_batch=batch,
    )  # fmt: skip
    refused = [line for line in run.log_lines() if REFUSED in line]
    tell(
        {
            "refused": refused,
            "batches_finished": [line["items"] for line in run.metrics("batch")],
            "survived": bool(refused) and run.all_done and run.on(ask.scale.device.kind),
            **run.figures(),
        }
    )


def _too_large(ask: Ask) -> int:
    """A batch that the device refuses: the one it refused before, or by what windows took then."""
    if ask.is_dry:
        return ask.scale.engine_batch
    rows = [row for row in ask.earlier("large_v3").get("rows", ()) if row["what"] == "reelmill"]
    refused = [row["batch"] for row in rows if "out of memory" in row]
    if refused:
        return int(refused[0])
    seen = Watch(ask.scale.device.index).now()
    took = [(row["batch"], row["used_mb_most"]) for row in rows if row.get("used_mb_most")]
    if seen is None or len(took) < 2:
        return _SURELY_TOO_LARGE
    (fewer, less), (more, most) = took[0], took[-1]
    a_window = max(50.0, (most - less) / (more - fewer))
    return int(_BEYOND * seen.total_mb / a_window)


def sequential(ask: Ask, tell: Tell) -> None:
    """Two models one after the other: what is in use before and after each."""
    ask.need_cuda()
    first, second = ask.model(ask.scale.turbo), ask.model(ask.scale.large)
    options = fixed_length(first.path, ask.scale.tokens)
    stages = [Decode(first, options), DecodeAgain(second, options)]
    before = Watch(ask.scale.device.index).now()
    run = _Run(ask, "sequential", stages, placement="sequential")
    after = Watch(ask.scale.device.index).now()
    keys = ("model", "processes_left", "device_used_mb_before", "device_used_mb_after")
    tell(
        {
            "passes": [{key: line[key] for key in keys} for line in run.metrics("turn ended")],
            "used_mb_before": None if before is None else before.used_mb,
            "used_mb_after": None if after is None else after.used_mb,
            **run.figures(),
        }
    )


def replicas(ask: Ask, tell: Tell) -> None:
    """One replica of turbo, then two that share the device."""
    ask.need_cuda()
    spec = ask.model(ask.scale.turbo)
    stage = Decode(spec, fixed_length(spec.path, ask.scale.tokens))
    kind, batch = ask.scale.device.kind, ask.scale.engine_batch
    for count in (1, 2):
        indexes = range(count) if kind == "cpu" else [ask.scale.device.index] * count
        devices = tuple(Device(kind, index) for index in indexes)
        run = _Run(ask, f"replicas-{count}", [stage], devices=devices, batch_size=batch)
        tell({str(count): run.figures()})


class _Run:
    """A run of the engine on windows of noise."""

    def __init__(self, ask: Ask, name: str, stages: Sequence[Decode], **config: Any) -> None:
        scale = ask.scale
        windows = config.pop("windows", scale.windows)
        folder, out = ask.work / "runs" / name / "in", ask.work / "runs" / name / "out"
        write_recordings(folder, scale.recordings, windows)
        given: dict[str, Any] = {
            "devices": (scale.device,),
            "threads": ask.threads,
            "cores": 2 if ask.is_dry else os.cpu_count() or 1,
            "workers": 1 if ask.is_dry else 4,
            "batch_size": min(scale.engine_batch, 32),
            "max_batch": max(scale.engine_batch, scale.batches[-1]),
            "arena_bytes": (64 if ask.is_dry else 8192) << 20,
        }
        self._out = out
        self._warnings: list[str] = []
        coordinator = Coordinator(
            Pipeline("gpu", list(stages)), EngineConfig(out, **(given | config)), self._listen
        )
        self._summary: RunSummary = asyncio.run(coordinator.run(find_sources([folder], out)))
        self._seconds_of_sound = scale.recordings * windows * WINDOW_SECONDS

    def _listen(self, event: Event) -> None:
        if isinstance(event, Warned):
            self._warnings.append(event.text)

    @property
    def all_done(self) -> bool:
        return self._summary.count("done") == len(self._summary.outcomes)

    def on(self, kind: str) -> bool:
        """Whether all inference took place on such a device."""
        return all(line["device"].startswith(kind) for line in self.metrics("batch"))

    def metrics(self, event: str) -> list[dict[str, Any]]:
        """The lines of one kind in the run's metrics file."""
        (file,) = (self._out / ".cache" / "runs").glob("*.jsonl")
        lines = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        return [line for line in lines if line["event"] == event]

    def log_lines(self) -> list[str]:
        logs = sorted(self._out.rglob("*.log"))
        return [line for log in logs for line in log.read_text(errors="replace").splitlines()]

    def figures(self) -> dict[str, Any]:
        batches = self.metrics("batch")
        took = max((line["started"] + line["seconds"] for line in batches), default=0.0)
        took -= min((line["started"] for line in batches), default=0.0)
        summary, memory = self._summary, self._summary.device_memory
        return {
            "done": summary.count("done"),
            "recordings": len(summary.outcomes),
            "seconds": round(summary.seconds, 2),
            "x real time, first to last batch": round(self._seconds_of_sound / max(took, 1e-9), 1),
            "largest_batch": max((line["items"] for line in batches), default=0),
            "model_workers": [
                {"worker": one.worker, "device": one.device, "busy_share": one.busy_share}
                for one in summary.model_workers
            ],
            "device_mb_most": memory and round(memory.maximum_mb, 1),
            "warnings": self._warnings,
        }
