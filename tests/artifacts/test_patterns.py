"""Matches of language patterns, and the findings they become."""

from dataclasses import replace

import pytest
from pydantic import TypeAdapter

from reelmill.artifacts import PatternMatch, PatternMatches

MATCH = PatternMatch(
    "threat", "en/threat/kill", "says that he will kill", "en", 1.5, 2.25,
    "If you talk I will kill you.", "I will kill you", "A", 0.81, conditional=True,
)  # fmt: skip


def test_a_match_becomes_a_finding_with_its_quote_time_and_speaker():
    finding = MATCH.finding()
    assert (finding.label, finding.start, finding.end) == ("threat", 1.5, 2.25)
    assert (finding.speaker, finding.score, finding.severity) == ("A", 0.81, "info")
    assert finding.text == (
        "If you talk I will kill you. [conditional; en/threat/kill: says that he will kill]"
    )


@pytest.mark.parametrize("mark", ["negated", "quoted"])
def test_negated_and_quoted_matches_are_kept_but_do_not_count(mark):
    aside = replace(MATCH, **{mark: True})
    found = PatternMatches(matches=[aside, MATCH])
    assert not aside.counts
    assert mark in aside.marks
    assert found.of("threat") == [MATCH]
    assert found.of("denial") == []


def test_matches_survive_a_round_trip_through_json():
    adapter = TypeAdapter(PatternMatches)
    found = PatternMatches([MATCH.finding()], "patterns of en", [MATCH])
    assert adapter.validate_json(adapter.dump_json(found)) == found
