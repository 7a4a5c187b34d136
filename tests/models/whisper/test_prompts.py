"""Text that repeats the prompt is recognized."""

import pytest

from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.prompts import PROMPT_TOKENS, echoes, prompt_tokens, says

OPTIONS = DecodingOptions(
    hotwords="Daejeon District Prosecutors, escrow account",
    initial_prompt="대전지검 안전계좌 이야기",
)


@pytest.mark.parametrize(
    "text",
    [
        "Escrow account, escrow account, escrow account.",
        "Daejeon District Prosecutors",
        "The Daejeon District Prosecutors escrow account.",
        "안전계좌, 안전계좌",
    ],
)
def test_text_that_repeats_the_prompt_is_detected(text):
    # proves: V3
    assert echoes([text], OPTIONS) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "Please open an escrow account for me at the bank tomorrow.",
        "He talked to the district about it.",
        "안전하게 이야기를 나누었습니다",
        "OK",
        "",
    ],
)
def test_speech_with_some_words_of_the_prompt_is_kept(text):
    # proves: V3
    assert echoes([text], OPTIONS) == []
    assert echoes([text], DecodingOptions()) == []


def test_the_same_words_in_other_letters_are_recognized():
    assert says("I have an S-crow a count", "escrow account")
    assert not says("So we went home.", "escrow account")
    assert says("anything", "")


@pytest.mark.parametrize(("hotwords", "prompt"), [(300, 300), (50, 300), (300, 50), (50, 50)])
def test_hotwords_and_prompt_both_get_room(hotwords, prompt):
    # proves: V3
    options = DecodingOptions(hotwords="h " * hotwords, initial_prompt="p " * prompt)
    first, then = prompt_tokens(options, lambda text: list(text.replace(" ", "").encode()))
    assert len(first) + len(then) <= PROMPT_TOKENS
    assert len(then) >= min(prompt, PROMPT_TOKENS // 2)
    assert len(first) >= min(hotwords, PROMPT_TOKENS // 2)
