"""Recordings for tests of review pages."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np

from reelmill.artifacts import (
    AcousticFrames,
    Acoustics,
    CategoryScore,
    Episode,
    Finding,
    Findings,
    Lowered,
    PatternMatch,
    PatternMatches,
    ScorePart,
    Scores,
    Segment,
    SpeakerAcoustics,
    SpeakerScores,
    SpeakerTotals,
    SpokenTranscript,
    Turn,
    Waveform,
    Word,
)
from reelmill.export.source import Source
from reelmill.pages.recording import Playable, Review


class Sounds(Findings):
    """What a stage of another package might find."""

    schema = "test-sounds/1"
    source = "sounds"


def sound(path: Path, seconds: float) -> None:
    """A WAV file of noise that grows louder."""
    count = round(8000 * seconds)
    noise = np.random.default_rng(1).normal(0, 1, count) * np.linspace(100, 9000, count)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.clip(noise, -32000, 32000).astype("<i2").tobytes())


def said(start: float, text: str, speaker: str, low: tuple[int, ...] = ()) -> Segment:
    """A segment with a word each half second; those at `low` places have a low probability."""
    words = [
        Word(start + n / 2, start + n / 2 + 0.4, word, 0.2 if n in low else 0.9, "aligned", speaker)
        for n, word in enumerate(text.split())
    ]
    return Segment(start, words[-1].end, text, -0.1, 0, 1, 0, words, speaker)


def transcript_of(
    segments: list[Segment], duration: float, language: str = "ko"
) -> SpokenTranscript:
    names = dict.fromkeys(one.speaker or "" for one in segments)
    totals = [SpeakerTotals(name, 3.0, 2, 1 / len(names), 0.0) for name in names]
    damage = Finding("gap", 8.0, 9.0, text="no sound for 1.0 s", severity="warning")
    return SpokenTranscript(
        language, 0.99, "base", duration, duration, segments, [damage], speakers=totals
    )


def review(folder: Path, name: str = "통화.wav") -> Review:
    """Ten seconds of two speakers, with findings, beside its sound in `folder`."""
    sound(folder / "call.wav", 10)
    segments = [
        said(0.5, "안녕하세요 김민수입니다 반갑습니다.", "김", low=(1,)),
        said(3.0, "He asked about the therapist again.", "Lee <b>&", low=(3,)),
        said(7.0, "나한테 삼백만 원 보내.", "김"),
    ]
    found = Sounds(
        [Finding("shout", 7.0, 8.5, 0.8, "김", "loud </script> voice"), Finding("music", 4.0, 4.5)]
    )
    heights = np.linspace(10, 250, 200).astype(np.uint8)
    return Review(
        Source(
            name, "a1" * 32, "b2" * 16, (folder / "call.wav").stat().st_size, 1_700_000_000 * 10**9
        ),
        transcript_of(segments, 10.0),
        [Turn(one.start, one.end, one.speaker or "") for one in segments],
        [found],
        Waveform.of(heights, 20.0),
        Playable("audio", "call.wav"),
    )


def forensic(shown: Review) -> Review:
    """The same recording with what a forensic run finds in it."""
    step, count = np.float32(0.01), 1000
    speaker = np.full((1, count), -1, np.int8)
    speaker[0, 50:250], speaker[0, 300:550] = 0, 1
    f0 = np.where(speaker == 0, 210, np.where(speaker == 1, 120, 0)).astype(np.float16)
    level = np.full((1, count), -30, np.float16)
    frames = AcousticFrames(step, level, f0, np.full((1, 100), -25, np.float16), speaker)
    measured = [SpeakerAcoustics("김", 2.0, 0.0, level=-30.0, f0=210.0, jitter=0.01)]
    measured.append(SpeakerAcoustics("Lee <b>&", 2.5, 0.0, level=-31.0, f0=120.0))
    episodes = [Episode("louder", 7.0, 8.5, "김", -20.0, -25.0, 3.0)]
    acoustics = Acoustics(speakers=measured, episodes=episodes)
    threat = PatternMatch(
        "threat", "ko/threat/or-else", "what follows is left open", "ko", 7.0, 8.5,
        "보내지 않으면 알지?", "알지", "김", 0.7, conditional=True,
    )  # fmt: skip
    told = PatternMatch(
        "threat", "ko/threat/kill", "says that somebody dies", "ko", 3.0, 4.0, "죽인다고 했어",
        "죽인다", "Lee <b>&", 0.9, quoted=True,
    )  # fmt: skip
    matches = PatternMatches([threat.finding()], "ko/threat.toml", [told, threat])
    part = ScorePart(
        "patterns", "ko/threat/or-else", 7.0, 8.5, "김", "보내지 않으면 알지?", 20, 14,
        [Lowered("word probability", 0.7, 0.7)],
    )  # fmt: skip
    categories = [
        CategoryScore("threat", 40, "", "min(100, 14 / 35 x 100) = 40", 0.3, [part]),
        CategoryScore("insult", None, "too little speech", "", 0.1),
    ]
    scores = Scores("weights.toml (ab12)", SpeakerScores(None, 10, 12, "", "0.3 x 40", categories))
    return replace(
        shown,
        findings=[*shown.findings, acoustics, matches],
        acoustics=acoustics,
        frames=frames,
        scores=scores,
    )
