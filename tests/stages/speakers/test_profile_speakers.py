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


def test_little_speech_is_heard_whole_in_halves_slower_and_in_halves_as_it_is():
    found = voice_windows([noise(3), noise(1)], SPEC)
    assert [period(window) for window in found[:4]] == [
        pytest.approx(4, abs=0.02),
        pytest.approx(2, abs=0.02),
        pytest.approx(2, abs=0.02),
        pytest.approx(4 / 0.95, abs=0.02),
    ]
    sound = np.concatenate([noise(3), noise(1)])
    for heard, half in zip(found[4:], np.split(sound, 2), strict=True):
        assert heard == pytest.approx(SPEC.piece(np.resize(half, 8 * RATE), 798))


@pytest.mark.parametrize(("seconds", "windows"), [(3.0, 6), (12.0, 8), (16.5, 4), (40.0, 7)])
def test_windows_are_as_few_as_contain_all_speech(seconds: float, windows: int):
    found = voice_windows([noise(seconds / 2), noise(seconds / 2)], SPEC)
    assert len(found) == windows
    assert {window.shape for window in found} == {(798, 80)}


def test_there_is_no_voice_in_no_speech():
    assert voice_windows([], SPEC) == []
