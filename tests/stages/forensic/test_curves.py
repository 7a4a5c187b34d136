"""Loudness by BS.1770 and levels, against signals of known values and FFmpeg's own meter."""

from __future__ import annotations

import av
import numpy as np
import pytest
from scipy.signal import sosfilt

from reelmill.stages.forensic.curves import (
    FRAME,
    block_means,
    curves_of,
    integrated_loudness,
)
from reelmill.stages.forensic.k_weighting import k_weighting
from tests.stages.forensic.sounds import RATE, Sound, at_level, noise, silence, tone, voice


def integrated(sound: Sound) -> float | None:
    samples = np.round(sound * 32768).astype(np.int16)
    curves = curves_of(samples)
    return integrated_loudness(block_means(curves.weighted))


def by_ffmpeg(sound: Sound) -> float:
    """The integrated loudness by FFmpeg's ebur128 filter."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=RATE, format="flt", layout="mono")
    meter = graph.add("ebur128", "metadata=1")
    sink = graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(sound[None].astype(np.float32), "flt", "mono")
    frame.sample_rate = RATE
    source.push(frame)
    source.push(None)
    found = None
    while True:
        try:
            found = sink.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            break
    assert found is not None
    return float(found.metadata["lavfi.r128.I"])


def test_k_weighting_at_48_khz_has_the_coefficients_of_the_standard() -> None:
    shelf, high_pass = k_weighting(48_000)
    forward = [1.53512485958697, -2.69169618940638, 1.19839281085285]
    assert shelf == pytest.approx([*forward, 1.0, -1.69065929318241, 0.73248077421585], abs=1e-6)
    assert high_pass == pytest.approx(
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621], abs=1e-6
    )


@pytest.mark.parametrize("frames", [1, 103, 6007])
def test_sound_is_weighted_as_by_the_recursive_filters(frames: int) -> None:
    """Also across the pieces in which long sound is read."""
    rng = np.random.default_rng(3)
    samples = rng.integers(-9000, 9000, frames * FRAME).astype(np.int16)
    filtered = sosfilt(k_weighting(RATE), samples / 32768)
    expected = np.square(filtered).reshape(-1, FRAME).mean(1)
    weighted = curves_of(samples).weighted
    assert weighted == pytest.approx(expected, rel=1e-5)


# proves: V8
@pytest.mark.parametrize("dbfs", [-3.02, -20.0, -40.0])
def test_a_tone_of_997_hz_has_the_loudness_of_its_level(dbfs: float) -> None:
    assert integrated(tone(997, 3, dbfs)) == pytest.approx(dbfs, abs=0.1)


@pytest.mark.parametrize(
    "sound",
    [
        voice(120, 5, -23.0),
        voice(220, 5, -33.0),
        at_level(noise(5, -20.0) + tone(60, 5, -10.0), -25.0),
        np.concatenate([voice(150, 3, -18.0), silence(3), voice(150, 3, -38.0)]),
    ],
    ids=["low voice", "high voice", "noise and hum", "with silence and a quiet part"],
)
def test_loudness_equals_the_value_of_ffmpeg(sound: Sound) -> None:
    assert integrated(sound) == pytest.approx(by_ffmpeg(sound), abs=0.15)


def test_silence_has_no_loudness() -> None:
    assert integrated(silence(2)) is None
    assert integrated(silence(0.2)) is None


def test_levels_and_momentary_loudness_follow_the_sound() -> None:
    sound = np.concatenate([tone(997, 1, -20.0), tone(997, 1, -40.0)])
    samples = np.round(sound * 32768).astype(np.int16)
    curves = curves_of(samples)
    assert curves.level[:100] == pytest.approx(-20, abs=0.1)
    assert curves.level[100:] == pytest.approx(-40, abs=0.1)
    blocks = curves.momentary()
    assert len(blocks) == 17
    assert blocks[[0, -1]] == pytest.approx([-20, -40], abs=0.2)
