"""Pitch and voice quality of each speaker, beside Praat."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import parselmouth
import pytest

from reelmill.artifacts import read_frames
from reelmill.stages.forensic.voice_quality import VoiceRules
from tests.stages.forensic.sounds import (
    RATE,
    Sound,
    measured,
    pulse_times,
    silence,
    turns,
    voice,
)


def by_praat(sound: Sound) -> tuple[float, float, float]:
    """Jitter, shimmer and mean harmonics-to-noise ratio of the whole sound, in one piece."""
    call: Any = parselmouth.praat.call
    whole = parselmouth.Sound(sound, RATE)
    pitch = whole.to_pitch_ac(pitch_floor=75, pitch_ceiling=600)
    points = call([whole, pitch], "To PointProcess (cc)")
    report = call([whole, pitch, points], "Voice report", 0, 0, 75, 600, 1.3, 1.6, 0.03, 0.45)
    line = next(one for one in report.splitlines() if "Mean harmonics-to-noise" in one)
    return (
        call(points, "Get jitter (local)", 0, 0, 0.0001, 0.02, 1.3),
        call([whole, points], "Get shimmer (local)", 0, 0, 0.0001, 0.02, 1.3, 1.6),
        float(line.split(":")[1].split()[0]),
    )


def test_each_speaker_has_their_own_pitch_however_long_stretches_are(tmp_path: Path) -> None:
    """One is so quiet beside the other that it would be silence if both were one sound."""
    sound = np.concatenate([voice(120, 1.5, -3.0), silence(0.5), voice(210, 3.0, -41.0)])
    given = turns((0.0, 1.5, "A"), (2.0, 5.0, "B"), (4.5, 5.0, "A"))
    for longest in (60.0, 1.0):
        folder = tmp_path / str(longest)
        made = measured(folder, sound, turns=given, voice=VoiceRules(longest=longest))
        low, high = made.speakers
        assert (low.f0, high.f0) == pytest.approx((120, 210), rel=0.01)
        assert low.jitter is not None and high.jitter is not None
        frames = read_frames(folder, made)
        assert frames.voiced[0, :150].mean() > 0.9 and frames.voiced[0, 200:450].mean() > 0.9
        assert not frames.voiced[0, 155:195].any()
        assert not frames.voiced[0, 455:].any()  # what both say at once is nobody's


# proves: V8
@pytest.mark.parametrize("f0", [85, 120, 180, 240, 320, 480])
def test_f0_is_within_one_percent(tmp_path: Path, f0: float) -> None:
    (speaker,) = measured(tmp_path, voice(f0, 2)).speakers
    assert speaker.f0 == pytest.approx(f0, rel=0.01)
    assert speaker.voiced is not None and speaker.voiced > 0.9


# proves: V8
@pytest.mark.parametrize(("jitter", "shimmer"), [(0.005, 0.03), (0.01, 0.05), (0.02, 0.10)])
@pytest.mark.parametrize("f0", [110, 140])
def test_jitter_shimmer_and_hnr_measured_in_stretches_equal_praat(
    tmp_path: Path, jitter: float, shimmer: float, f0: float
) -> None:
    sound = voice(f0, 8, jitter=jitter, shimmer=shimmer)
    sound[3 * RATE : round(3.6 * RATE)] = 0
    given = turns((0.0, 3.0, "A"), (3.6, 8.0, "A"))
    (speaker,) = measured(tmp_path, sound, turns=given).speakers
    praats_jitter, praats_shimmer, praats_hnr = by_praat(sound)
    assert speaker.jitter == pytest.approx(praats_jitter, rel=0.1)
    assert speaker.shimmer == pytest.approx(praats_shimmer, rel=0.1)
    assert speaker.hnr == pytest.approx(praats_hnr, abs=0.5)
    periods = np.diff(pulse_times(f0, 8, jitter))
    assert speaker.jitter == pytest.approx(np.abs(np.diff(periods)).mean() / f0**-1, rel=0.25)


@pytest.mark.parametrize("seconds", [0.0, 0.05, 0.12])
def test_too_little_speech_has_no_jitter_or_shimmer(tmp_path: Path, seconds: float) -> None:
    sound = np.concatenate([voice(75, 1)[: round(seconds * RATE)], silence(1)])
    for speaker in measured(tmp_path, sound).speakers:
        assert (speaker.jitter, speaker.shimmer) == (None, None)


def test_nothing_but_tests_and_benchmarks_imports_praat() -> None:
    code = (
        "import sys\n"
        "sys.modules['parselmouth'] = None\n"
        "import reelmill.cli.app, reelmill.pipelines.forensic\n"
        "import reelmill.stages.forensic.voice_quality\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
