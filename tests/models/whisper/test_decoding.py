"""Checks, fallback and cutting, against tables and against faster-whisper's own functions."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from faster_whisper.transcribe import WhisperModel, get_compression_ratio
from hypothesis import given
from hypothesis import strategies as st

from reelmill.models.whisper.decoding import (
    DecodingOptions,
    Hypothesis,
    SpecialTokens,
    choose,
    compression_ratio,
    goes_on,
    is_silence,
    needs_fallback,
    split_by_timestamps,
    step_arguments,
)

OPTIONS = DecodingOptions()
EOT, BEGIN = 50257, 50364
SPECIAL = SpecialTokens(EOT, BEGIN)


def hypothesis(logprob=-0.3, no_speech=0.1, ratio=1.2, temperature=0.0):
    return Hypothesis((1, 2), "text", logprob, no_speech, ratio, temperature)


def test_the_compression_ratio_detects_repetition():
    for text in ("", "hello", "안녕하세요 " * 40):
        assert compression_ratio(text) == get_compression_ratio(text)


@pytest.mark.parametrize(
    ("logprob", "no_speech", "ratio", "again", "silent"),
    [
        (-0.3, 0.1, 1.2, False, False),
        (-1.1, 0.1, 1.2, True, False),
        (-0.3, 0.1, 2.5, True, False),
        (-1.1, 0.7, 1.2, False, True),  # nobody speaks: no second try, no text
        (-1.1, 0.7, 2.5, False, True),
        (-0.3, 0.7, 1.2, False, False),  # likely text outweighs the no-speech token
        (-0.3, 0.7, 2.5, True, False),
        (-1.0, 0.6, 2.4, False, False),  # on every threshold
        (-1.0, 0.61, 2.4, False, True),
    ],
)
def test_each_threshold_triggers_the_fallback(logprob, no_speech, ratio, again, silent):
    # proves: V3 S6
    one = hypothesis(logprob, no_speech, ratio)
    assert needs_fallback(one, OPTIONS) is again
    assert is_silence(one, OPTIONS) is silent


def test_thresholds_can_be_switched_off():
    off = replace(
        OPTIONS,
        compression_ratio_threshold=None,
        log_prob_threshold=None,
        no_speech_threshold=None,
    )
    assert not needs_fallback(hypothesis(-9.0, 1.0, 99.0), off)
    assert not is_silence(hypothesis(-9.0, 1.0, 99.0), off)


def test_a_repetition_goes_through_every_fallback_step():
    loops = [hypothesis(ratio=3.0)] * 5
    assert all(goes_on(loops[:tries], OPTIONS) for tries in range(1, 6))
    assert not goes_on([*loops, hypothesis()], OPTIONS)


def test_doubtful_text_goes_through_steps_while_they_find_better_text():
    first, same, better = hypothesis(-1.5), hypothesis(-1.5), hypothesis(-1.2)
    assert goes_on([first], OPTIONS)
    assert not goes_on([first, same], OPTIONS)
    assert goes_on([first, better], OPTIONS)


def test_the_first_passing_or_the_likeliest_hypothesis_is_chosen():
    loop, poor, poorer = hypothesis(-0.1, ratio=5.0), hypothesis(-1.2), hypothesis(-1.5)
    good = hypothesis(-0.9)
    assert choose([loop, poor, good], OPTIONS) is good
    assert choose([loop, poor, poorer], OPTIONS) is poor
    assert choose([loop, hypothesis(-0.2, ratio=4.0)], OPTIONS) is loop


def test_the_first_step_is_plain_beam_search():
    # proves: V3
    assert step_arguments(0.0, True, OPTIONS) == {
        "beam_size": 5,
        "patience": 1.0,
        "repetition_penalty": 1.0,
        "no_repeat_ngram_size": 0,
    }


def test_steps_against_repetition_become_stricter():
    steps = [step_arguments(t, True, OPTIONS) for t in OPTIONS.temperatures[1:]]
    assert [step["no_repeat_ngram_size"] for step in steps] == [8, 7, 5, 4, 3]
    penalties = [step["repetition_penalty"] for step in steps]
    assert penalties == sorted(penalties)
    assert step_arguments(0.6, False, OPTIONS)["no_repeat_ngram_size"] == 0


def stamp(seconds):
    return BEGIN + round(seconds / 0.02)


def theirs(tokens, frames):
    model = SimpleNamespace(time_precision=0.02, input_stride=2)
    segments, seek, _ = WhisperModel._split_segments_by_timestamps(
        model, SimpleNamespace(timestamp_begin=BEGIN), tokens, 0.0, frames, frames / 100, 0
    )
    return [(s["start"], s["end"], tuple(s["tokens"])) for s in segments], seek


def text_or_stamps():
    token = st.one_of(st.integers(0, 400), st.integers(BEGIN, BEGIN + 1500))
    return st.lists(token, max_size=30)


@given(text_or_stamps(), st.integers(1, 3000))
def test_segments_are_cut_as_in_faster_whisper(tokens, frames):
    # proves: V3
    segments, reached = split_by_timestamps(tokens, frames, SPECIAL)
    expected, seek = theirs(list(tokens), frames)
    found = [(s.start, s.end, s.tokens) for s in segments]
    assert found[: len(expected)] == expected
    assert len(found) - len(expected) in (0, 1)
    if reached is not None:
        assert reached == seek <= frames - 100


def test_unfinished_text_is_decoded_again_from_where_it_stopped():
    # proves: S6
    tokens = [stamp(0), 5, stamp(4), stamp(4), 6]
    segments, reached = split_by_timestamps(tokens, 3000, SPECIAL)
    assert [(s.start, s.end) for s in segments] == [(0.0, 4.0)]
    assert reached == 400


def test_unfinished_text_at_the_very_end_is_kept():
    # proves: S6
    tokens = [stamp(0), 5, stamp(4), stamp(4), 6]
    segments, reached = split_by_timestamps(tokens, 450, SPECIAL)
    assert reached is None
    assert [(s.start, s.end, s.tokens) for s in segments][1:] == [(4.0, 4.5, (stamp(4), 6))]


def test_a_text_that_reaches_the_end_finishes_the_window():
    tokens = [stamp(0), 5, stamp(4), stamp(5), 6, stamp(7)]
    segments, reached = split_by_timestamps(tokens, 3000, SPECIAL)
    assert reached is None
    assert [(s.start, s.end) for s in segments] == [(0.0, 4.0), (5.0, 7.0)]
