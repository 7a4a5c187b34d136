"""Summaries that artifacts give to a report."""

from __future__ import annotations

from reelmill.artifacts import ExportedFile, Finding, RecordingSummary, Translations, summed_up


def test_a_report_shows_only_the_first_of_very_many_notes() -> None:
    # proves: G19
    notes = [f"ko, sentence {number}: glossary" for number in range(1, 41)]
    told = Translations("ja", "demo", {}, notes).summary().notes
    assert told == [*notes[:5], "and 35 more notes, all in its subtitles.json"]
    assert Translations("ja", "demo", {}, notes[:6]).summary().notes == notes[:6]


def test_merged_summaries_have_each_entry_once() -> None:
    # proves: G21
    cut = Finding("truncated", 3.0, 12.0, text="ends after 3.0 s", severity="grave")
    total = summed_up(
        [
            RecordingSummary(media_seconds=3.0, findings=[cut], notes=["no aligner"]),
            RecordingSummary(language="ko", findings=[cut], notes=["no aligner", "demo"]),
        ]
    )
    assert (total.media_seconds, total.language) == (3.0, "ko")
    assert total.findings == [cut] and total.count("grave") == 1
    assert total.notes == ["no aligner", "demo"]


def test_a_summary_is_read_back_from_its_json() -> None:
    summary = RecordingSummary(
        exported=[ExportedFile("a.txt", "ab", 3)], findings=[Finding("gap", 1.0, 2.0)]
    )
    assert RecordingSummary.from_json(summary.as_json()) == summary
    assert RecordingSummary().as_json() == {}
