"""Pitch, jitter, shimmer and harmonics-to-noise ratio of what speakers say in one sound."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from reelmill.core.arrays import Float32, Int16
from reelmill.core.progress import tick
from reelmill.media.audio.samples import FULL_SCALE, release
from reelmill.models.pitch.candidates import RATE, PitchRange, pitch_candidates
from reelmill.models.pitch.path import pitch_track
from reelmill.models.pitch.periods import Pulses, glottal_pulses
from reelmill.models.pitch.perturbation import perturbation
from reelmill.stages.forensic.curves import FRAME, FRAMES
from reelmill.stages.forensic.utterances import Heard

#: Samples of silence between utterances: windows do not reach from one into the next.
_GAP = 10 * FRAME
#: Samples of silence before the first and after the last. With half a frame more the frames of
#: pitch are those of the curves.
_MARGIN = _GAP + FRAME // 2
#: The methods, for the record.
METHODS = "autocorrelation pitch after Boersma 1993, cross-correlation periods (reelmill)"


@dataclass(frozen=True)
class VoiceRules:
    """`pitch`: what is looked for, by steps of a frame. `longest`: seconds of utterances that are
    measured together."""

    pitch: PitchRange = field(default_factory=PitchRange)
    longest: float = 60.0


@dataclass(frozen=True)
class Quality:
    """The voice of one speaker in a stretch.

    Attributes:
        periods: the glottal periods compared.
        jitter, shimmer: local, as shares; None with too few periods.
        hnr: mean harmonics-to-noise ratio of voiced frames in dB; None without any.
        voiced_seconds: of voiced frames.
    """

    periods: int
    jitter: float | None
    shimmer: float | None
    hnr: float | None
    voiced_seconds: float


@dataclass(frozen=True)
class Voices:
    """`f0`: Hz in each frame of the sound, 0 where unvoiced or not in an utterance. `qualities`: of
    each speaker, in each stretch."""

    f0: Float32
    qualities: list[list[Quality]]


@dataclass(frozen=True)
class _Utterance:
    """Frames of a sound, and the number of the speaker."""

    first: int
    last: int
    speaker: int


def voices_of(samples: Int16, heard: Sequence[Heard], rules: VoiceRules) -> Voices:
    """The voices of all speakers in a sound, without pauses and overlapping speech.

    What is quiet beside the loudest of a sound counts as silence. Every utterance is therefore
    measured beside the loudest that its speaker says in the whole recording.

    Args:
        samples: 16 kHz, may be a memory map; read in stretches.
        heard: what is heard of each speaker.
        rules: how voices are measured.
    """
    found = Voices(np.zeros(len(samples) // FRAME, np.float32), [[] for _ in heard])
    peaks = [_peak(samples, one) for one in heard]
    longest = round(rules.longest * FRAMES)
    utterances = [
        _Utterance(first, last, speaker)
        for speaker, one in enumerate(heard)
        if peaks[speaker]
        for begin, end in one.utterances.tolist()
        for first, last in _in_parts(begin, end, longest)
    ]
    utterances.sort(key=lambda one: one.first)
    for stretch in _stretches(utterances, longest):
        _measure(samples, stretch, peaks, rules.pitch, found)
        release(samples)
        tick()
    return found


def _peak(samples: Int16, heard: Heard) -> float:
    """The largest amplitude of a speaker, full scale is 1."""
    peak = 0
    for first, last in heard.utterances.tolist():
        sound = samples[first * FRAME : last * FRAME]
        peak = max(peak, int(sound.max()), -int(sound.min()))
    release(samples)
    return peak / FULL_SCALE


def _in_parts(first: int, last: int, longest: int) -> Iterator[tuple[int, int]]:
    count = math.ceil((last - first) / longest)
    yield from pairwise(np.linspace(first, last, count + 1).round().astype(int).tolist())


def _stretches(utterances: Sequence[_Utterance], longest: int) -> Iterator[list[_Utterance]]:
    """Utterances that are measured together."""
    stretch: list[_Utterance] = []
    frames = 0
    for one in utterances:
        if stretch and frames + one.last - one.first > longest:
            yield stretch
            stretch, frames = [], 0
        stretch.append(one)
        frames += one.last - one.first
    if stretch:
        yield stretch


def _measure(
    samples: Int16,
    stretch: Sequence[_Utterance],
    peaks: Sequence[float],
    pitch: PitchRange,
    found: Voices,
) -> None:
    """Add what is measured of utterances, put one after the other."""
    lengths = np.array([FRAME * (one.last - one.first) for one in stretch])
    begins = _MARGIN + np.concatenate([[0], np.cumsum(lengths + _GAP)[:-1]])
    sound = np.zeros(int(begins[-1] + lengths[-1]) + _MARGIN, np.float32)
    for one, begin, length in zip(stretch, begins.tolist(), lengths.tolist(), strict=True):
        part = sound[begin : begin + length]
        part[:] = samples[one.first * FRAME : one.last * FRAME]
        part *= 1 / (FULL_SCALE * peaks[one.speaker])
    track = pitch_track(pitch_candidates(sound, 1.0, pitch), pitch)
    pulses = glottal_pulses(sound, track, pitch.step)
    places = (track.first + pitch.step * np.arange(len(track.f0))) * RATE
    for one, at in zip(stretch, np.searchsorted(places, begins).tolist(), strict=True):
        found.f0[one.first : one.last] = track.f0[at : at + one.last - one.first]
    borders, speakers = begins - _GAP / 2, np.array([one.speaker for one in stretch])
    of_frames = speakers[np.maximum(np.searchsorted(borders, places, "right") - 1, 0)]
    of_pulses = speakers[np.maximum(np.searchsorted(borders, pulses.place, "right") - 1, 0)]
    for speaker in np.unique(speakers).tolist():
        own = track.strength[of_frames == speaker]
        found.qualities[speaker].append(_quality(sound, pulses.of(of_pulses == speaker), own))


def _quality(sound: Float32, pulses: Pulses, strengths: Float32) -> Quality:
    """The quality of a speaker's voice, from the pulses and the strengths of all frames."""
    voiced = strengths[strengths > 0]
    perturbed = perturbation(sound, pulses)
    return Quality(
        perturbed.periods,
        perturbed.jitter,
        perturbed.shimmer,
        _harmonics_to_noise(voiced),
        len(voiced) / FRAMES,
    )


def _harmonics_to_noise(strengths: Float32) -> float | None:
    """The mean in dB of voiced frames with these autocorrelations (Boersma 1993, equation 4)."""
    if not len(strengths):
        return None
    strength = np.clip(strengths, 1e-6, 1 - 1e-6)
    return float(np.mean(10 * np.log10(strength / (1 - strength))))
