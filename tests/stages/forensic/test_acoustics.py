"""What is measured of each speaker: levels, pauses, rates, changes and escalation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reelmill.artifacts import Acoustics, Speech, read_frames
from reelmill.artifacts.speech import Span
from reelmill.engine.stage import Inputs
from reelmill.stages.forensic.acoustics import MeasureAcoustics
from reelmill.testing import check_stage
from tests.stages.forensic.sounds import (
    RATE,
    Sound,
    measured,
    noise,
    recorded,
    silence,
    spoken,
    turns,
    voice,
)


def talk(*pieces: tuple[float, float, float]) -> Sound:
    """Pieces of voice (pitch, level, seconds), each of a second, with 0.4 s between them."""
    sounds = []
    for f0, dbfs, seconds in pieces:
        for _ in range(round(seconds / 1.4)):
            sounds += [voice(f0, 1.0, dbfs), silence(0.4)]
    return np.concatenate(sounds)


def test_the_acoustics_stage_keeps_the_rules_of_stages(tmp_path: Path) -> None:
    recording, audio = recorded(tmp_path, voice(120, 3))
    speech = Speech([Span(0.0, 3.0)], 3.0)
    made = check_stage(MeasureAcoustics(), recording, Inputs([audio, speech, spoken([], 3.0)]))
    assert isinstance(made, Acoustics)
    frames = read_frames(tmp_path, made)
    assert frames.level.shape == frames.f0.shape == (1, 300)
    assert frames.loudness.shape == (1, 27)
    assert frames.voiced[0, 5:-5].all() and (frames.speaker[0, 5:-5] == 0).all()


# proves: V8
@pytest.mark.parametrize("dbfs", [-12.0, -26.0, -41.0])
def test_loudness_is_measured_without_pauses(tmp_path: Path, dbfs: float) -> None:
    sound = np.concatenate([voice(150, 2, dbfs), silence(3), voice(150, 2, dbfs)])
    made = measured(tmp_path, sound)
    (speaker,) = made.speakers
    assert speaker.level == pytest.approx(dbfs, abs=0.5)
    (whole,) = measured(tmp_path / "b", voice(150, 4, dbfs)).speakers
    assert speaker.loudness == pytest.approx(whole.loudness, abs=0.5)


# proves: V8
@pytest.mark.parametrize("noise_dbfs", [-90.0, -50.0, -36.0])
def test_pauses_are_found_to_50_ms(tmp_path: Path, noise_dbfs: float) -> None:
    lengths = (0.35, 0.25, 0.8, 1.5, 0.1)
    sounds: list[Sound] = [silence(0.5)]
    true, at = [], 0.5
    for length in lengths:
        sounds += [voice(140, 1.0), silence(length)]
        if length >= 0.3:
            true.append((at + 1.0, at + 1.0 + length))
        at += 1.0 + length
    sound = np.concatenate([*sounds, voice(140, 1.0), silence(0.5)])
    sound += noise(len(sound) / RATE, noise_dbfs)
    made = measured(tmp_path, sound, turns=turns((0.45, 4.6, "A"), (4.9, 10.0, "A")))
    found = [(pause.start, pause.end) for pause in made.pauses]
    assert np.array(found) == pytest.approx(np.array(true), abs=0.05)
    assert made.speakers[0].pauses == 3
    assert made.speakers[0].pause_seconds == pytest.approx(2.65, abs=0.1)


def test_pauses_that_noise_covers_are_told_to_be_unknown(tmp_path: Path) -> None:
    sound = np.concatenate([voice(140, 2), silence(1), voice(140, 2)])
    sound += noise(5, -28.0)
    words = [(at, at + 0.4, "hello", None) for at in (0.0, 0.5, 1.0, 1.5, 3.0, 3.5, 4.0, 4.5)]
    made = measured(tmp_path, sound, words=words)
    assert made.pauses == [] and made.speakers[0].speech_rate is None
    assert "pauses could not be told: the speech hardly stands out from the noise" in [
        one.text for one in made.findings
    ]


def test_silence_while_another_person_speaks_is_not_a_pause(tmp_path: Path) -> None:
    sound = np.concatenate(
        [voice(110, 2), silence(0.5), voice(220, 1), silence(0.5), voice(110, 2)]
    )
    given = turns((0.0, 2.0, "A"), (2.5, 3.5, "B"), (4.0, 6.0, "A"))
    assert measured(tmp_path, sound, turns=given).pauses == []


def test_speech_of_two_at_once_is_left_out_and_reported(tmp_path: Path) -> None:
    both = voice(110, 6, -30.0)
    both[2 * RATE : 4 * RATE] += voice(220, 2, -10.0)
    made = measured(tmp_path, both, turns=turns((0.0, 6.0, "A"), (2.0, 4.0, "B")))
    (first, second) = made.speakers
    assert (first.speaker, first.overlap_seconds) == ("A", 2.0)
    assert first.level == pytest.approx(-30, abs=0.5)
    assert first.seconds == pytest.approx(4.0, abs=0.1)
    assert first.f0 == pytest.approx(110, rel=0.01)
    assert (second.seconds, second.level, second.f0) == (0.0, None, None)
    assert any("B: loudness" in line for line in made.unmeasured)


def test_a_person_with_a_channel_is_measured_while_others_talk(tmp_path: Path) -> None:
    left, right = voice(110, 4, -30.0), voice(220, 4, -15.0)
    given = [
        *turns((0.0, 4.0, "left"), channel="left"),
        *turns((1.0, 4.0, "right"), channel="right"),
    ]
    made = measured(tmp_path, left, left, right, turns=given, names=("left", "right"))
    assert [one.speaker for one in made.speakers] == ["left", "right"]
    assert [one.overlap_seconds for one in made.speakers] == [0, 0]
    assert [one.f0 for one in made.speakers] == pytest.approx([110, 220], rel=0.01)
    assert [one.level for one in made.speakers] == pytest.approx([-30, -15], abs=0.5)


# proves: V8
@pytest.mark.parametrize(
    ("language", "word", "unit", "each"),
    [
        ("en", "hello", "words", 1),
        ("ko", "안녕하세요", "syllables", 5),
        ("ja", "今日は", "characters", 3),
    ],
)
def test_speech_rates_count_the_units_of_the_script(
    tmp_path: Path, language: str, word: str, unit: str, each: int
) -> None:
    """Four words in each of two utterances of two seconds, a pause of one second between them."""
    sound = np.concatenate([voice(150, 2), silence(1), voice(150, 2)])
    starts = [*np.arange(0, 2, 0.5), *np.arange(3, 5, 0.5)]
    words = [(start, start + 0.4, word, None) for start in starts]
    made = measured(tmp_path, sound, words=words, language=language)
    (speaker,) = made.speakers
    assert speaker.rate_unit == unit
    assert speaker.articulation_rate == pytest.approx(2 * each, rel=0.03)
    assert speaker.speech_rate == pytest.approx(8 * each / 5, rel=0.03)


# proves: V8
def test_a_planted_escalation_is_found(tmp_path: Path) -> None:
    sound = talk((120, -30.0, 28), (150, -22.0, 11.2), (120, -30.0, 28))
    made = measured(tmp_path, sound)
    found = {one.kind: one for one in made.episodes}
    assert set(found) == {"louder", "higher"} and len(made.episodes) == 2
    for one in made.episodes:
        assert (one.start, one.end) == pytest.approx((28.0, 38.8), abs=0.2)
    louder, higher = found["louder"], found["higher"]
    assert louder.value - louder.baseline == pytest.approx(8.0, abs=0.5)
    assert higher.value / higher.baseline == pytest.approx(1.25, abs=0.01)
    assert {one.severity for one in made.findings} == {"info"}
    told = {one.label: one.text for one in made.findings}
    assert (
        told["louder for a while"].startswith("-2") and "usually -2" in told["louder for a while"]
    )
    assert told["higher voice for a while"].startswith("median pitch 150 Hz; usually 120 (+25 %")


@pytest.mark.parametrize(
    "sound",
    [
        talk((120, -30.0, 42)),
        talk((120, -30.0, 21), (124, -28.5, 11.2), (120, -30.0, 21)),  # too little of it
        talk((120, -30.0, 21), (150, -22.0, 1.4), (120, -30.0, 21)),  # too short
        talk((120, -30.0, 4.2), (150, -22.0, 4.2)),  # no baseline
    ],
    ids=["even", "slight", "short", "no baseline"],
)
def test_a_steady_voice_has_no_episodes(tmp_path: Path, sound: Sound) -> None:
    assert measured(tmp_path, sound).episodes == []


def test_an_utterance_unlike_the_others_of_the_speaker_is_a_change(tmp_path: Path) -> None:
    sound = talk((120, -30.0, 14), (170, -15.0, 1.4), (120, -30.0, 14))
    words = [(at, at + 0.9, "hello", None) for at in np.arange(0, 28, 1.4)]
    made = measured(tmp_path, sound, words=words)
    found = {change.measure: change for change in made.changes}
    assert set(found) == {"level", "f0"}
    for change in found.values():
        assert (change.start, change.end) == pytest.approx((14.0, 15.0), abs=0.05)
        assert change.z > 3.5
    assert found["level"].value == pytest.approx(-15, abs=0.5)
    assert found["f0"].baseline == pytest.approx(120, rel=0.01)
    told = [one.label for one in made.findings]
    assert told == ["unusually loud", "unusually high voice"]


def test_a_recording_without_speech_has_no_speakers(tmp_path: Path) -> None:
    made = measured(tmp_path, noise(2, -50), turns=[])
    assert made.speakers == [] and made.findings == []
