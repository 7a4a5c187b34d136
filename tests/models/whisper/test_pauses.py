"""Segments begin with their sound, not in the pause before it."""

import numpy as np
import pytest

from reelmill.models.whisper.decoded import DecodedSegment, TextTokens
from reelmill.models.whisper.pauses import without_pause


def segment(start: float) -> DecodedSegment:
    tokens = TextTokens(((0, 4), (4, 9)), (start, 2.0), (2.0, 3.0), (0.9, 0.9))
    return DecodedSegment(start, 3.0, "Yes, well", -0.2, 0.0, 1.0, 0.0, tokens)


def features(*sound: tuple[float, float]) -> np.ndarray:
    found = np.full((80, 400), -0.8, np.float32)
    for start, end in sound:
        found[:, round(100 * start) : round(100 * end)] = 0.4
    return found


def test_a_start_in_a_pause_is_moved_to_the_sound():
    # proves: V3
    moved = without_pause(segment(1.0), features((0.0, 0.9), (1.5, 2.9)))
    assert moved.start == moved.tokens.starts[0] == pytest.approx(1.45)
    assert (moved.end, moved.tokens.ends) == (3.0, (2.0, 3.0))


@pytest.mark.parametrize("sound", [((0.0, 3.0),), ((1.05, 3.0),), ()], ids=str)
def test_a_start_without_a_pause_stays(sound):
    assert without_pause(segment(1.0), features(*sound)) == segment(1.0)


def test_a_quiet_stretch_of_speech_is_no_pause():
    assert without_pause(segment(1.0), features((2.5, 3.0))) == segment(1.0)
