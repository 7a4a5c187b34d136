from __future__ import annotations

import pytest

from reelmill.search.tokens import expression, line_text, position, terms, tokens


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Don't panic, 24 HOURS!", ["don", "t", "panic", "24", "hours"]),
        ("Café ﬁnal", ["cafe", "final"]),
        ("돈을 보내", ["돈", "을", "보", "내"]),
        ("東京タワー7時", ["東", "京", "タ", "ワ", "ー", "7", "時"]),
        ("Их ждут, ёлка", ["их", "ждут", "елка"]),
        ("...", []),
    ],
)
def test_tokens__text__gives_words_and_single_characters(text: str, found: list[str]) -> None:
    assert tokens(text) == found


def test_terms__a_phrase_a_word_and_a_prefix__are_distinguished() -> None:
    asked = terms('"the money" bank trans* 돈을')
    assert asked == [
        (["the", "money"], False),
        (["bank"], False),
        (["trans"], True),
        (["돈", "을"], False),
    ]
    assert expression(asked) == '"the money" AND "bank" AND "trans" * AND "돈 을"'


@pytest.mark.parametrize("hostile", ['" OR 1', "a NEAR b", "col:x", "NOT (x", '"" ""', "*"])
def test_expression__operators_in_a_query__are_words(hostile: str) -> None:
    for wanted, _ in terms(hostile):
        assert all(token.isalnum() for token in wanted)


def test_position__a_phrase_over_two_words__is_where_it_begins() -> None:
    assert position(["Send", "the", "money", "now"], (["the", "money"], False)) == 1
    assert position(["지금", "돈을", "보내세요"], (["을", "보"], False)) == 1
    assert position(["transferred"], (["trans"], True)) == 0
    assert position(["money"], (["moneys"], False)) is None


@pytest.mark.parametrize(
    ("text", "searched"),
    [
        ("Wire the Money, now!", " wire the money now"),
        ("계좌로 보내요", "계좌로보내요"),
        ("Café №5", " cafe no5"),
        ("...", ""),
    ],
)
def test_line_text__text__has_a_space_before_words_only(text: str, searched: str) -> None:
    assert line_text(text) == searched
