"""Sentences come out whole, however the recognizer cut the text up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelmill.artifacts import AlignedTranscript, Segment, Sentence, Transcript, Word
from reelmill.core.recording import FileState, Recording
from reelmill.core.text import UNSPACED
from reelmill.engine.stage import Inputs
from reelmill.stages.translation.sentence_ends import usual_pause
from reelmill.stages.translation.sentences import JoinSentences, timed_words
from reelmill.testing import context_of
from synthetic.sentences import sentence as demo_sentence

RECORDING = Recording(Path("a.mp4"), "a", Path(), FileState("0", "0", 0, 0))
SENTENCE_OF_ITS_OWN = re.compile(r"[。！？.!?]$|(ます|ません|です|ですか|요|다)[、,]$")
MARKS = re.compile(r"[。、！？.,!?]")


def segment(text: str, start: float, end: float, words: Sequence[Word] = ()) -> Segment:
    return Segment(start, end, text, -0.3, 0.1, 1.2, 0.0, list(words))


def transcript(segments: Sequence[Segment], language: str = "ja") -> Transcript:
    end = segments[-1].end if segments else 0.0
    return Transcript(language, 1.0, "demo", end + 1, end, list(segments))


def join(segments: Sequence[Segment], language: str = "ja", **settings) -> list[Sentence]:
    stage = JoinSentences(**settings)
    return stage.run(context_of(RECORDING), Inputs([transcript(segments, language)])).sentences


def texts(segments: Sequence[Segment], language: str = "ja", **settings) -> list[str]:
    return [one.text for one in join(segments, language, **settings)]


@dataclass
class Spoken:
    """A known text with times, as words and as the sentences they belong to."""

    words: list[Word]
    sentences: list[str]
    borders: set[int]


def one_sentence(rng: Random, language: str) -> Sequence[str]:
    """Words of a statement of the demo's grammar that is one sentence, not two or three.

    Two sentences with a comma between them are two to anybody who does not see the comma.
    """
    while True:
        said = demo_sentence(rng).words[language]
        if not any(SENTENCE_OF_ITS_OWN.search(word) for word in said[:-1]):
            return said


def spoken(rng: Random, language: str, marked: bool) -> Spoken:
    """Some sentences of the demo's grammar, said with the pauses people make."""
    words: list[Word] = []
    sentences, borders = [], set()
    at = rng.uniform(0, 2)
    for _ in range(rng.randint(2, 8)):
        said = one_sentence(rng, language)
        for word in said:
            length = 0.1 + 0.06 * len(word) * rng.uniform(0.7, 1.4)
            text = word if marked else MARKS.sub("", word)
            words.append(Word(round(at, 3), round(at + length, 3), text, 0.9, "aligned"))
            comma = word[-1] in "、,"
            at += length + (rng.uniform(0.1, 0.25) if comma else rng.uniform(0, 0.1))
        at += rng.uniform(0.35, 1.3)
        glue = "" if language in UNSPACED else " "
        sentences.append(glue.join(word if marked else MARKS.sub("", word) for word in said))
        borders.add(len(words))
    return Spoken(words, sentences, borders)


def fragments(
    rng: Random, said: Spoken, language: str, with_words: bool, at_ends: bool
) -> list[Segment]:
    """The words cut into segments anywhere; `at_ends`: behind each sentence too."""
    made, first = [], 0
    glue = "" if language in UNSPACED else " "
    while first < len(said.words):
        stop = min(len(said.words), first + rng.randint(1, 9))
        if at_ends:
            stop = min([stop, *(border for border in said.borders if border > first)])
        part = said.words[first:stop]
        text = glue.join(word.text for word in part)
        made.append(segment(text, part[0].start, part[-1].end, part if with_words else ()))
        first = stop
    return made


@pytest.mark.parametrize("language", ["ja", "ko", "en"])
@pytest.mark.parametrize(
    ("marked", "with_words", "at_ends"),
    [(True, True, False), (True, False, False), (False, True, False), (False, False, True)],
    ids=["marks", "marks, no word times", "pauses", "pauses between segments only"],
)
def test_random_fragments_are_joined_into_their_sentences(
    language: str, marked: bool, with_words: bool, at_ends: bool
) -> None:
    # proves: S5
    rng = Random(f"{language}{marked}{with_words}")
    tried, right = 84, 0  # twelve times: more than 1,000
    for _ in range(tried):
        said = spoken(rng, language, marked)
        found = texts(fragments(rng, said, language, with_words, at_ends), language)
        right += found == said.sentences
    assert right / tried >= 0.95, f"{right} of {tried}"


@pytest.mark.parametrize(
    ("language", "said", "expected"),
    [
        ("en", ["I met Mr. Kim at 3.5 p.m. today. It", "was fine."], 2),
        ("en", ["The U.S. team paid 3.", "5 million dollars."], 1),
        ("en", ["Really?! Yes... I think", "so."], 2),
        ("ja", ["「いいですか？」と", "いいました。はい。"], 2),
        ("ja", ["これは（ほんとう。）", "つぎです。"], 2),
        ("ko", ["정말이에요? 네, 3.", "5퍼센트예요."], 2),
        ("ko", ['"갈까요?"라고', "물었어요."], 1),
    ],
)
def test_marks_inside_a_sentence_do_not_end_it(
    language: str, said: list[str], expected: int
) -> None:
    segments = [segment(text, i, i + 0.99) for i, text in enumerate(said)]
    found = texts(segments, language)
    assert len(found) == expected, found


def test_a_change_of_speaker_and_a_long_pause_end_a_sentence() -> None:
    segments = [segment("and then we", 0, 1), segment("go", 1, 2), segment("home", 8, 9)]
    segments[0].speaker, segments[1].speaker = "A", "B"
    assert texts(segments, "en") == ["and then we", "go", "home"]
    assert [one.speaker for one in join(segments, "en")] == ["A", "B", None]


def test_very_long_speech_is_cut_at_the_most_likely_places() -> None:
    rng = Random(1)
    words, at = [], 0.0
    for number in range(200):
        words.append(Word(at, at + 0.2, f"word{number}", 0.9, "aligned"))
        at += 0.2 + (0.15 if number % 10 == 9 else rng.uniform(0, 0.02))
    text = " ".join(word.text for word in words)
    found = join([segment(text, 0, at, words)], "en")
    assert len(found) > 2
    assert all(one.end - one.start <= 20 for one in found)
    assert all(int(one.words[-1].text[4:]) % 10 == 9 for one in found)
    assert " ".join(one.text for one in found) == text


def test_a_mark_inside_a_word_of_the_recognizer_is_found() -> None:
    word = Word(0.0, 2.0, "はい。いいえ", 0.9, "whisper")
    found = join([segment("はい。いいえ", 0, 2, [word])])
    assert [one.text for one in found] == ["はい。", "いいえ"]
    assert [one.words[0].timing for one in found] == ["interpolated", "interpolated"]
    assert found[0].end == found[1].start == pytest.approx(1.0, abs=0.01)


def test_words_that_differ_from_the_text_are_not_used() -> None:
    other = [Word(0.0, 0.5, "あした", 0.9, "aligned")]
    words = timed_words(segment("きのうでした。", 1.0, 2.0, other), "ja")
    assert "".join(word.text for word in words) == "きのうでした。"
    assert {word.timing for word in words} == {"interpolated"}
    assert words[0].start == 1.0 and words[-1].end == 2.0


def test_marks_dropped_by_the_aligner_are_restored() -> None:
    said = [Word(0.0, 0.4, "Well", 0.9, "aligned"), Word(0.5, 0.9, "YES", 0.8, "aligned")]
    words = timed_words(segment(' "Well, yes!"', 0, 1, said), "en")
    assert [word.text for word in words] == ['"Well,', 'yes!"']
    assert [word.timing for word in words] == ["aligned", "aligned"]


def test_silence_has_no_sentences() -> None:
    # proves: S6
    assert join([]) == []
    assert join([segment("   ", 0, 1)]) == []


def test_the_aligned_transcript_is_used_if_there_is_one() -> None:
    plain = transcript([segment("はい。", 0, 1)])
    aligned = AlignedTranscript(**vars(plain), aligner="demo", notes=[])
    found = JoinSentences().run(context_of(RECORDING), Inputs([aligned]))
    assert [one.text for one in found.sentences] == ["はい。"]
    assert JoinSentences.needs == (Transcript,)


def test_the_usual_pause_is_learned_from_the_recording() -> None:
    slow = [0.3] * 40 + [0.9] * 10
    fast = [0.05] * 40 + [0.3] * 10
    assert 0.3 < usual_pause(slow) < 0.9
    assert 0.2 <= usual_pause(fast) <= 0.3
    assert usual_pause([1.0]) == usual_pause([]) == 0.35


@given(
    st.lists(st.text(max_size=40), max_size=8),
    st.sampled_from(["ja", "ko", "en", "th", "zh"]),
    st.randoms(use_true_random=False),
)
def test_no_text_is_lost_and_times_stay_in_order(
    said: list[str], language: str, rng: Random
) -> None:
    # proves: S6
    at, segments = 0.0, []
    for text in said:
        length = rng.uniform(0, 5)
        segments.append(segment(text, at, at + length))
        at += length + rng.uniform(0, 4)
    found = join(segments, language)
    assert squeezed("".join(said)) == squeezed("".join(one.text for one in found))
    for one in found:
        assert one.words and one.start == one.words[0].start <= one.end
        assert squeezed(one.text) == squeezed("".join(word.text for word in one.words))
    starts = [one.start for one in found]
    assert starts == sorted(starts)


def squeezed(text: str) -> str:
    return "".join(text.split())


def test_sentences_of_two_channels_do_not_mix() -> None:
    # proves: V10 S1
    said = [
        ("left", "I have been", 0.0, 1.0),
        ("right", "Yes, go", 0.8, 1.4),
        ("left", "waiting for you.", 1.1, 2.0),
        ("right", "on.", 1.5, 1.8),
    ]
    segments = [
        replace(segment(text, start, end), channel=channel, speaker=channel)
        for channel, text, start, end in said
    ]
    found = join(segments, "en")
    assert [(one.text, one.speaker) for one in found] == [
        ("I have been waiting for you.", "left"),
        ("Yes, go on.", "right"),
    ]


def test_sentences_of_two_languages_do_not_mix() -> None:
    # proves: S1 G8
    french = replace(segment("on y va", 2.0, 3.0), language="fr")
    found = join([segment("so here we are and", 0.0, 2.0), french], "en")
    assert [(one.text, one.language) for one in found] == [
        ("so here we are and", None),
        ("on y va", "fr"),
    ]
