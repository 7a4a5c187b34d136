"""Pitch and voice quality by Praat, from stretches of speech of one person."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import parselmouth
import pytest

from reelmill.artifacts import Speech, VoiceQuality, read_pitch
from reelmill.artifacts.speech import Span
from reelmill.engine.stage import Device, Inputs
from reelmill.models.praat import PraatSpec, praat_spec
from reelmill.stages.forensic.voice_quality import MeasureVoiceQuality
from reelmill.testing import check_stage
from tests.stages.forensic.sounds import (
    RATE,
    Sound,
    diarized,
    measured,
    pulse_times,
    recorded,
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


def test_the_voice_quality_stage_keeps_the_rules_of_stages(tmp_path: Path) -> None:
    sound = np.concatenate([voice(120, 1.5), silence(0.5), voice(210, 3.0)])
    recording, audio = recorded(tmp_path, sound)
    speech = Speech([Span(0.0, 5.0)], 5.0)
    turns_given = turns((0.0, 1.5, "A"), (2.0, 5.0, "B"), (4.5, 5.0, "A"))
    inputs = Inputs([audio, speech, diarized(*turns_given, duration=5.0)])
    made = check_stage(MeasureVoiceQuality(praat_spec(), longest=1.0), recording, inputs)
    assert isinstance(made, VoiceQuality)
    last = {one.speaker: one.end for one in made.stretches}  # what both say at once is nobody's
    assert last == {"A": pytest.approx(1.5, abs=0.05), "B": pytest.approx(4.5, abs=0.05)}
    assert max(one.end - one.start for one in made.stretches) <= 1.0
    arrays = read_pitch(tmp_path, made)
    assert arrays.counts.sum() == len(arrays.f0) == len(arrays.times)
    low, high = arrays.f0[arrays.times < 1.5], arrays.f0[arrays.times > 2.0]
    assert np.median(low[low > 0]) == pytest.approx(120, rel=0.01)
    assert np.median(high[high > 0]) == pytest.approx(210, rel=0.01)


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


@pytest.mark.parametrize("seconds", [0.0, 0.03, 0.06])
def test_a_stretch_too_short_for_praat_has_no_jitter_or_shimmer(seconds: float) -> None:
    model = praat_spec().load(Device("cpu"), 1)
    found = model.measure(voice(120, 1)[: round(seconds * RATE)].astype(np.float32))
    assert (found.jitter, found.shimmer) == (None, None)


def test_only_the_model_worker_imports_praat() -> None:
    code = (
        "import sys, reelmill.cli.app, reelmill.pipelines.forensic\n"
        "from reelmill.models.praat import praat_spec\n"
        "praat_spec()\n"
        "assert 'parselmouth' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_other_pitch_settings_make_another_model_identity() -> None:
    assert PraatSpec("1").identity != PraatSpec("2").identity
    assert PraatSpec("1").supports("cpu") and not PraatSpec("1").supports("cuda")
