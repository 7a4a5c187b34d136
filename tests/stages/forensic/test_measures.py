"""The measures of a speaker, from curves."""

import numpy as np
import pytest

from reelmill.artifacts import Span
from reelmill.stages.forensic.curves import Curves
from reelmill.stages.forensic.measures import Part, speaker_measures, utterances_of
from reelmill.stages.forensic.talk import Talk
from reelmill.stages.forensic.utterances import Heard, SpeechRules

FRAMES = 100


def part(f0: np.ndarray, sounding: np.ndarray) -> Part:
    """A speaker's only utterance, of a second."""
    energy = np.full(FRAMES, 1e-3, np.float32)
    talk = Talk(0, None, "A", [Span(0.0, 1.0)], [])
    ranges = np.array([[0, FRAMES]]), np.zeros((0, 2), np.int64)
    heard = Heard(talk, sounding, *ranges, noise=None, is_clear=True)
    return Part(heard, Curves(energy, energy, f0.astype(np.float32)))


def test_quiet_voiced_frames_count_for_the_pitch_as_praat_counts_them() -> None:
    # proves: V8
    f0 = np.repeat([100.0, 200.0], [45, 55])
    sounding = np.arange(FRAMES) < 60  # most of the high voice is quiet
    made = part(f0, sounding)
    found = speaker_measures([made], None, SpeechRules())
    assert found.f0 == pytest.approx(200.0)
    assert found.voiced == pytest.approx(1.0)
    (utterance,) = utterances_of(made, None)
    assert utterance.f0 == pytest.approx(200.0)


def test_unvoiced_frames_have_no_pitch_and_lower_the_voiced_share() -> None:
    f0 = np.repeat([0.0, 150.0], [25, 75])
    found = speaker_measures([part(f0, np.ones(FRAMES, bool))], None, SpeechRules())
    assert (found.f0, found.voiced) == (pytest.approx(150.0), pytest.approx(0.75))
