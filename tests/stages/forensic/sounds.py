"""Sounds whose pitch, level, jitter and pauses are known, and recordings of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reelmill.artifacts import (
    Acoustics,
    Audio,
    Diarization,
    Segment,
    Span,
    Speech,
    SpokenTranscript,
    Turn,
    Word,
)
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.local import run_alone
from reelmill.engine.stage import Device, Inputs
from reelmill.stages.forensic.acoustics import MeasureAcoustics

RATE = 16_000
Sound = np.typing.NDArray[np.float64]


def at_level(sound: Sound, dbfs: float) -> Sound:
    """The sound with that RMS, in dB of full scale."""
    return sound * 10 ** (dbfs / 20) / np.sqrt(np.mean(sound**2))


def tone(hertz: float, seconds: float, dbfs: float) -> Sound:
    """A sine; `dbfs` is its RMS."""
    return at_level(np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE), dbfs)


def pulse_times(
    f0: float, seconds: float, jitter: float = 0.0, seed: int = 1
) -> np.typing.NDArray[np.float64]:
    """When the glottis closes, with periods that vary by `jitter` (a standard deviation)."""
    rng = np.random.default_rng(seed)
    periods = (1 + jitter * rng.standard_normal(round(seconds * f0))) / f0
    return np.cumsum(periods) - periods[0] / 2


def voice(
    f0: float,
    seconds: float,
    dbfs: float = -20.0,
    *,
    jitter: float = 0.0,
    shimmer: float = 0.0,
    seed: int = 1,
) -> Sound:
    """A vowel: pulses, each exactly at its own time, that ring in three formants.

    `jitter` and `shimmer` are standard deviations of periods and amplitudes.
    """
    rng = np.random.default_rng(seed + 1)
    times = pulse_times(f0, seconds, jitter, seed)
    sound = np.zeros(round(seconds * RATE) + RATE // 20)
    for at in times:
        start = int(np.ceil(at * RATE))
        t = np.arange(start, min(start + RATE // 50, len(sound))) / RATE - at
        ringing = sum(
            np.exp(-np.pi * width * t) * np.sin(2 * np.pi * hertz * t)
            for hertz, width in ((600, 80), (1200, 100), (2500, 150))
        )
        sound[start : start + len(t)] += ringing * (1 + shimmer * rng.standard_normal())
    return at_level(sound[: round(seconds * RATE)], dbfs)


def silence(seconds: float) -> Sound:
    return np.zeros(round(seconds * RATE))


def noise(seconds: float, dbfs: float, seed: int = 5) -> Sound:
    return at_level(np.random.default_rng(seed).standard_normal(round(seconds * RATE)), dbfs)


def talk() -> Sound:
    """Voices of several pitches, creaky and hoarse ones, with noise and silence between them."""
    parts = [
        voice(95, 0.6, jitter=0.02, shimmer=0.1),
        noise(0.2, -34),
        voice(210, 0.5, jitter=0.01),
        silence(0.3),
        voice(440, 0.4),
        voice(130, 0.7, shimmer=0.15),
    ]
    joined = np.concatenate(parts)
    return joined + noise(len(joined) / RATE, -50)[: len(joined)]


def recorded(folder: Path, *sounds: Sound, names: Sequence[str] = ()) -> tuple[Recording, Audio]:
    """A recording of one sound, or of a mix and a channel for each of `names`."""
    from reelmill.artifacts import Channel

    folder.mkdir(parents=True, exist_ok=True)
    for number, sound in enumerate(sounds):
        np.clip(np.round(sound * 32768), -32768, 32767).astype("<i2").tofile(
            folder / f"{number}.raw"
        )
    channels = [Channel(name, f"{number}.raw") for number, name in enumerate(names, 1)]
    state = FileState("a" * 64, "b" * 32, 1, 1)
    recording = Recording(folder / "call.wav", "call", folder, state)
    return recording, Audio("0.raw", RATE, len(sounds[0]), 0, channels=channels)


def turns(*given: tuple[float, float, str], channel: str | None = None) -> list[Turn]:
    return [Turn(start, end, speaker, channel) for start, end, speaker in given]


def diarized(*given: Turn, duration: float) -> Diarization:
    speakers = list(dict.fromkeys(turn.speaker for turn in given))
    return Diarization(list(given), speakers, "test", duration)


def spoken(
    words: Sequence[tuple[float, float, str, str | None]], duration: float, language: str = "en"
) -> SpokenTranscript:
    """A transcript with a segment for each word: start, end, text, speaker."""
    segments = [
        Segment(
            start,
            end,
            text,
            -0.2,
            0.0,
            1.0,
            0.0,
            [Word(start, end, text, 0.9, "aligned", who)],
            who,
        )
        for start, end, text, who in words
    ]
    return SpokenTranscript(language, 1.0, "test", duration, duration, segments)


def measured(
    folder: Path,
    *sounds: Sound,
    turns: Sequence[Turn] | None = None,
    words: Sequence[tuple[float, float, str, str | None]] = (),
    language: str = "en",
    names: Sequence[str] = (),
    **settings: Any,
) -> Acoustics:
    """What the forensic stages measure in a recording; without `turns` all of it is speech."""
    recording, audio = recorded(folder, *sounds, names=names)
    whole = [Span(0.0, audio.duration)]
    speech = Speech(whole, audio.duration)
    speech.channels = {name: Speech(whole, audio.duration) for name in names}
    inputs: list[Any] = [audio, speech, spoken(words, audio.duration, language)]
    if turns is not None:
        inputs.append(diarized(*turns, duration=audio.duration))
    stage = MeasureAcoustics(**settings)
    made = run_alone(stage, recording, Inputs(inputs), Device("cpu"))
    assert isinstance(made, Acoustics)
    return made
