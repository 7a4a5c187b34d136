"""Subtitles that can be read: every rule kept or reported, no text lost, never two at a time."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.artifacts import (
    Sentence,
    Sentences,
    SubtitleTrack,
    TranslatedSentence,
    Translations,
    Word,
)
from reelmill.core.recording import FileState, Recording
from reelmill.core.text import phrases
from reelmill.engine.stage import Inputs
from reelmill.errors import InputError
from reelmill.stages.subtitles.layout import LayOut
from reelmill.testing import context_of

RECORDING = Recording(Path("a.mp4"), "a", Path(), FileState("0", "0", 0, 0))
#: The limits for the layout, stated independently on purpose.
LINE = {"ko": 18, "ja": 16, "en": 42}
SPEED = {"ko": 12, "ja": 7, "en": 17}


def sentence(text: str, start: float, end: float, count: int = 0, speaker: str | None = None):
    """A sentence whose words are evenly spaced."""
    parts = text.split() if count == 0 else [text[i::count] for i in range(count)]
    step = (end - start) / max(1, len(parts))
    words = [
        Word(start + i * step, start + (i + 1) * step, part, 0.9, "aligned", speaker)
        for i, part in enumerate(parts)
    ]
    return Sentence(start, end, text, words, speaker)


def lay_out(
    sentences: list[Sentence], texts: list[str], language: str = "ko", duration=0.0, **options
) -> SubtitleTrack:
    translated = [TranslatedSentence(text, "translated") for text in texts]
    inputs = Inputs(
        [
            Sentences("ja", duration, sentences),
            Translations("ja", "demo", {language: translated}),
        ]
    )
    return LayOut(**options).run(context_of(RECORDING), inputs).tracks[0]


def wide(text: str) -> float:
    """Width in characters of a full-width script."""
    return sum(1 if unicodedata.east_asian_width(c) in "WF" else 0.5 for c in text)


def squeezed(text: str) -> str:
    """Without space, and without control characters, which no player shows."""
    return "".join(c for c in text if not c.isspace() and unicodedata.category(c) != "Cc")


def test_a_short_sentence_is_one_line_with_its_words() -> None:
    said = sentence("あした ぎんこうで あいましょう。", 1.0, 3.0)
    track = lay_out([said], ["내일 은행에서 만나요."])
    cue = track.cues[0]
    assert cue.lines == ["내일 은행에서 만나요."]
    assert (cue.start, cue.end) == (1.0, 3.0)
    assert [(s.sentence, s.first, s.stop) for s in cue.sources] == [(0, 0, 3)]
    assert track.broken == []


def test_a_long_sentence_is_cut_at_ends_of_phrases_at_the_times_of_its_words() -> None:
    # proves: S5
    text = "저는 오늘 은행에서 변호사를 만나서, 계약서와 서류를 모두 건네주고 돈을 받았어요."
    said = sentence("a b c d e f g h", 10.0, 18.0)
    track = lay_out([said], [text])
    assert " ".join(line for cue in track.cues for line in cue.lines) == text
    assert len(track.cues) == 2
    assert track.cues[0].lines[-1].endswith("만나서,")
    starts = [word.start for word in said.words]
    assert all(any(abs(cue.start - start) < 0.002 for start in starts) for cue in track.cues)
    assert track.cues[0].sources[0].stop == track.cues[1].sources[0].first
    assert track.cues[-1].sources[0].stop == len(said.words)
    assert track.broken == []


def test_lines_are_even_and_break_before_what_belongs_together() -> None:
    said = sentence("a b c d e f", 0.0, 5.0)
    text = "I gave the letter to the doctor because he asked me for the address."
    cue = lay_out([said], [text], "en").cues[0]
    assert cue.lines == ["I gave the letter to the doctor", "because he asked me for the address."]


def test_japanese_breaks_between_phrases() -> None:
    text = "会議は三時に始まりますので、遅れないで来てください。"
    cue = lay_out([sentence("a b c", 0.0, 6.0)], [text], "ja").cues[0]
    assert cue.lines == ["会議は三時に始まりますので、", "遅れないで来てください。"]


def test_a_cue_that_is_too_short_stays_until_the_next() -> None:
    said = [sentence("a", 1.0, 1.2), sentence("b", 5.0, 5.1)]
    track = lay_out(said, ["네.", "아니요, 저는 그렇게 생각하지 않아요."], duration=9.0)
    assert track.cues[0].end == pytest.approx(1.833, abs=0.002)
    assert track.cues[1].end - track.cues[1].start >= 19 / 12 - 0.3
    assert track.broken == []


def test_cues_with_too_little_time_share_one() -> None:
    said = [sentence("a", 1.0, 1.3), sentence("b", 1.4, 3.0)]
    track = lay_out(said, ["네.", "맞아요."])
    assert [cue.lines for cue in track.cues] == [["네.", "맞아요."]]
    assert [one.sentence for one in track.cues[0].sources] == [0, 1]
    said[0].speaker, said[1].speaker = "A", "B"
    track = lay_out(said, ["네.", "맞아요."])
    assert len(track.cues) == 2
    assert (0, "shortest") in {(one.cue, one.rule) for one in track.broken}


def test_too_fast_to_read_is_reported() -> None:
    # proves: S5
    said = [sentence("a", 0.0, 1.0), sentence("b", 1.1, 2.0)]
    track = lay_out(
        said, ["이 문장은 일 초 안에 읽기에는 너무 길어요.", "네, 정말로 그래요."], duration=9
    )
    fast = [one for one in track.broken if one.rule == "reading speed"]
    assert [one.cue for one in fast] == [0]
    assert fast[0].value > fast[0].limit == 12


def test_a_word_wider_than_a_line_is_broken_and_reported() -> None:
    text = "가" * 50
    track = lay_out([sentence("a b c d", 0.0, 9.0)], [text])
    assert squeezed("".join(line for cue in track.cues for line in cue.lines)) == text
    assert all(wide(line) <= 18 for cue in track.cues for line in cue.lines)
    assert "inside a word" in {one.rule for one in track.broken}


def test_two_who_speak_at_once_take_turns_on_screen() -> None:
    said = [sentence("a b", 0.0, 4.0, speaker="A"), sentence("c d", 0.0, 4.0, speaker="B")]
    track = lay_out(said, ["첫 번째 사람이 말해요.", "두 번째 사람이 말해요."])
    first, second = track.cues
    assert first.end < second.start
    assert {"late", "reading speed"} <= {one.rule for one in track.broken}


def test_bilingual_cues_have_both_texts_whole() -> None:
    # proves: S5
    original = "わたしは きょう ぎんこうで べんごしに あって、けいやくしょを ぜんぶ わたしました。"
    text = "저는 오늘 은행에서 변호사를 만나서, 계약서와 서류를 모두 건네줬어요."
    said = sentence(original, 0.0, 8.0)
    track = lay_out([said], [text], bilingual=True)
    assert squeezed("".join(x for cue in track.cues for x in cue.original)) == squeezed(original)
    assert squeezed("".join(x for cue in track.cues for x in cue.lines)) == squeezed(text)
    assert all(cue.original and len(cue.original) <= 2 for cue in track.cues)
    assert track.broken == []


def test_settings_replace_the_rules_of_the_language() -> None:
    text = "저는 오늘 은행에서 변호사를 만났어요."
    said = [sentence("a b c d", 0.0, 8.0)]
    track = lay_out(said, [text], characters_per_line=10, lines=1, characters_per_second=30.0)
    assert all(len(cue.lines) == 1 and wide(cue.lines[0]) <= 10 for cue in track.cues)
    track = lay_out(said, [text], longest=3.0)
    assert all(cue.end - cue.start <= 3.001 for cue in track.cues)


def test_a_kept_original_is_broken_by_the_rules_of_its_own_script() -> None:
    text = "わたしはげつようびにアンナにあわなければなりませんので、ぎんこうにはいけません。"
    track = lay_out([sentence("a b c d", 0.0, 9.0)], [text], "ko")
    lines = [line for cue in track.cues for line in cue.lines]
    assert "".join(lines) == text and len(lines) > 2
    borders = {len("".join(phrases(text)[:i])) for i in range(len(text))}
    assert all(len("".join(lines[:i])) in borders for i in range(len(lines)))


def test_no_speech_gives_no_subtitles() -> None:
    # proves: S6
    assert lay_out([], []).cues == []


def test_translations_that_do_not_fit_the_sentences_are_an_error() -> None:
    with pytest.raises(InputError, match="2 translations for 1 sentences"):
        lay_out([sentence("a", 0, 1)], ["a", "b"])


_TEXTS = st.one_of(
    st.text(max_size=90),
    st.text("가나다라마 바사.,", max_size=120),
    st.text("あいうえおかきく。、 漢字はを", max_size=120),
    st.text("abc defgh. ,ij", max_size=200),
    st.sampled_from(["네.", "가" * 300, "a" * 500, "「", "はい。" * 40]),
)


@st.composite
def spoken(draw: st.DrawFn) -> tuple[list[Sentence], list[str], float]:
    """Sentences as any recognizer may time them: overlapping, empty, out of order inside."""
    count = draw(st.integers(0, 6))
    rng = Random(draw(st.integers(0, 1 << 20)))
    sentences, texts, at = [], [], 0.0
    for _ in range(count):
        start = max(0.0, at + rng.choice([0, 0, 0.02, 0.5, 2.0, -0.5]))
        end = start + rng.choice([0.0, 0.1, 1.0, 4.0, 12.0, 30.0])
        words = rng.choice([0, 1, 2, 9])
        said = sentence("ことば" * 9, start, end, count=words or 1)
        if not words:
            said.words = []
        sentences.append(said)
        texts.append(draw(_TEXTS))
        at = end
    return sentences, texts, rng.choice([0.0, at, at + 5])


@settings(max_examples=150, deadline=None)
@given(spoken(), st.sampled_from(["ko", "ja", "en"]), st.booleans())
def test_any_layout_loses_nothing_and_reports_what_it_breaks(said, language, bilingual) -> None:
    # proves: S5 S6
    sentences, texts, duration = said
    track = lay_out(sentences, texts, language, duration, bilingual=bilingual)
    shown = sorted(
        (part.sentence, number) for number, cue in enumerate(track.cues) for part in cue.sources
    )
    # Nothing is lost, per sentence or over all where sentences share a cue.
    assert sorted(squeezed("".join(texts))) == sorted(
        squeezed("".join(line for cue in track.cues for line in cue.lines))
    )
    for index, text in enumerate(texts):
        cues = [number for sentence_, number in shown if sentence_ == index]
        own = [track.cues[n] for n in cues if len(track.cues[n].sources) == 1]
        assert squeezed("".join(x for cue in own for x in cue.lines)) in squeezed(text)
        assert bool(cues) == bool(squeezed(text))
    check_rules(track, language, duration)


def check_rules(track: SubtitleTrack, language: str, duration: float) -> None:
    """Check every rule again, by other means than the layout's."""
    reported = {(one.cue, one.rule) for one in track.broken}
    width = len if language == "en" else wide
    before = None
    for number, cue in enumerate(track.cues):
        seconds = cue.end - cue.start
        assert cue.lines and all(line.strip() for line in cue.lines)
        assert seconds > 0
        if before is not None:
            assert cue.start >= before.end, "two at a time"
            if cue.start - before.end < 1 / 12 - 0.002:
                assert (number, "gap") in reported
        for line in cue.lines:
            if width(unicodedata.normalize("NFC", line)) > LINE[language]:
                assert (number, "characters per line") in reported or has_marks(line)
        if len(cue.lines) > 2 or len(cue.original) > 2:
            assert (number, "lines") in reported
        if seconds < 5 / 6 - 0.003:
            assert (number, "shortest") in reported
        if seconds > 7.003:
            assert (number, "longest") in reported
        if duration and cue.end > duration + 0.003:
            assert (number, "past the end") in reported
        read = sum(width(line) for line in cue.lines if not has_marks(line))
        if read / seconds > SPEED[language] * 1.01:
            assert (number, "reading speed") in reported
        before = cue


def has_marks(text: str) -> bool:
    """Characters that take no room of their own, which the layout does not count."""
    return any(unicodedata.category(c) in ("Mn", "Me", "Cf") for c in text)
