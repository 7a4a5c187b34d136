from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from reelmill.artifacts import Finding, Findings


@dataclass
class Loudness(Findings):
    schema: ClassVar[str] = "loudness/1"
    source: ClassVar[str] = "loudness"


def test_summary__findings_of_an_added_stage__are_counted_and_warnings_told() -> None:
    # proves: G21
    clipped = Finding("clipping", 1.0, 2.0, text="overdriven", severity="warning")
    hum = Finding("hum", 0.0, 9.0)
    summary = Loudness([clipped, clipped, hum]).summary()
    assert summary.notes == ["loudness: 2 × clipping, 1 × hum"]
    assert summary.findings == [clipped, clipped]


def test_summary__nothing_found__says_nothing() -> None:
    summary = Loudness([]).summary()
    assert (summary.notes, summary.findings) == ([], [])
