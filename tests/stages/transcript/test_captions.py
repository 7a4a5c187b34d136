"""Captions of a transcript fit on the screen and are cut where phrases end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.artifacts import Segment, Transcript, Word
from reelmill.core.text import columns, phrases
from reelmill.export.transcript.cues import speaker_prefix
from reelmill.stages.subtitles.rules import rules_for
from reelmill.stages.transcript.captions import Lingering, captions
from reelmill.stages.words.words import split_words

ENGLISH = (
    "I looked at the account this morning, and there was nothing left in it, so I called the "
    "bank, but nobody there wanted to say where it had gone."
)
JAPANESE = (
    "今日はとても天気がいいので、友達と一緒に公園へ散歩に行って、それから新しい喫茶店で"
    "コーヒーを飲みながらゆっくり話をしました。"
)


def segment(text: str, language: str, per_word: float = 0.3, start: float = 10.0, speaker=None):
    words, at = [], start
    for word in split_words(text, language):
        words.append(Word(round(at, 3), round(at + per_word, 3), word, 0.9, "aligned"))
        at += per_word
    return Segment(start, round(at, 3), text, -0.2, 0.0, 1.0, 0.0, words, speaker)


def transcript(language: str, *segments: Segment) -> Transcript:
    return Transcript(language, 0.9, "demo", 600.0, 500.0, list(segments))


def made(language: str, *segments: Segment, **rules):
    return captions(transcript(language, *segments), rules_for(language, **rules))


def same(text: str) -> str:
    return "".join(text.split())


def test_captions_have_two_lines_of_42_cut_at_ends_of_phrases() -> None:
    # proves: V7
    found = made("en", segment(ENGLISH, "en"))
    lines = [line for one in found for line in one.text.split("\n")]
    assert max(map(len, lines)) <= 42 and len(found) == 2
    assert all(one.text.count("\n") <= 1 for one in found)
    assert " ".join(lines) == ENGLISH
    assert found[0].text.endswith(",")
    assert found[0].end == found[0].words[-1].end <= found[1].start == found[1].words[0].start


def test_japanese_is_never_cut_inside_a_phrase() -> None:
    # proves: V7
    found = made("ja", segment(JAPANESE, "ja"))
    lines = [line for one in found for line in one.text.split("\n")]
    assert len(found) > 1 and max(map(columns, lines)) <= 32
    assert "".join(lines) == JAPANESE
    ends, at = set(), 0
    for phrase in phrases(JAPANESE):
        at += len(phrase)
        ends.add(at)
    at = 0
    for line in lines:
        at += len(line)
        assert at in ends


def test_slow_speech_is_cut_by_duration() -> None:
    # proves: V7
    found = made("en", segment("well let me think about it then", "en", per_word=2.5))
    assert len(found) > 1
    assert all(one.end - one.start <= 7.0 for one in found)
    assert " ".join(one.text for one in found) == "well let me think about it then"
    (word,) = made("en", segment("Nooo!", "en", per_word=20.0))
    assert (word.start, word.end, word.text) == (10.0, 17.0, "Nooo!")


def test_settings_replace_the_rules() -> None:
    # proves: V7
    found = made("en", segment(ENGLISH, "en"), characters_per_line=20, lines=1, longest=2.0)
    assert all("\n" not in one.text and len(one.text) <= 20 for one in found)
    assert all(one.end - one.start <= 2.001 for one in found)


def test_the_name_of_the_speaker_fits_into_the_line() -> None:
    # proves: V7 V5
    found = made("en", segment(ENGLISH, "en", speaker="Kim Min-su"))
    for one in found:
        shown = (speaker_prefix(one.speaker) + one.text).split("\n")
        assert max(map(len, shown)) <= 42 and len(shown) <= 2


def test_text_without_word_times_shares_the_time_of_its_segment() -> None:
    # proves: V7
    plain = Segment(10.0, 20.0, ENGLISH, -0.2, 0.0, 1.0, 0.0)
    found = made("en", plain)
    assert (found[0].start, found[-1].end) == (10.0, pytest.approx(20.0))
    assert all(one.start < one.end <= one.start + 7 for one in found)
    assert all(one.end <= following.start + 1e-9 for one, following in pairwise(found))


def test_a_short_segment_is_kept_and_empty_ones_are_left_out() -> None:
    # proves: V7
    short = segment("Yes, please.", "en")
    assert made("en", short, segment("  ", "en")) == [short]


@given(st.text(alphabet="ab 、。あ漢ก\n", max_size=150), st.floats(0.0, 5.0))
def test_no_text_is_lost_and_no_caption_is_too_wide_or_long(text: str, per_word: float) -> None:
    # proves: V7
    found = made("ja", segment(text, "ja", per_word))
    assert same("".join(one.text for one in found)) == same(text)
    for one in found:
        lines = one.text.split("\n")
        assert len(lines) <= 2 and max(map(columns, lines)) <= 32
        assert one.start <= one.end <= one.start + 7.0 + 1e-6


def shown(lingering: Lingering, *segments: Segment) -> list[tuple[float, float]]:
    rules = rules_for("en", longest=7.0)
    found = captions(transcript("en", *segments), rules, lingering)
    return [(round(one.start, 3), round(one.end, 3)) for one in found]


def test_captions_stay_long_enough_to_read_on_request() -> None:
    # proves: V7
    short, later = segment("Yes.", "en"), segment("No.", "en", start=14.0)
    assert shown(Lingering(), short, later) == [(10.0, 10.3), (14.0, 14.3)]
    assert shown(Lingering(shortest=1.0), short, later) == [(10.0, 11.0), (14.0, 15.0)]
    assert shown(Lingering(characters_per_second=2.0), short) == [(10.0, 12.0)]  # 4 characters
    assert shown(Lingering(shortest=9.0), short) == [(10.0, 17.0)]  # not longer than the longest


def test_captions_leave_a_gap_before_the_next() -> None:
    # proves: V7
    first, second = segment("Yes, I am.", "en"), segment("No.", "en", start=10.9)
    assert shown(Lingering(gap=0.1), first, second)[0] == (10.0, 10.8)
    assert shown(Lingering(shortest=3.0, gap=0.1), first, second)[0] == (10.0, 10.8)
    close = segment("No.", "en", start=10.05)  # of another channel
    assert shown(Lingering(gap=0.1), first, close)[0] == (10.0, 10.2)
