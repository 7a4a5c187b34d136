"""Findings as the page of a recording shows them."""

# proves: V7

from __future__ import annotations

import pytest

from reelmill.artifacts import Finding, Transcript
from reelmill.pages.language import wording_in
from reelmill.pages.review_findings import shown_findings
from reelmill.stages.forensic.classify_emotion import Emotions
from reelmill.stages.forensic.classify_text import TextClasses


@pytest.mark.parametrize("is_corrected", [False, True])
def test_findings_of_the_machines_text_are_marked_where_people_corrected_it(
    is_corrected: bool,
) -> None:
    transcript = Transcript("en", 1.0, "demo", 5.0, 4.0, [])
    found = [TextClasses([Finding("toxic", 1.0, 2.0)]), Emotions([Finding("anger", 3.0, 4.0)])]
    by_text, by_sound = shown_findings(
        transcript, found, wording_in("ko"), is_corrected=is_corrected
    )
    assert by_text.marks == (("자동 인식 결과 기준",) if is_corrected else ())
    assert by_sound.marks == ()
