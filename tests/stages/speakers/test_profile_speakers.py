"""The voice of a speaker, from what they say."""

# proves: V11

from __future__ import annotations

import numpy as np
import pytest

from reelmill.models.speakers.files import encoder_spec
from reelmill.models.speakers.networks import RATE
from reelmill.stages.speakers.profile_speakers import voice_windows

SPEC = encoder_spec("default")


def noise(seconds: float) -> np.ndarray:
    random = np.random.default_rng(1).normal(size=round(seconds * RATE))
    return (0.1 * random).astype(np.float32)


def period(window: np.ndarray) -> float:
    """After how many seconds the sound of a window begins anew."""
    lags = range(90, 500)
    alike = [float(np.mean(window[lag:] * window[:-lag])) for lag in lags]
    return lags[int(np.argmax(alike))] / 100


def test_little_speech_is_heard_whole_in_halves_and_slower():
    found = voice_windows([noise(3), noise(1)], SPEC)
    assert [period(window) for window in found] == [
        pytest.approx(4, abs=0.02),
        pytest.approx(2, abs=0.02),
        pytest.approx(2, abs=0.02),
        pytest.approx(4 / 0.95, abs=0.02),
    ]


@pytest.mark.parametrize(("seconds", "windows"), [(3.0, 4), (12.0, 6), (16.5, 3), (40.0, 5)])
def test_windows_are_as_few_as_contain_all_speech(seconds: float, windows: int):
    found = voice_windows([noise(seconds / 2), noise(seconds / 2)], SPEC)
    assert len(found) == windows
    assert {window.shape for window in found} == {(798, 80)}


def test_there_is_no_voice_in_no_speech():
    assert voice_windows([], SPEC) == []
