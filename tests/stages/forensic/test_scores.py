"""Scores open into their findings, count less where those are doubtful, and need speech."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from reelmill.artifacts import (
    Acoustics,
    Diarization,
    Episode,
    PatternMatch,
    PatternMatches,
    Scores,
    SpeakerAcoustics,
    SpeakerScores,
    SpeakerTotals,
    SpokenTranscript,
    Utterance,
)
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Inputs
from reelmill.errors import UsageError
from reelmill.stages.forensic.score_weights import Lowering, read_weights
from reelmill.stages.forensic.scores import ScoreFindings
from reelmill.testing import check_stage
from tests.stages.forensic.sounds import diarized, spoken, turns


def match(category: str, start: float, speaker: str | None = "A", **values: Any) -> PatternMatch:
    values = {"probability": 0.95, **values}
    return PatternMatch(
        category, f"en/{category}/x", "why", "en", start, start + 2, "quote", "q", speaker, **values
    )


def acoustics(*episodes: Episode, snr: float = 40.0) -> Acoustics:
    return Acoustics(
        speakers=[SpeakerAcoustics("A", 60.0, 0.0, snr=40.0), SpeakerAcoustics("B", 60.0, 0.0)],
        utterances=[Utterance(0.0, 100.0, "A", snr=snr)],
        episodes=list(episodes),
    )


def scored(
    folder: Path,
    matches: Sequence[PatternMatch] | None = (),
    *,
    voices: Acoustics | None = None,
    talk: Diarization | None = None,
    seconds: float = 120.0,
    weights: str = "",
    searched: Sequence[str] = ("en",),
) -> Scores:
    transcript = spoken([(0.0, 1.0, "hello", "A"), (50.0, 51.0, "yes", "B")], seconds)
    assert isinstance(transcript, SpokenTranscript)
    transcript.speakers = [
        SpeakerTotals("A", seconds * 3 / 4, 1, 0.75, 0.0),
        SpeakerTotals("B", seconds / 4, 1, 0.25, 0.0),
    ]
    inputs: list[Any] = [transcript, voices or acoustics()]
    if matches is not None:
        found = [one.finding() for one in matches if one.counts]
        inputs.append(PatternMatches(found, "", list(matches), list(searched)))
    if talk is not None:
        inputs.append(talk)
    file = None
    if weights:
        file = folder / "weights.toml"
        file.write_text(weights)
    recording = Recording(folder / "a.wav", "a", folder, FileState("a" * 64, "b" * 32, 1, 1))
    made = check_stage(ScoreFindings(read_weights(file)), recording, Inputs(inputs))
    assert isinstance(made, Scores)
    return made


def score_of(scores: Scores | SpeakerScores, category: str) -> float | None:
    return next(one.score for one in scores.categories if one.category == category)


# proves: V8
def test_text_without_findings_scores_0(tmp_path: Path) -> None:
    made = scored(tmp_path)
    assert made.overall == 0
    assert {one.score for one in made.categories} == {0}
    assert [one.overall for one in made.speakers] == [0, 0]
    assert made.summary().notes == ["score: 0 of 100"]


# proves: V8
def test_a_score_is_the_sum_of_its_parts_and_lists_them(tmp_path: Path) -> None:
    made = scored(tmp_path, [match("threat", 5), match("threat", 15, "B"), match("insult", 30)])
    threat = next(one for one in made.categories if one.category == "threat")
    assert threat.score == 80
    assert threat.formula == "min(100, 40 + 40) = 80"
    assert [(part.start, part.end, part.speaker) for part in threat.parts] == [
        (5, 7, "A"),
        (15, 17, "B"),
    ]
    assert made.overall == 80 + 0.4 * 15
    assert made.recording.formula == "min(100, 1 x 80 (threat) + 0.4 x 15 (insult)) = 86"
    assert [one.overall for one in made.speakers] == [46, 40]
    assert made.summary().notes == ["score: 86 of 100 (threat 80, insult 15)"]


def test_scores_are_at_most_100(tmp_path: Path) -> None:
    made = scored(tmp_path, [match("threat", at) for at in range(0, 50, 5)])
    assert (made.overall, score_of(made, "threat")) == (100, 100)


def test_negated_and_quoted_matches_do_not_count(tmp_path: Path) -> None:
    made = scored(tmp_path, [match("threat", 5, negated=True), match("threat", 9, quoted=True)])
    assert made.overall == 0


def test_doubtful_findings_count_less_with_a_reason(tmp_path: Path) -> None:
    talk = diarized(*turns((0, 20, "A"), (6, 20, "B")), duration=120.0)
    made = scored(
        tmp_path, [match("threat", 5, probability=0.5)], talk=talk, voices=acoustics(snr=12.5)
    )
    threat = next(one for one in made.categories if one.category == "threat")
    (part,) = threat.parts
    assert [(one.by, one.measured, one.factor) for one in part.lowered] == [
        ("word probability", 0.5, 0.625),
        ("overlap", 0.5, 0.75),
        ("noise", 12.5, 0.75),
    ]
    assert part.full_points == 40
    assert part.points == pytest.approx(40 * 0.625 * 0.75 * 0.75, abs=0.01)
    assert threat.score == pytest.approx(part.points, abs=0.05)


# proves: V8
def test_too_little_speech_gives_a_reason_instead_of_a_score(tmp_path: Path) -> None:
    made = scored(tmp_path, [match("threat", 1)], seconds=9.0)
    assert made.overall is None
    assert made.recording.why_none == "9.0 s of speech, less than 10 s"
    assert {one.score for one in made.categories} == {None}
    assert len(made.categories[0].parts) == 1
    assert made.summary().notes == ["score: none (9.0 s of speech, less than 10 s)"]


def test_a_speaker_who_says_little_has_no_score(tmp_path: Path) -> None:
    made = scored(tmp_path, [match("threat", 1)], seconds=20.0)
    assert [(one.speaker, one.overall) for one in made.speakers] == [("A", 40), ("B", None)]


@pytest.mark.parametrize(
    ("matches", "searched", "why"),
    [
        (None, (), "patterns of language were not searched"),
        ((), ("ko",), "no patterns were searched in en"),
    ],
)
def test_a_category_that_was_not_searched_has_no_score(
    tmp_path: Path, matches: Any, searched: Sequence[str], why: str
) -> None:
    episode = Episode("louder", 1.0, 9.0, "A", -20.0, -30.0, 4.0)
    made = scored(tmp_path, matches, searched=searched, voices=acoustics(episode))
    assert score_of(made, "threat") is None
    assert score_of(made, "voice") == 10
    assert made.notes == [why]
    assert made.overall is None and made.recording.why_none == why


def test_frequent_findings_count_per_minute_of_speech(tmp_path: Path) -> None:
    made = scored(tmp_path, [match("hedging", at) for at in range(10)], seconds=1200.0)
    hedging = next(one for one in made.categories if one.category == "hedging")
    assert hedging.score == 10
    assert hedging.formula.startswith("min(100, 0.250 x (4 + 4")
    assert made.overall == 0  # everybody hedges: its weight is 0


def test_episodes_count_where_they_are_unusual_for_the_speaker(tmp_path: Path) -> None:
    episodes = [
        Episode("louder", 1.0, 9.0, "A", -20.0, -30.0, 4.0),
        Episode("higher", 20.0, 29.0, "A", 140.0, 120.0, 1.0),
    ]
    made = scored(tmp_path, voices=acoustics(*episodes))
    voice = next(one for one in made.categories if one.category == "voice")
    assert [(part.label, part.start) for part in voice.parts] == [("louder", 1.0)]
    assert voice.score == 10
    assert made.overall == 0  # lively people have them too: the weight is 0


def test_a_weights_file_changes_only_what_it_names(tmp_path: Path) -> None:
    weights = "[categories.threat]\npoints = 10\n[categories.boasting]\npoints = 7\nweight = 1\n"
    given = [match("threat", 5), match("boasting", 9), match("bragging", 12)]
    made = scored(tmp_path, given, weights=weights)
    scores = [score_of(made, name) for name in ("threat", "boasting", "bragging")]
    assert scores == [10, 7, 10]
    assert made.weights_from.startswith("weights.toml (")
    assert made.weights_from != scored(tmp_path).weights_from


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("least_speech = 'much'", r"weights\.toml: least_speech: Input should be a valid number"),
        ("[categories.threat]\npoint = 1", r"categories\.threat\.point: Unexpected keyword"),
        ("[noise]\nfactor = 2", r"noise\.factor: Input should be less than or equal to 1"),
        ("least_speech =", r"weights\.toml: not a valid TOML file"),
    ],
)
def test_an_error_in_the_weights_file_is_reported(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "weights.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=told):
        read_weights(file)


@pytest.mark.parametrize(
    ("measured", "factor"), [(30.0, 1.0), (20.0, 1.0), (12.5, 0.75), (5.0, 0.5), (-3.0, 0.5)]
)
def test_factors_are_interpolated_linearly(measured: float, factor: float) -> None:
    assert Lowering(20.0, 5.0, 0.5).of(measured) == factor


def test_no_score_is_called_a_lie() -> None:
    text = Path(read_weights.__code__.co_filename).parents[2] / "assets" / "score_weights.toml"
    assert not re.search(r"\blie|decei|decept", text.read_text().lower().replace("line", ""))
