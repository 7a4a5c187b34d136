"""Glottal pulses, jitter and shimmer, beside Praat's `To PointProcess (cc)`."""

from __future__ import annotations

from typing import Any

import numpy as np
import parselmouth
import pytest

from reelmill.core.arrays import Float64
from reelmill.models.pitch.candidates import RATE, PitchRange, pitch_candidates
from reelmill.models.pitch.path import PitchTrack, pitch_track
from reelmill.models.pitch.periods import glottal_pulses
from reelmill.models.pitch.perturbation import perturbation
from tests.stages.forensic.sounds import Sound, noise, pulse_times, silence, talk, voice

CALL: Any = parselmouth.praat.call
_PERIODS = (0, 0, 0.0001, 0.02, 1.3)


def track_of(sound: Sound) -> PitchTrack:
    samples, pitch = sound.astype(np.float32), PitchRange()
    return pitch_track(pitch_candidates(samples, float(np.abs(samples).max()), pitch), pitch)


def praats(sound: Sound, track: PitchTrack) -> tuple[Any, Any]:
    """Praat's sound and pulses, with the same pitch."""
    whole = parselmouth.Sound(sound, RATE)
    columns = len(track.f0), PitchRange().step, track.first
    matrix = CALL("Create Matrix", "f0", 0, whole.xmax, *columns, 1, 1, 1, 1, 1, "0")
    matrix.values[0, :] = track.f0
    return whole, CALL([whole, CALL(matrix, "To Pitch")], "To PointProcess (cc)")


def times_of(points: Any) -> Float64:
    numbers = range(1, CALL(points, "Get number of points") + 1)
    return np.array([CALL(points, "Get time from index", number) for number in numbers])


SOUNDS = {
    "even": voice(120, 1.0),
    "jitter": voice(150, 1.0, jitter=0.02),
    "shimmer": voice(230, 1.0, shimmer=0.1),
    "talk": talk(),
    "no silence before it": voice(75, 0.5)[200:],
}


# proves: V8
@pytest.mark.parametrize("name", SOUNDS)
def test_pulses_are_where_praat_finds_them(name: str) -> None:
    sound = SOUNDS[name]
    track = track_of(sound)
    expected = times_of(praats(sound, track)[1])
    pulses = glottal_pulses(sound.astype(np.float32), track, PitchRange().step)
    found = np.sort((pulses.place + 0.5) / RATE)
    assert abs(len(found) - len(expected)) <= 0.01 * len(expected)
    away = np.abs(found[:, None] - expected).min(1)
    assert np.mean(away < 1e-6) > 0.98


# proves: V8
@pytest.mark.parametrize("name", SOUNDS)
def test_jitter_and_shimmer_are_praats(name: str) -> None:
    sound = SOUNDS[name]
    track = track_of(sound)
    whole, points = praats(sound, track)
    samples = sound.astype(np.float32)
    found = perturbation(samples, glottal_pulses(samples, track, PitchRange().step))
    assert found.periods == pytest.approx(
        CALL(points, "Get number of periods", *_PERIODS), rel=0.01
    )
    assert found.jitter == pytest.approx(
        CALL(points, "Get jitter (local)", *_PERIODS), rel=0.02, abs=1e-5
    )
    assert found.shimmer == pytest.approx(
        CALL([whole, points], "Get shimmer (local)", *_PERIODS, 1.6), rel=0.02
    )


def test_pulses_are_a_period_apart() -> None:
    sound = voice(140, 1.0, jitter=0.01).astype(np.float32)
    pulses = glottal_pulses(sound, track_of(sound), PitchRange().step)
    true = np.diff(pulse_times(140, 1.0, jitter=0.01))
    found = np.diff(pulses.place) / RATE
    assert len(found) == pytest.approx(len(true), abs=6)
    middle = found[len(found) // 2 - 20 : len(found) // 2 + 20]
    assert (
        min(np.abs(middle - true[at : at + 40]).mean() for at in range(len(true) - 40))
        < 0.1 * np.abs(np.diff(true)).mean()
    )


@pytest.mark.parametrize("sound", [silence(0.5), noise(0.5, -20)], ids=["silence", "noise"])
def test_without_voice_there_is_nothing_to_compare(sound: Sound) -> None:
    samples = sound.astype(np.float32)
    track = PitchTrack(np.zeros(46, np.float32), np.zeros(46, np.float32), 0.025)
    found = perturbation(samples, glottal_pulses(samples, track, PitchRange().step))
    assert (found.periods, found.jitter, found.shimmer) == (0, None, None)
