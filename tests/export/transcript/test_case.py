"""The file of a case: read whole, or refused by its entry."""

# proves: V12

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.artifacts import Span
from reelmill.errors import UsageError
from reelmill.export.transcript.case import Case, Party, read_case

WHOLE = """
number = "2026가단12345"
client = "홍길동"
date = 2026-03-14T09:05:00
[speakers.A]
name = "김철수"
role = "회사 대표"
[speakers.B]
role = "고객"
[recordings."통화 1.m4a"]
place = "전화 통화"
excerpts = ["00:01:00-00:02:30", "5:00-5:10.5"]
[recordings."통화 1.m4a".speakers.A]
name = "이영희"
"""


def read(folder: Path, text: str) -> Case:
    file = folder / "사건.toml"
    file.write_text(text, encoding="utf-8")
    return read_case(file)


def test_facts_about_one_recording_replace_those_about_all(tmp_path: Path) -> None:
    case = read(tmp_path, WHOLE)
    own, other = case.of("통화 1.m4a"), case.of("other.wav")
    assert (own.number, own.place, other.place) == ("2026가단12345", "전화 통화", None)
    assert own.date == other.date == "2026-03-14 09:05"
    assert own.excerpts == (Span(60, 150), Span(300, 310.5)) and other.excerpts == ()
    assert own.party("A") == Party("A", "이영희") and own.party("B") == Party("B", None, "고객")
    assert other.party("A") == Party("A", "김철수", "회사 대표") and other.party("C") is None


def test_speakers_are_found_by_the_names_given_to_them(tmp_path: Path) -> None:
    case = read(tmp_path, WHOLE).named({"A": "Kim"})
    assert case.of("other.wav").party("Kim") == Party("Kim", "김철수", "회사 대표")
    assert case.of("통화 1.m4a").party("Kim") == Party("Kim", "이영희")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nummer = 1", "unknown entry nummer; there are: number, court"),
        ("[speakers]\nA = 'Kim'", r"speakers\.A: give a table"),
        ("[speakers.A]\nage = 3", r"speakers\.A\.age; there are: name, role"),
        ("excerpts = '1:00-2:00'", "excerpts: give a list"),
        ("excerpts = ['2:00-1:00']", "'2:00-1:00' is not a span"),
        ("excerpts = ['soon']", "'soon' is not a span"),
        ("place = [1]", "place: give a text"),
        ("recordings = 3", "recordings: give a table"),
        ("[recordings.'a.wav']\nnote = 1", r"unknown entry recordings\.a\.wav\.note"),
    ],
)
def test_unknown_fields_of_a_case_are_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told) as failure:
        read(tmp_path, text)
    assert "사건.toml" in str(failure.value)
