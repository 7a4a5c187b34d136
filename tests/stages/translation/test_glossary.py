"""Names that are kept: the file, the placeholders, the particles after them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.errors import UsageError
from reelmill.stages.translation.glossary import (
    Glossary,
    Term,
    inserted,
    masked,
    missing,
    read_glossary,
    restored,
)

YUKI, AN = Term("ユキ", "유키"), Term("アン", "앤")


@pytest.fixture
def file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "names.tsv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_a_glossary_is_read(file):
    glossary = read_glossary(
        file("\ufeff# names\nユキ\t유키\n\n東京\t도쿄\tko\r\n東京\tTokyo\ten\nユキ\t유키\n")
    )
    assert glossary.terms == (
        YUKI,
        Term("東京", "도쿄", "kor_Hang"),
        Term("東京", "Tokyo", "eng_Latn"),
    )
    assert [term.target for term in glossary.for_target("kor_Hang")] == ["유키", "도쿄"]
    assert [term.target for term in glossary.for_target("eng_Latn")] == ["유키", "Tokyo"]


def test_a_term_for_one_language_replaces_one_for_all():
    glossary = Glossary((Term("ユキ", "Yuki"), Term("ユキ", "유키", "kor_Hang")))
    assert glossary.for_target("kor_Hang")[0].target == "유키"
    assert glossary.for_target("fra_Latn")[0].target == "Yuki"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ユキ 유키\n", "line 1: expected source, tab, target"),
        ("ユキ\t\n", "line 1"),
        ("a\tb\tko\tmore\n", "line 1"),
        ("a\tb\tkorian\n", "did you mean ko (Korean)"),
        ("a\tb\nc\td\na\te\n", "line 3: 'a' is already 'b'"),
    ],
)
def test_an_invalid_line_is_named(file, text, words):
    path = file(text)
    with pytest.raises(UsageError) as caught:
        read_glossary(path)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_unreadable_glossary_is_refused(file, tmp_path):
    with pytest.raises(UsageError, match="No such file"):
        read_glossary(tmp_path / "none.tsv")
    with pytest.raises(UsageError, match="save it as UTF-8"):
        read_glossary(file("ユキ\tYuki\n", "shift-jis"))


def test_names_become_placeholders():
    found = masked("ユキとアンがユキのいえに", [YUKI, AN])
    assert found.text == "ZX1とZX2がZX1のいえに"
    assert found.terms == (YUKI, AN)
    assert inserted(found) == "유키と앤が유키のいえに"


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("アンナがきます", AN),  # Anna is not Ann
        ("Annabel comes", Term("Ann", "앤")),
        ("김민수가 와요", Term("민수", "Minsu")),
        ("ルアンは", AN),
        ("ユキ1", YUKI),
    ],
)
def test_parts_of_longer_names_are_not_replaced(text, term):
    assert masked(text, [term]).terms == ()


def test_particles_do_not_hide_a_korean_name():
    assert masked("민수가 와요", [Term("민수", "Minsu")]).text == "ZX1가 와요"


def test_the_longer_name_is_preferred():
    glossary = Glossary((Term("東京", "도쿄"), Term("東京駅", "도쿄역")))
    found = masked("東京駅と東京", glossary.for_target("kor_Hang"))
    assert restored(found.text, found.terms, "jpn_Jpan")[0] == "도쿄역と도쿄"


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("ZX1는 와요", "유키는 와요"),
        ("ZX1은 와요", "유키는 와요"),
        ("ZX2는 와요", "앤은 와요"),
        ("ZX2가 ZX1을", "앤이 유키를"),
        ("ZX2로 가요", "앤으로 가요"),
        ("ZX1과 zx 2를 봐요.", "유키와 앤을 봐요."),
        ("ZX2예요.", "앤이에요."),
        ("ZX1에게는", "유키에게는"),
        ("ZX1이사 왔어요 ZX2", "유키이사 왔어요 앤"),
    ],
)
def test_korean_particles_fit_the_restored_name(text, whole):
    assert restored(text, [YUKI, AN], "kor_Hang")[0] == whole


def test_particles_after_names_in_other_scripts_are_not_changed():
    assert restored("ZX1는", [Term("x", "NASA")], "kor_Hang") == ("NASA는", ())


def test_lost_and_invented_placeholders_are_handled():
    text, lost = restored("ZX7과 ZX1", [YUKI, AN], "kor_Hang")
    assert (text, lost) == ("ZX7과 유키", (AN,))
    assert missing("유키가", [YUKI, AN]) == (AN,)


def test_a_text_that_has_placeholder_letters_is_not_changed():
    assert masked("ユキの ZX1", [YUKI]).terms == ()


@given(st.text("アンナユキと ZX1가"), st.lists(st.sampled_from([YUKI, AN, Term("アンナ", "안나")])))
def test_masking_and_restoring_keeps_the_other_text(text, terms):
    found = masked(text, terms)
    back = [Term(term.target, term.source) for term in found.terms]
    assert restored(found.text, back, "") == (text, ()) or not found.terms
    assert {term.source for term in found.terms} <= {term.source for term in terms}
