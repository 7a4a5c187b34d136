"""Which words of a segment another text changes."""

from __future__ import annotations

import pytest

from reelmill.artifacts.edited_words import differing

ENGLISH = ["Emma", "called", "me", "four", "times", "this", "week."]
JAPANESE = ["今日", "は", "雨", "です"]


@pytest.mark.parametrize(
    ("words", "now", "found"),
    [
        (ENGLISH, "Emma called me forty times this week.", (3, 4, "forty")),
        (ENGLISH, "Emma called me four more times this week.", (3, 4, "four more")),
        (ENGLISH, "Hello Emma called me four times this week.", (0, 1, "Hello Emma")),
        (ENGLISH, "Emma called me this week.", (3, 5, "")),
        (ENGLISH, "Emma called me four times this week. Really", (6, 7, "week. Really")),
        (ENGLISH, "", (0, 7, "")),
        ([], "New words", (0, 0, "New words")),
        (JAPANESE, "今日は晴れです", (2, 3, "晴れ")),
        (JAPANESE, "今日は雨でした", (3, 4, "でした")),
        (JAPANESE, "今日はとても雨です", (1, 2, "はとても")),
        (JAPANESE, "ええ今日は雨です", (0, 1, "ええ今日")),
    ],
)
def test_differing__the_fewest_words_and_at_least_one(
    words: list[str], now: str, found: tuple[int, int, str]
) -> None:
    has_spaces = words is not JAPANESE
    assert differing(words, now, has_spaces) == found
    first, stop, new = found
    whole = [*words[:first], *([new] if new else []), *words[stop:]]
    assert (" " if has_spaces else "").join(whole) == now
