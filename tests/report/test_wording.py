"""Numbers in words."""

from __future__ import annotations

import pytest

from reelmill.report import wording


@pytest.mark.parametrize(
    ("seconds", "clock", "duration"),
    [
        (None, "–", "–"),
        (0.034, "00:00", "0.03 s"),
        (9.96, "00:10", "10.0 s"),
        (72.4, "01:12", "72 s"),
        (271.4, "04:31", "04:31"),
        (3599.6, "1:00:00", "1:00:00"),
        (360_000, "100:00:00", "100:00:00"),
    ],
)
def test_times_are_worded(seconds, clock, duration):
    assert wording.clock(seconds) == clock
    assert wording.duration(seconds) == duration


def test_shares_and_sizes_are_worded():
    assert [wording.percent(x) for x in (None, 0, 0.004, 0.456, 0.999, 1.0)] == [
        "–",
        "0 %",
        "< 1 %",
        "46 %",
        "99 %",
        "100 %",
    ]
    assert [wording.memory(x) for x in (None, 812.3, 32768)] == ["–", "812 MB", "32.0 GB"]
    assert [wording.significant(x) for x in (0.519, 13.84, 1304.4)] == ["0.52", "13.8", "1,304"]


@pytest.mark.parametrize("kind", ["input", "transient", "resource", "crash"])
def test_each_kind_of_failure_has_advice(kind):
    assert "Run the same command again" in wording.advice(kind).replace("run the", "Run the")


def test_unknown_stages_keep_their_name():
    assert wording.stage_words("count_sheep") == "Count sheep"
