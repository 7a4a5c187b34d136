"""Time to align a corpus, by Reelmill and one segment at a time, each in its own processes.

Used by `benchmarks.words`. Loading the model and the first inference are not counted for either.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reelmill.engine.stage import Device
from reelmill.models.alignment import wav2vec2
from reelmill.stages.words.align import Align, AlignItem

#: Items of a batch, as in a run.
_BATCH = 32


@dataclass(frozen=True)
class Way:
    """`model_workers` processes, each with `threads`, which infer this many items at once.

    `own_lengths`: sounds are inferred with their own lengths instead of being padded to a few
    lengths.
    """

    model_workers: int
    threads: int
    at_once: int
    own_lengths: bool = False


def ways(cores: int) -> dict[str, Way]:
    """Ours, and two that take one segment at a time with one thread; with two threads they took
    longer."""
    return {
        "stretches in batches, a model worker a core": Way(cores, 1, _BATCH),
        "one segment at a time": Way(1, 1, 1),
        "one segment at a time, each as long as it is": Way(1, 1, 1, own_lengths=True),
    }


def wall_seconds(
    stage: Align, items: Sequence[AlignItem], way: Way, folder: Path
) -> dict[str, float]:
    """Wall seconds from the first batch to the last, and CPU seconds of all model workers."""
    by_cost = sorted(items, key=lambda item: item.cost) if way.at_once > 1 else list(items)
    batches = [by_cost[at : at + way.at_once] for at in range(0, len(by_cost), way.at_once)]
    model_workers = []
    for number in range(way.model_workers):
        task = folder / f"align-{number}.pickle"
        task.write_bytes(pickle.dumps((stage, batches[number :: way.model_workers], way)))
        model_workers.append(_worker(stage, task, way))
    for worker in model_workers:
        assert worker.stdout is not None
        worker.stdout.readline()  # it is ready
    told = []
    for worker in model_workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in model_workers:
        output, _ = worker.communicate()
        if worker.returncode:
            raise SystemExit(f"aligning failed: exit code {worker.returncode}")
        told.append(json.loads(output))
    return {
        "seconds": max(one["ended"] for one in told) - min(one["began"] for one in told),
        "cpu_seconds": sum(one["cpu"] for one in told),
    }


def _worker(stage: Align, task: Path, way: Way) -> subprocess.Popen[str]:
    # few lengths at a time are what makes few plans enough: others keep as many as the library does
    ours = dict(stage.model.environment) if way.at_once > 1 else {}
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.align_speed", str(task)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": str(way.threads), **ours},
        text=True,
    )


def main() -> None:
    loaded: tuple[Align, list[list[AlignItem]], Way] = pickle.loads(Path(sys.argv[1]).read_bytes())
    stage, batches, way = loaded
    if way.own_lengths:
        wav2vec2.padded_length = _as_it_is
    model: Any = stage.model.load(Device("cpu"), way.threads)
    stage.model.warm_up(model)
    print("ready", flush=True)
    sys.stdin.readline()
    began, cpu = time.monotonic(), time.process_time()
    for batch in batches:
        stage.infer(model, batch)
    ended = time.monotonic()
    print(json.dumps({"began": began, "ended": ended, "cpu": time.process_time() - cpu}))


def _as_it_is(samples: int) -> int:
    return samples


if __name__ == "__main__":
    main()
