"""Runs and model workers free everything they used; real models are tested in
`benchmarks/leaks.py`."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

import numpy as np
import psutil

from benchmarks.leaks import LIMIT, Curve, many_batches, own_mb
from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.telemetry.events import ignore
from tests.engine.toys import ShoutStage, WordItem, toy_config, toy_pipeline, toy_sources


def test_repeated_runs_need_no_more_memory_than_one(tmp_path: Path) -> None:
    # proves: G9 G12
    texts = {f"{at}.txt": f"some words of the recording {at}" for at in range(12)}
    sources = toy_sources(tmp_path / "in", texts)
    me, memory, descriptors = psutil.Process(), [], []
    for number in range(5):
        out = tmp_path / f"out{number}"
        run = Coordinator(toy_pipeline(out), toy_config(out), ignore)
        assert asyncio.run(run.run(sources)).count("done") == len(texts)
        gc.collect()
        memory.append(own_mb(me))
        descriptors.append(me.num_fds())
    curve = Curve("runs", list(range(1, 6)), memory, descriptors)
    assert curve.growth < LIMIT, memory
    assert curve.no_descriptor_left, descriptors


def test_a_model_worker_does_not_grow_with_its_batches(tmp_path: Path) -> None:
    # proves: G9 G20
    pipeline = toy_pipeline(tmp_path / "out")
    (at,) = (n for n, stage in enumerate(pipeline.stages) if isinstance(stage, ShoutStage))
    items = [WordItem(f"word{n}", np.full(50_000, n, np.float32)) for n in range(9)]
    (model,) = pipeline.models
    points = asyncio.run(many_batches(tmp_path, pipeline, model, {at: items}, 1000))
    numbers, memory, descriptors = (list(column) for column in zip(*points, strict=True))
    curve = Curve("worker", numbers, memory, descriptors)
    assert curve.growth < LIMIT, memory
    assert curve.no_descriptor_left, descriptors
