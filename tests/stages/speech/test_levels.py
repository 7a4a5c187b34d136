"""Quiet stretches beside loud ones."""

import numpy as np
import pytest

from reelmill.stages.speech.levels import level, levelled


def noise(decibels, seed=0):
    sound = np.random.default_rng(seed).normal(0, 1, 16_000).astype(np.float32)
    return (sound * 10 ** (decibels / 20)).astype(np.float32)


def test_the_quiet_side_of_a_call_is_raised_near_the_other():
    # proves: V2
    loud, quiet = levelled([noise(-20), noise(-50, 1)])
    assert level(loud) == pytest.approx(level(noise(-20)), abs=0.1)
    assert level(quiet) == pytest.approx(level(loud) - 6, abs=1)


def test_small_differences_of_level_are_kept():
    # proves: V2
    sounds = [noise(-20), noise(-30, 1)]
    assert all(a is b for a, b in zip(sounds, levelled(sounds), strict=True))


@pytest.mark.parametrize("nothing", [np.zeros(16_000, np.float32), np.zeros(10, np.float32)])
def test_silence_is_not_amplified(nothing):
    loud, silent = levelled([noise(-20), nothing])
    assert not silent.any() and len(loud) == 16_000
    assert levelled([]) == []
