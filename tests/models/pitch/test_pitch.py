"""Pitch by autocorrelation, frame by frame beside Praat's `To Pitch (ac)`."""

from __future__ import annotations

import numpy as np
import parselmouth
import pytest

from reelmill.core.arrays import Float64
from reelmill.models.pitch.candidates import RATE, PitchRange, pitch_candidates
from reelmill.models.pitch.path import PitchTrack, pitch_track
from tests.stages.forensic.sounds import Sound, noise, silence, talk, voice


def ours(sound: Sound, peak: float | None = None) -> PitchTrack:
    samples, pitch = sound.astype(np.float32), PitchRange()
    peak = float(np.abs(samples).max()) if peak is None else peak
    return pitch_track(pitch_candidates(samples, peak, pitch), pitch)


def praats(sound: Sound, threshold: float = 0.03) -> tuple[Float64, Float64, float]:
    """F0, strength and the middle of the first frame."""
    whole = parselmouth.Sound(sound, RATE)
    pitch = whole.to_pitch_ac(
        time_step=0.01, pitch_floor=75, pitch_ceiling=600, silence_threshold=threshold
    )
    frames = pitch.selected_array
    return frames["frequency"], frames["strength"], float(pitch.x1)


def test_frames_are_where_praats_are() -> None:
    whole = voice(120, 2.5)
    lengths = [*range(RATE // 4, RATE // 4 + 160, 7), *range(RATE // 10, len(whole), RATE // 100)]
    for length in lengths:
        sound = whole[:length]
        f0, _, first = praats(sound)
        track = ours(sound)
        assert len(track.f0) == len(f0)
        assert track.first == pytest.approx(first, abs=1e-9)


def test_pitch_of_each_frame_is_praats() -> None:
    sound = talk()
    f0, strength, _ = praats(sound)
    track = ours(sound)
    both = (f0 > 0) & (track.f0 > 0)
    assert both.sum() > 150
    assert np.mean((f0 > 0) != (track.f0 > 0)) < 0.01
    assert np.abs(track.f0[both] / f0[both] - 1).max() < 0.002
    assert np.abs(track.strength[both] - strength[both]).max() < 0.02
    assert np.median(np.abs(track.strength[both] - strength[both])) < 0.001


def test_what_is_quiet_beside_the_whole_recording_is_unvoiced() -> None:
    sound = voice(150, 0.5)
    own = float(np.abs(sound).max())
    assert np.all(ours(sound, peak=own).f0[2:-2] > 0)
    assert np.all(ours(sound, peak=60 * own).f0 == 0)
    assert np.all(praats(sound, threshold=min(1.0, 0.03 * 60))[0] == 0)


def test_the_voice_after_a_pause_does_not_depend_on_the_one_before_it() -> None:
    low, high = voice(90, 0.5), voice(400, 0.5)
    track = ours(np.concatenate([low, silence(0.2), high]))
    voiced = track.f0[track.f0 > 0]
    assert np.median(voiced[:40]) == pytest.approx(90, rel=0.01)
    assert np.median(voiced[-40:]) == pytest.approx(400, rel=0.01)


def test_noise_and_digital_silence_have_no_pitch() -> None:
    track = ours(np.concatenate([silence(0.3), noise(0.5, -20), silence(0.3)]))
    assert np.mean(track.f0 > 0) < 0.1
    assert np.all(track.f0[:20] == 0) and np.all(track.f0[-20:] == 0)
    assert np.isfinite(track.strength).all()


def test_a_single_frame_has_a_pitch() -> None:
    track = ours(voice(200, 0.5)[: round(PitchRange().shortest * RATE) - 1])
    assert len(track.f0) == 1
    assert track.f0[0] == pytest.approx(200, rel=0.01)
