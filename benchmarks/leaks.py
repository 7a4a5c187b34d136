"""Memory that is not freed: many runs in one process, many batches in one model worker.

    python -m benchmarks.leaks --json benchmarks/results/leaks.json

Runs: `reelmill voice` with all its stages over the sample calls, ten times in a row in this
process, each time from the start. Model workers: each model of that pipeline infers 1,000 batches,
of random size, of the items that its stages cut from the samples, and is looked at after one of the
largest. Memory in MB is what a process has for itself (resident, not shared), file descriptors are
counted too. Growth compares the maximum of the last quarter of the points with that of the first.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import io
import os
import random
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import show, told_command, write_result
from reelmill.commands.task import run_task
from reelmill.core import gate
from reelmill.core.recording import Recording, read_state
from reelmill.engine.execution.naming import Names
from reelmill.engine.execution.planning import Keys, Source, plan, recording_of
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import arena as buffers
from reelmill.engine.process.arena import Allocator, Arena, Packed
from reelmill.engine.process.model_worker import Batch, Inferred, Load
from reelmill.engine.process.model_worker_client import ModelWorker
from reelmill.engine.resources.devices import DeviceChoice
from reelmill.engine.stage import Device, Inputs, ModelSpec, ModelStage
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.run_db import Ledger
from reelmill.pipelines.choices import BuildContext
from reelmill.pipelines.voice_builder import build_voice, voice_settings
from reelmill.runs.sources import find_sources
from reelmill.testing import context_of

_MB = 1 << 20
LIMIT = 0.05
_SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
_SOME = ("planning a trip.ogg", "かいぎ.ogg", "통화 녹음 회의.ogg", "voicemail.wav")
_DEADLINE_S = 300.0
#: Items of a batch.
_MOST = 4


@dataclass
class Curve:
    """The private memory in MB of a process at some points (runs or batches) of its life."""

    what: str
    points: list[int]
    memory_mb: list[float]
    descriptors: list[int]

    @property
    def growth(self) -> float:
        """The maximum of the last quarter of the points relative to that of the first, without the
        very first point. Maxima are used because memory varies with the size of the last batch."""
        quarter = max(2, len(self.memory_mb) // 4)
        return max(self.memory_mb[-quarter:]) / max(self.memory_mb[1 : quarter + 1]) - 1

    @property
    def no_descriptor_left(self) -> bool:
        return self.descriptors[-1] <= self.descriptors[1]

    @property
    def is_tight(self) -> bool:
        return self.growth < LIMIT and self.no_descriptor_left

    def row(self) -> dict[str, Any]:
        return {
            "what": self.what,
            "points": self.points[-1],
            "first MB": self.memory_mb[0],
            "last MB": self.memory_mb[-1],
            "growth %": 100 * self.growth,
            "descriptors": f"{self.descriptors[1]} to {self.descriptors[-1]}",
            "tight": self.is_tight,
        }


def own_mb(process: psutil.Process) -> float:
    use = process.memory_info()
    return float(use.rss - use.shared) / _MB


# -- runs in one process


def runs(work: Path, count: int) -> Curve:
    """One corpus, `count` times from the start, in this process."""
    inputs = [_SAMPLES / name for name in _SOME]
    me, memory, descriptors = psutil.Process(), [], []
    for _ in range(count):
        out = work / "out"
        with contextlib.redirect_stderr(io.StringIO()):
            code = run_task(
                "voice",
                inputs,
                {"out": out, "model": "demo"},
                fresh=True,
                quiet=True,
                as_json=False,
            )
        if code != 0:
            raise SystemExit(f"a run ended with {code}")
        gc.collect()
        memory.append(own_mb(me))
        descriptors.append(me.num_fds())
        print(f"run {len(memory)}: {memory[-1]:.1f} MB, {threading.active_count()} threads")
    return Curve("runs in one process", list(range(1, count + 1)), memory, descriptors)


# -- batches in one model worker


def worker_curves(work: Path, batches: int, only: str) -> Iterator[Curve]:
    """Each model of the pipeline, in a model worker of its own."""
    pipeline, items = prepared(work)
    for spec in pipeline.models:
        if only not in spec.display_name:
            continue
        stages = {
            at: items[at]
            for at, stage in enumerate(pipeline.stages)
            if isinstance(stage, ModelStage) and stage.model == spec and items.get(at)
        }
        if not stages:
            print(f"{spec.display_name}: the samples have nothing for it")
            continue
        points = asyncio.run(many_batches(work, pipeline, spec, stages, batches))
        numbers, memory, descriptors = (list(column) for column in zip(*points, strict=True))
        yield Curve(f"model worker of {spec.display_name}", numbers, memory, descriptors)


def prepared(work: Path) -> tuple[Pipeline, dict[int, list[Any]]]:
    """The pipeline, and by the position of each model's stage the items cut from the samples."""
    out = work / "prepared"
    given = {"out": out, "model": "demo", "keep_audio": True}
    inputs = [_SAMPLES / name for name in _SOME]
    if run_task("voice", inputs, given, fresh=False, quiet=True, as_json=False) != 0:
        raise SystemExit("the samples could not be prepared")
    device = DeviceChoice((Device("cpu"),), "")
    pipeline = build_voice(BuildContext(voice_settings(given), device, out))
    keys = Keys(pipeline)
    items: dict[int, list[Any]] = {}
    for recording in _recordings(find_sources(inputs, out), out):
        for at, stage in enumerate(pipeline.stages):
            if isinstance(stage, ModelStage):
                made = [
                    store.load_named(
                        store.artifact_path(
                            recording.folder, maker.name, keys.of(maker, recording)
                        ),
                        maker.produces,
                    )
                    for maker in pipeline.makers(stage)
                ]
                items.setdefault(at, []).extend(stage.split(context_of(recording), Inputs(made)))
    return pipeline, items


def _recordings(sources: Sequence[Source], out: Path) -> Iterator[Recording]:
    with contextlib.closing(Ledger(out / ".cache" / "ledger.sqlite")) as ledger:
        for job in plan(sources, ledger.originals(), ledger, Names(out)):
            yield recording_of(job, read_state(job.path), out / ".cache")


async def many_batches(
    work: Path, pipeline: Pipeline, spec: ModelSpec, stages: dict[int, list[Any]], batches: int
) -> list[tuple[int, float, int]]:
    """After every 50th batch: its number, the model worker's memory, its descriptors."""
    size = 64 * _MB
    descriptor = buffers.create_memory(size)
    arena, choice = Arena(descriptor), random.Random(1)
    load = Load({at: pipeline.stages[at] for at in stages}, spec, Device("cpu"), 1)
    worker = await ModelWorker.start("worker", load, descriptor, work, deadline=_DEADLINE_S)
    process, points = psutil.Process(worker.process.pid), []
    positions = list(stages)
    largest = [
        (at, [max(stages[at], key=lambda item: float(item.cost))] * _MOST) for at in positions
    ]
    try:
        for number in range(batches + 1):
            if number % 50 == 0:
                for batch_at, batch in largest:  # the freed memory depends on the last batch
                    await _infer(work, worker, arena, batch_at, batch)
                points.append((number, own_mb(process), process.num_fds()))
            at = positions[number % len(positions)]
            chosen = choice.choices(stages[at], k=choice.randrange(1, 1 + _MOST))
            await _infer(work, worker, arena, at, chosen)
    finally:
        await worker.stop()
        arena.close()
        os.close(descriptor)
    print(f"{spec.display_name}: {', '.join(f'{mb:.1f}' for _, mb, _ in points)} MB")
    return points


async def _infer(work: Path, worker: ModelWorker, arena: Arena, at: int, items: list[Any]) -> None:
    """One batch, as a run sends it: items in the arena, outputs to a spill file."""
    allocator, spill_file = Allocator(arena.size), work / "spill_file"
    blocks = []
    for item in items:
        packed = Packed(item)
        block = allocator.allocate(packed.size)
        assert block is not None
        arena.write(block, packed)
        blocks.append(block)
    batch = Batch(at, tuple(blocks), (spill_file,) * len(items))
    answer = await worker.infer(batch, _DEADLINE_S)
    spill_file.unlink(missing_ok=True)
    if not isinstance(answer, Inferred):
        raise SystemExit(f"{worker.name}: {answer.message}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--batches", type=int, default=1000)
    parser.add_argument("--only", default="", help="models whose name has this in it")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-leaks-") as folder:
        work = gate.own(Path(folder))
        os.environ["REELMILL_CACHE"] = str(work / "cache")
        os.environ.setdefault("REELMILL_MEMORY_LIMIT", "100")
        curves = [runs(work, options.runs)] if options.runs else []
        if options.batches:
            curves += worker_curves(work, options.batches, options.only)
    show(f"memory that grows (limit {LIMIT:.0%})", [curve.row() for curve in curves])
    command = told_command("benchmarks.leaks")
    rows = [{**curve.row(), "memory_mb": curve.memory_mb} for curve in curves]
    write_result(options.json, {"command": command, "limit": LIMIT, "rows": rows})
    return 0 if all(curve.is_tight for curve in curves) else 1


if __name__ == "__main__":
    sys.exit(main())
