"""Settings of the user, and values chosen by the machine where nothing is set."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources.devices import DeviceChoice
from reelmill.engine.stage import Device
from reelmill.runs.engine_config import engine_config
from reelmill.settings import FaceSettings, Settings

CPU = DeviceChoice((Device("cpu"),), "")
SMALL = DeviceChoice((Device("cuda"),), "", free_mb=8_000)
LARGE = DeviceChoice((Device("cuda"),), "", free_mb=139 << 10)


@pytest.mark.parametrize(
    ("given", "choice", "sizes"),
    [
        ({}, CPU, (20, 32)),
        ({}, SMALL, (20, 32)),
        ({}, LARGE, (20, 278)),
        ({"batch_size": 64}, CPU, (64, 64)),  # what was asked for is not cut in silence
        ({"batch_size": 512}, LARGE, (512, 512)),
        ({"max_batch": 16}, LARGE, (16, 16)),
        ({"max_batch": 1024}, LARGE, (20, 1024)),
    ],
)
def test_batches_are_as_large_as_set_or_as_the_gpu_allows(
    given: dict[str, int], choice: DeviceChoice, sizes: tuple[int, int], tmp_path: Path
) -> None:
    config = engine_config(Settings(**given), tmp_path, choice, Pipeline("p", []), fresh=False)
    assert (config.batch_size, config.max_batch) == sizes


def test_a_batch_of_windows_fits_into_the_arena(tmp_path: Path) -> None:
    settings = Settings(max_batch=1024)
    config = engine_config(settings, tmp_path, LARGE, Pipeline("p", []), fresh=False)
    a_window = 128 * 3000 * 4
    assert config.arena_bytes > 2 * 1024 * a_window


def test_chunks_of_frames_per_batch_stay_few_unless_set(tmp_path: Path) -> None:
    def most(**given: int) -> int:
        pipeline = Pipeline("p", [])
        return engine_config(FaceSettings(**given), tmp_path, LARGE, pipeline, False).max_batch

    assert (most(), most(batch_size=12), most(max_batch=9)) == (8, 12, 9)
