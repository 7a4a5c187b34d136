"""Speech that is far quieter than what was said before it, and sound that is none."""

from __future__ import annotations

import io
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from reelmill.media.audio.decode import decode
from reelmill.stages.speech.detect_speech import speech_probabilities, with_quiet_speech
from reelmill.stages.speech.quiet_speech import quiet_stretches

RATE, HOP = 16_000, 512


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    """A voicemail of some 10 s."""
    sound = io.BytesIO()
    decode(Path(str(resources.files("reelmill") / "assets" / "samples" / "voicemail.wav")), sound)
    return np.frombuffer(sound.getvalue(), "<i2")[: 10 * RATE].astype(np.float64)


def line(*parts: np.ndarray, noise: float = 3.0) -> np.ndarray:
    """The parts one after the other, on a line with noise."""
    pause = np.zeros(RATE)
    sound = np.concatenate([pause, *(one for part in parts for one in (part, pause))])
    sound += np.random.default_rng(1).normal(0, noise, len(sound))
    return np.clip(sound, -32768, 32767).astype(np.int16)


def seconds(probabilities: np.ndarray) -> float:
    return float((probabilities > 0.5).sum() * HOP / RATE)


def test_speech_30_db_quieter_than_the_speech_before_it_is_found(voice):
    # proves: V2
    loud = voice * (8000 / np.abs(voice).max())
    quiet = line(loud, loud * 10 ** (-42 / 20))
    half = (len(quiet) + RATE) // 2 // HOP
    said = seconds(with_quiet_speech(quiet)[:half])
    assert said > 4
    assert seconds(speech_probabilities(quiet)[half:]) < 0.5 * said, "too easy to prove anything"
    assert seconds(with_quiet_speech(quiet)[half:]) == pytest.approx(said, rel=0.15)


def test_loud_speech_is_heard_once_and_as_before(voice):
    loud = line(voice * (12_000 / np.abs(voice).max()))
    np.testing.assert_array_equal(with_quiet_speech(loud), speech_probabilities(loud))


@pytest.mark.parametrize("level", [0, 3, 300])
def test_steady_noise_is_not_heard_again(level):
    # proves: V4
    noise = line(np.zeros(20 * RATE), noise=level)
    assert list(quiet_stretches(noise, speech_probabilities(noise))) == []


def test_quiet_taps_and_hum_are_heard_again_but_are_no_speech():
    # proves: V4
    time = np.arange(4 * RATE) / RATE
    hum = 60 * np.sin(2 * np.pi * 100 * time)
    taps = 80 * np.sin(2 * np.pi * 900 * time) * (time % 0.5 < 0.05)
    sound = line(hum, taps)
    assert list(quiet_stretches(sound, speech_probabilities(sound)))
    assert seconds(with_quiet_speech(sound)) == 0


def test_a_long_stretch_is_lifted_in_parts_each_to_the_same_level():
    time = np.arange(60 * RATE) / RATE
    fading = np.geomspace(200, 20, len(time)) * np.sin(2 * np.pi * 200 * time)
    sound = line(fading, noise=0.3)
    found = list(quiet_stretches(sound, np.zeros(len(sound) // HOP + 1, np.float32)))
    assert len(found) >= 2 and all(one.last - one.first <= 625 for one in found)
    assert [one.gain for one in found] == sorted(one.gain for one in found)
    assert all(one.gain <= 10 ** (45 / 20) for one in found)
    for one in found:
        lifted = one.lifted(sound, len(sound) // HOP + 1)
        assert 1000 < np.abs(lifted.astype(int)).max() <= 32768
