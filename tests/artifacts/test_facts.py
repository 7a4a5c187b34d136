"""What artifacts tell a report about their recording."""

from __future__ import annotations

from reelmill.artifacts import Translations


def test_a_report_has_some_of_very_many_notes() -> None:
    # proves: G19
    notes = [f"ko, sentence {number}: glossary" for number in range(1, 41)]
    told = Translations("ja", "demo", {}, notes).facts()["notes"]
    assert told == [*notes[:5], "and 35 more notes, all in its subtitles.json"]
    assert Translations("ja", "demo", {}, notes[:6]).facts()["notes"] == notes[:6]
