"""The stage finds patterns at their times, by their speakers, and says what it did not search."""

from pathlib import Path

import pytest

from reelmill.artifacts import PatternMatches, Segment, SpokenTranscript, Word
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.stages.forensic import patterns
from reelmill.stages.forensic.matching import languages
from reelmill.stages.forensic.matching.files import read_patterns
from reelmill.stages.forensic.patterns import FindPatterns
from reelmill.testing import check_stage

OWN = """
language = "fr"
category = "menace"
[[pattern]]
id = "tuer"
why = "annonce de tuer"
forms = ["je vais te tuer"]
"""


def segment(start: float, text: str, speaker: str | None = "A", *, words: bool = True,
            language: str | None = None, channel: str | None = None) -> Segment:  # fmt: skip
    """A segment in which each word lasts 0.4 s of every half second."""
    said = [
        Word(start + at / 2, start + at / 2 + 0.4, word, 0.9 - at / 100, "aligned", speaker)
        for at, word in enumerate(text.split())
    ]
    end = start + len(said) / 2
    return Segment(
        start, end, text, -0.2, 0, 1, 0, said if words else [], speaker, language, channel
    )


def found_in(tmp_path: Path, *segments: Segment, stage: FindPatterns | None = None,
             language: str = "en") -> PatternMatches:  # fmt: skip
    transcript = SpokenTranscript(language, 1.0, "demo", 99.0, 50.0, list(segments))
    recording = Recording(
        tmp_path / "a.wav", "a", tmp_path / "a", FileState("0" * 64, "0" * 32, 1, 1)
    )
    artifact = check_stage(stage or FindPatterns(shipped="abc"), recording, Inputs([transcript]))
    assert isinstance(artifact, PatternMatches)
    return artifact


def test_a_match_has_quote_speaker_times_and_lowest_probability(tmp_path):
    # proves: V8
    found = found_in(tmp_path, segment(10.0, "Listen. If you talk I will kill you. Bye."))
    (match,) = found.matches
    assert (match.category, match.pattern) == ("threat", "en/threat/harm")
    assert (match.words, match.quote) == ("I will kill you", "If you talk I will kill you.")
    assert (match.start, round(match.end, 3)) == (12.0, 13.9)
    assert (match.speaker, match.language, match.marks) == ("A", "en", ["conditional"])
    assert match.probability == pytest.approx(0.9 - 7 / 100)
    (finding,) = found.findings
    assert finding == match.finding()
    assert match.slots == ["i: I", "will: will", "hurt: kill", "you: you"]
    assert finding.text is not None and finding.text.endswith(
        "; i: I, will: will, hurt: kill, you: you]"
    )
    assert "threat" in found.summary().notes[0]


def test_a_match_may_span_segments_of_one_speaker_that_another_interrupts(tmp_path):
    said = [segment(1.0, "I am going to"), segment(3.0, "what?", "B"), segment(3.6, "hurt you.")]
    (match,) = found_in(tmp_path, *said).matches
    assert (match.speaker, match.start, round(match.end, 1)) == ("A", 1.0, 4.5)
    assert match.quote == "I am going to hurt you."


@pytest.mark.parametrize(
    "said",
    [
        (segment(1.0, "I am going to"), segment(2.9, "hurt you.", "B")),
        (segment(1.0, "I am going to"), segment(30.0, "hurt you.")),
        (segment(1.0, "I am going to"), segment(2.9, "hurt you.", channel="left")),
        (segment(1.0, "I am going to."), segment(2.9, "Hurt you.")),
    ],
    ids=["another speaker", "much later", "another channel", "another sentence"],
)
def test_a_match_spans_nothing_else(tmp_path, said):
    assert found_in(tmp_path, *said).matches == []


def test_what_is_negated_or_quoted_is_kept_and_is_no_finding(tmp_path):
    found = found_in(tmp_path, segment(0, "I won't hurt you. He said I will kill you."))
    assert [match.marks for match in found.matches] == [["negated"], ["quoted"]]
    assert found.findings == []


def test_words_without_times_get_their_share_of_the_segment(tmp_path):
    (match,) = found_in(tmp_path, segment(10, "so I will kill you", words=False)).matches
    assert match.probability is None
    assert 10.2 < match.start < 10.7
    assert match.end == pytest.approx(12.5)


def test_each_segment_is_searched_in_its_own_language(tmp_path):
    pytest.importorskip("kiwipiepy")
    said = [segment(0, "I will kill you."), segment(9, "너 죽여 버릴 거야.", language="ko")]
    found = found_in(tmp_path, *said)
    assert [match.language for match in found.matches] == ["en", "ko"]
    assert (found.matches[1].start, found.matches[1].words) == (9.5, "죽여 버릴 거야")
    assert "kiwipiepy" in found.made_with


def test_japanese_words_have_the_times_of_their_phrases(tmp_path):
    pytest.importorskip("sudachipy")
    said = segment(0, "金を 払わないと 殺すぞ。", language="ja")
    (match,) = found_in(tmp_path, said).of("threat")
    assert (match.start, match.end, match.marks) == (1.0, 1.4, ["conditional"])


def test_what_a_recognizer_wrote_before_a_pause_begins_after_it(tmp_path):
    pytest.importorskip("sudachipy")
    said = [Word(1.0, 2.4, "盗んでないよだまって", 0.9, "whisper", "A")]
    after = [Word(3.1, 3.9, "いうことを聞け", 0.9, "whisper", "A")]
    segments = [
        Segment(words[0].start, words[0].end, words[0].text, -0.2, 0, 1, 0, words, "A")
        for words in (said, after)
    ]
    (one,) = [
        match
        for match in found_in(tmp_path, *segments, language="ja").matches
        if match.category == "coercion"
    ]
    assert (one.words, one.start) == ("だまっていうこと", 3.1)
    assert one.end == pytest.approx(3.1 + 0.8 * 4 / 7)


def test_japanese_words_within_a_longer_phrase_have_their_share_of_its_time(tmp_path):
    # proves: V8
    """Aligners time phrases, which may hold words that are no part of the match."""
    pytest.importorskip("sudachipy")
    said = [Word(1.0, 1.5, "いしゃに", 0.9, "aligned", "A")]
    said += [Word(1.5, 2.5, "ついてのさいごのけい", 0.8, "aligned", "A")]
    said += [Word(2.5, 3.1, "こくです。", 0.9, "aligned", "A")]
    text = "".join(word.text for word in said)
    whole = Segment(1.0, 3.1, text, -0.2, 0, 1, 0, said, "A")
    (match,) = found_in(tmp_path, whole, language="ja").matches
    assert match.words.startswith("さいごのけいこく")
    assert match.start == pytest.approx(1.9)
    assert 2.5 + 0.6 * 2 / 4 <= match.end <= 3.1


def test_without_its_analyser_a_language_is_left_out_and_that_is_told(tmp_path, monkeypatch):
    # proves: V8 G19 G21
    monkeypatch.setattr(languages, "find_spec", lambda name: None)
    said = [segment(0, "I will kill you."), segment(9, "너 죽여 버릴 거야.", language="ko")]
    found = found_in(tmp_path, *said)
    assert [match.language for match in found.matches] == ["en"]
    (warning,) = [one for one in found.findings if one.severity == "warning"]
    assert warning.label == "not searched"
    assert "Korean was not searched for patterns" in warning.text
    assert 'pip install "reelmill[forensic]"' in warning.text


def test_a_language_without_patterns_is_told_and_a_users_file_adds_it(tmp_path):
    said = segment(0, "Je vais te tuer !", language="fr")
    (warning,) = found_in(tmp_path, said).findings
    assert warning.text == "French was not searched for patterns: no pattern file is in French"
    path = tmp_path / "mine.toml"
    path.write_text(OWN, encoding="utf-8")
    stage = FindPatterns(added=(read_patterns(path),), shipped="abc")
    found = found_in(tmp_path, said, stage=stage)
    assert [match.pattern for match in found.matches] == ["mine/menace/tuer"]
    assert "mine.toml" in found.made_with


def test_only_the_languages_asked_for_are_searched(tmp_path):
    stage = FindPatterns(languages=("ko",), shipped="abc")
    assert found_in(tmp_path, segment(0, "I will kill you."), stage=stage).findings == []


def test_a_long_sentence_is_quoted_around_its_match(tmp_path):
    said = segment(0, "and so on " * 60 + "I will kill you " + "and so on " * 60)
    (match,) = found_in(tmp_path, said).matches
    assert "I will kill you" in match.quote
    assert match.quote.startswith("… ") and match.quote.endswith(" …")
    assert len(match.quote) < 2 * patterns._LONGEST_QUOTE


def test_nothing_said_gives_nothing(tmp_path):
    assert found_in(tmp_path).matches == []
    assert found_in(tmp_path, segment(0, "", words=False)).findings == []
