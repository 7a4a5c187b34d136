"""A table of replacements changes whole words, keeps times, and says what it changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.artifacts import Segment, Word
from reelmill.artifacts.edited_words import EditedWord
from reelmill.artifacts.replaced import ReplacedSpoken, marked
from reelmill.engine.stage import Inputs
from reelmill.errors import UsageError
from reelmill.stages.transcript.replace_words import ReplaceSpokenWords, apply_table
from reelmill.stages.transcript.word_table import find_matches, read_table
from reelmill.testing import artifact_of
from tests.artifacts.test_corrections import segment, transcript

# proves: V7


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for match in reversed(find_matches(text, pairs)):
        text = text[: match.start] + match.now + text[match.end :]
    return text


@pytest.mark.parametrize(
    ("text", "pair", "found"),
    [
        ("the reel mill is here", ("reel mill", "Reelmill"), "the Reelmill is here"),
        ("REEL MILL.", ("reel mill", "Reelmill"), "Reelmill."),
        ("an art of arts, art-like", ("art", "craft"), "an craft of arts, craft-like"),
        ("cat's catalog", ("cat", "dog"), "dog's catalog"),
        ("김민주가 왔다", ("김민주", "김민준"), "김민준이 왔다"),
        ("김민준은 김민준을", ("김민준", "김민주"), "김민주는 김민주를"),
        ("김민주한테는 말했다", ("김민주", "김민준"), "김민준한테는 말했다"),
        ("김민주민은 다른 사람", ("김민주", "김민준"), "김민주민은 다른 사람"),
        ("대김민주", ("김민주", "김민준"), "대김민주"),
        ("서울로 간다", ("서울", "부산"), "부산으로 간다"),
        ("田中さんは東京へ", ("田中", "中田"), "中田さんは東京へ"),
        ("カメラとカメ", ("カメ", "亀"), "カメラと亀"),
        ("東京都に行く", ("東京", "京都"), "東京都に行く"),
        ("AI를 쓴다", ("AI", "인공지능"), "인공지능을 쓴다"),
    ],
)
def test_whole_words_are_replaced_with_what_belongs_to_them(
    text: str, pair: tuple[str, str], found: str
) -> None:
    assert replaced(text, pair) == found


def test_the_longest_word_at_a_place_is_taken() -> None:
    pairs = (("New York", "NYC"), ("York", "Jorvik"))
    assert replaced("New York and York", *pairs) == "NYC and Jorvik"


def test_what_was_replaced_is_not_replaced_again() -> None:
    assert replaced("a b", ("a", "b"), ("b", "a")) == "b a"


def test_words_keep_their_times_and_speakers() -> None:
    said = segment(0, "we like reel mill, yes", "B")
    changed, found = apply_table(said, (("reel mill", "Reelmill"),), "en")
    assert changed.text == "we like Reelmill, yes"
    assert [(one.text, one.start, one.end) for one in changed.words] == [
        ("we", 0, 0.9),
        ("like", 1, 1.9),
        ("Reelmill,", 2, 3.9),
        ("yes", 4, 4.9),
    ]
    assert {one.speaker for one in changed.words} == {"B"}
    assert [(one.was, one.now, one.start, one.end) for one in found] == [
        ("reel mill,", "Reelmill,", 2, 3.9)
    ]


def test_a_word_with_a_particle_keeps_its_time() -> None:
    changed, [found] = apply_table(
        segment(3, "어제 김민주가 왔어요"), (("김민주", "김민준"),), "ko"
    )
    assert changed.text == "어제 김민준이 왔어요"
    assert (found.was, found.now, found.start, found.end) == ("김민주가", "김민준이", 4, 4.9)


def test_words_of_the_recognizer_are_borders_where_there_are_no_spaces() -> None:
    said = segment(0, "東京|都庁|です", spaces=False)
    changed, found = apply_table(said, (("東京", "大阪"),), "ja")
    assert changed.text == "大阪都庁です" and len(found) == 1
    assert [one.text for one in changed.words] == ["大阪", "都庁", "です"]


def test_a_segment_without_words() -> None:
    said = Segment(1, 5, "reel mill here", 0, 0, 0, 0)
    changed, [found] = apply_table(said, (("reel mill", "Reelmill"),), "en")
    assert changed.text == "Reelmill here" and (found.start, found.end) == (1, 5)


def test_the_stage_keeps_what_the_machine_wrote(tmp_path: Path) -> None:
    from tests.stages.transcript.test_export import recording

    said = transcript(segment(0, "call reel mill"), segment(9, "no"))
    stage = ReplaceSpokenWords(table=(("reel mill", "Reelmill"),))
    made = artifact_of(stage, recording(tmp_path / "a.wav", "a"), Inputs([said]))
    assert isinstance(made, ReplacedSpoken)
    assert [one.text for one in made.segments] == ["call Reelmill", "no"]
    assert all(type(word) is Word for one in made.segments for word in one.words)
    [word] = [one for one in marked(made).segments[0].words if isinstance(one, EditedWord)]
    assert (word.text, word.machine, word.editor) == ("Reelmill", "reel mill", "table")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", 'from,to\nreel mill,Reelmill\n# a comment\n"a, b",c\n'),
        ("t.tsv", "reel mill\tReelmill\na, b\tc\n"),
        ("t.toml", '[replacements]\n"reel mill" = "Reelmill"\n"a, b" = "c"\n'),
    ],
)
def test_tables_of_all_forms(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_table(tmp_path / name) == (("reel mill", "Reelmill"), ("a, b", "c"))


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("t.csv", "a,b,c\n", "line 1: give two columns"),
        ("t.csv", "a,b\na,c\n", "line 2: a second replacement"),
        ("t.csv", ",b\n", "no word to be replaced"),
        ("t.csv", "from,to\n", "no replacements"),
        ("t.toml", "a = 1\n", r"\[replacements\]"),
        ("gone.csv", None, "cannot be read"),
    ],
)
def test_a_table_of_another_form_is_told(
    tmp_path: Path, name: str, text: str | None, problem: str
) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=problem):
        read_table(tmp_path / name)
