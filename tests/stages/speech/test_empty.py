"""An empty transcript says that it is empty, and how."""

# proves: V2 G18

from __future__ import annotations

import pytest

from reelmill.artifacts import Segment
from reelmill.stages.speech.empty import empty_result


@pytest.mark.parametrize(
    ("seconds", "label", "text"),
    [
        (0.0, "no speech", "no speech found"),
        (28.2, "no text", "28 s of speech, no text"),
        (0.4, "no text", "0.4 s of speech, no text"),
    ],
)
@pytest.mark.parametrize("texts", [[], [" "]])
def test_a_recording_without_text_has_a_finding(seconds, label, text, texts):
    segments = [Segment(0.0, 1.0, one, -0.1, 0.1, 1.0, 0.0) for one in texts]
    (finding,) = empty_result(seconds, segments)
    assert (finding.label, finding.text, finding.severity) == (label, text, "warning")


def test_a_recording_with_text_has_no_finding():
    assert empty_result(28.0, [Segment(0.0, 1.0, "Yes.", -0.1, 0.1, 1.0, 0.0)]) == []
