"""Each rule of advice speaks when its measurements call for it, and only then."""

# proves: G15

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reelmill.pages.language import LANGUAGES, wording_in
from reelmill.report.advice import RULES, Facts, Said, advice, limit_of, waiting
from reelmill.report.measurements import BatchFigures, Curve, Lane, Measurements, measure

FACTS = Facts(True, 0.8, {"decode": "Decoding the sound", "recognize": "Recognizing speech"})
STAGES = ["decode", "recognize"]


def lane(name: str, busy: list[float], device: str = "cuda:0", stage: int = 1) -> Lane:
    shares = np.array(busy, float)
    return Lane(name, device, shares, np.where(shares > 0, stage, -1))


def steady(share: float) -> Curve:
    return Curve([float(at) for at in range(100)], [share] * 100)


def run(
    model: list[float], pool: list[float], *, cpu: float = 0.5, workers: int = 2, cores: int = 8
) -> Measurements:
    """A run of 100 s, whose lanes are given in tenths."""
    lanes = [lane("model-worker-0", model), lane("", pool, "cpu", 0)]
    made = Measurements(100.0, 10.0, workers, cores, STAGES, lanes, cpu=steady(cpu))
    made.memory = steady(0.5)
    return made


GOOD = run([0, *[1.0] * 9], [0.2] * 10)
WAITS = run([0, 1, 0, 0, 1, 0, 1, 1, 1, 1], [1.0] * 10)


def names(measured: Measurements, facts: Facts = FACTS) -> list[str]:
    return [said.name for said in advice(measured, facts)]


def test_a_good_run_needs_no_advice() -> None:
    assert advice(GOOD, FACTS) == []
    assert limit_of(GOOD, FACTS) == Said("model", {"percent": "100 %"})


def test_models_that_wait_for_a_full_pool_ask_for_workers_while_cores_are_free() -> None:
    found = waiting(WAITS)
    assert found is not None and found.share == pytest.approx(3 / 9) and found.stage == "decode"
    (said,) = advice(WAITS, FACTS)
    assert said.name == "workers"
    assert said.values == {
        "device": "GPU", "stage": "Decoding the sound", "percent": "33 %", "cores": 4, "workers": 2,
    }  # fmt: skip
    assert limit_of(WAITS, FACTS).name == "cpu"


def test_without_free_cores_more_workers_are_not_advised() -> None:
    assert names(replace(WAITS, cpu=steady(0.95))) == ["cores"]
    assert names(replace(WAITS, workers=8)) == []


def test_a_pool_that_is_not_full_is_not_what_models_wait_for() -> None:
    assert names(run([0, 1, 0, 0, 1, 0, 1, 1, 1, 1], [0.3] * 10)) == []


def figures(**values: object) -> BatchFigures:
    usual = BatchFigures("recognize", "gpu", 20, 200, 16, 12.0, 0.05, 90.0)
    return replace(usual, **values)  # type: ignore[arg-type]


def test_small_batches_on_a_gpu_are_told_and_those_on_a_cpu_are_not() -> None:
    assert names(replace(GOOD, batches=[figures()])) == []
    small = figures(items=60)
    (said,) = advice(replace(GOOD, batches=[small]), FACTS)
    assert said.name == "small_batch" and said.values["items"] == "3.0"
    assert names(replace(GOOD, batches=[replace(small, device="cpu")])) == []
    assert names(replace(GOOD, batches=[replace(small, count=3)])) == []


def test_padding_is_told_where_it_costs() -> None:
    padded = figures(padding=0.4)
    assert names(replace(GOOD, batches=[padded])) == ["padding"]
    cheap = [figures(), replace(padded, stage="decode", seconds=2.0)]
    assert names(replace(GOOD, batches=cheap)) == []


def test_memory_above_its_line_is_told_for_machine_and_gpu() -> None:
    high = Curve([float(at) for at in range(100)], [0.9 if at < 30 else 0.5 for at in range(100)])
    (said,) = advice(replace(GOOD, memory=high), FACTS)
    assert said == Said("memory", {"limit": "80 %", "time": "30 s"})
    (said,) = advice(replace(GOOD, devices={1: high}), FACTS)
    assert said == Said("device_memory", {"index": 1, "limit": "80 %", "time": "30 s"})


def test_a_long_start_and_a_long_end_ask_for_more_recordings() -> None:
    late = run([0, 0, 0, 0, 0, 1, 1, 1, 1, 1], [0.2] * 10)
    assert names(late) == ["start"] and limit_of(late, FACTS).name == "start"
    alone = replace(GOOD, last="긴 회의.m4a", alone=60.0)
    (said,) = advice(alone, FACTS)
    assert said.name == "tail" and said.values["name"] == "긴 회의.m4a"
    assert limit_of(alone, FACTS).name == "tail"


def test_a_gpu_is_advised_where_models_kept_the_cpu_busy() -> None:
    lanes = [replace(one, device="cpu") for one in GOOD.lanes]
    assert names(replace(GOOD, lanes=lanes), replace(FACTS, has_gpu=False)) == ["no_gpu"]
    assert names(replace(GOOD, lanes=lanes), FACTS) == []


def test_short_runs_and_runs_without_models_get_none() -> None:
    assert advice(replace(WAITS, seconds=10.0), FACTS) == []
    nothing = Measurements(100.0, 1.0, 2, 8)
    assert advice(nothing, FACTS) == [] and limit_of(nothing, FACTS).name == "no_model"
    idle = run([0, 1, 0, 0, 0, 0, 0, 0, 0, 1], [0.0] * 10)
    assert limit_of(idle, FACTS).name == "balanced"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_rule_has_its_words(language: str) -> None:
    said = {
        "workers", "cores", "small_batch", "padding", "memory", "device_memory", "start", "tail",
        "no_gpu",
    }  # fmt: skip
    texts = wording_in(language).texts
    start = "performance.advice."
    assert {key.removeprefix(start) for key in texts if key.startswith(start)} == said
    assert len(RULES) == 6


def test_measure__the_lines_of_a_run__are_put_into_lanes(tmp_path: Path) -> None:
    batch = {
        "event": "batch", "stage": "recognize", "worker": "model-worker-0", "device": "cuda:0",
        "started": 2.0, "seconds": 3.0, "items": 4, "cost": 30.0, "padded_cost": 40.0,
        "batch_size": 8,
    }  # fmt: skip
    device = {"index": 0, "used_mb": 10, "total_mb": 40, "utilization": 75}
    sample = {
        "event": "sample", "cpu_percent": 200, "run_memory_mb": 250, "machine_used_mb": 500,
        "machine_total_mb": 1000, "devices": [device],
    }  # fmt: skip
    ended = {"event": "recording"}
    lines = [
        {**sample, "at": 1000.0},
        {"event": "task", "at": 2.0, "stage": "decode", "seconds": 1.5},
        batch,
        {**batch, "started": 6.0, "items": 2, "cost": 10.0, "padded_cost": 10.0, "seconds": 1.0},
        {**sample, "at": 1001.0, "cpu_percent": 400},
        {**ended, "at": 4.0, "path": "/a/b.wav", "status": "done", "media_seconds": 60},
        {**ended, "at": 9.0, "path": "/a/c.wav", "status": "failed", "media_seconds": None},
        {"event": "note", "text": "of no concern"},
    ]  # fmt: skip
    file = tmp_path / "run.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)) + '\n{"event": "batch", "sta', "utf-8")
    found = measure(file, 10.0, workers=3, cores=8)
    model, pool = found.lanes
    assert (model.name, model.device, pool.name) == ("model-worker-0", "cuda:0", "")
    assert model.busy.sum() * found.step == pytest.approx(4.0)
    assert np.flatnonzero(model.busy)[0] * found.step == pytest.approx(2.0)
    assert pool.busy.sum() * found.step == pytest.approx(1.5 / 3)
    (figures,) = found.batches
    assert (figures.items, figures.mean, figures.most) == (6, 3.0, 4)
    assert figures.padding == pytest.approx(0.2)
    assert list(found.cpu.values) == [0.25, 0.5]
    assert list(found.devices[0].values) == [0.25, 0.25]
    assert (found.last, found.alone) == ("c.wav", 5.0)
    assert list(found.finished.values) == [60.0]
