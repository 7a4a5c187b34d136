"""Recordings for tests of review pages."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from reelmill.artifacts import (
    Finding,
    Findings,
    Segment,
    SpeakerTotals,
    SpokenTranscript,
    Turn,
    Waveform,
    Word,
)
from reelmill.export.transcript.document import Source
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
