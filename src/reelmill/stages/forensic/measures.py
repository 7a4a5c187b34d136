"""The measures of each speaker and each utterance, from curves and words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reelmill.artifacts import (
    Pause,
    SpeakerAcoustics,
    Utterance,
)
from reelmill.core.arrays import Float32
from reelmill.stages.forensic.curves import (
    FRAMES,
    Curves,
    block_means,
    decibels,
    integrated_loudness,
    loudness_of,
)
from reelmill.stages.forensic.rates import SpokenUnits
from reelmill.stages.forensic.utterances import Heard, SpeechRules
from reelmill.stages.forensic.voice_quality import Quality

#: Voiced frames without which an utterance has no pitch; units without which it has no rate.
_LEAST_VOICED, _LEAST_UNITS = 10, 3
#: Seconds an utterance lasts at least to have a rate.
_LEAST_SECONDS = 0.5
#: The share of a block of 400 ms that must be the speaker's sound to count for their loudness.
_BLOCK_SHARE = 0.75
#: Seconds by which words may begin before or end after the sound of their utterance.
_EDGE = 0.05


@dataclass(frozen=True)
class Part:
    """What is heard of a speaker in one sound, with the curves of that sound, and the quality of
    the voice in each stretch."""

    heard: Heard
    curves: Curves
    qualities: Sequence[Quality] = ()


def utterances_of(part: Part, units: SpokenUnits | None) -> list[Utterance]:
    """The utterances of a speaker in one sound, with their measures."""
    return [_utterance(part, int(first), int(last), units) for first, last in part.heard.utterances]


def _utterance(part: Part, first: int, last: int, units: SpokenUnits | None) -> Utterance:
    heard, curves = part.heard, part.curves
    start, end = first / FRAMES, last / FRAMES
    sounding = heard.sounding[first:last]
    level = _decibels(curves.energy[first:last][sounding])
    f0 = curves.f0[first:last]
    voiced = f0[f0 > 0]
    spoken = 0.0 if units is None else units.within(start - _EDGE, end + _EDGE)
    return Utterance(
        round(start, 3),
        round(end, 3),
        heard.talk.speaker,
        level=level,
        loudness=_rounded(loudness_of(curves.weighted[first:last][sounding].mean(keepdims=True))),
        snr=None if heard.noise is None or level is None else round(level - heard.noise, 2),
        f0=_rounded(np.median(voiced)) if len(voiced) >= _LEAST_VOICED else None,
        rate=round(spoken / (end - start), 3)
        if spoken >= _LEAST_UNITS and end - start >= _LEAST_SECONDS
        else None,
    )


def pauses_of(part: Part) -> list[Pause]:
    """The pauses of a speaker in one sound; none where speech does not stand out from the noise."""
    if not part.heard.is_clear:
        return []
    return [
        Pause(round(int(first) / FRAMES, 3), round(int(last) / FRAMES, 3), part.heard.talk.speaker)
        for first, last in part.heard.pauses
    ]


def speaker_measures(
    parts: Sequence[Part], units: SpokenUnits | None, rules: SpeechRules
) -> SpeakerAcoustics:
    """The measures of one speaker over the whole recording.

    Args:
        parts: what is heard of the speaker in each sound, at least one.
        units: the speaker's words, where the transcript has their times.
        rules: which silence is a pause.
    """
    energy = _frames(parts, "energy")
    f0 = _frames(parts, "f0")
    voiced = _voiced(parts)
    level = _decibels(energy)
    noises = [part.heard.noise for part in parts if part.heard.noise is not None]
    pauses = [pause for part in parts for pause in pauses_of(part)]
    found = SpeakerAcoustics(
        parts[0].heard.talk.speaker,
        seconds=round(sum(_seconds(part) for part in parts), 3),
        overlap_seconds=round(
            sum(span.duration for part in parts for span in part.heard.talk.overlap), 3
        ),
        level=level,
        loudness=_round(integrated_loudness(_speech_blocks(parts))),
        snr=round(level - max(noises), 2) if noises and level is not None else None,
        pauses=len(pauses),
        pause_seconds=round(sum(pause.end - pause.start for pause in pauses), 3),
    )
    if len(energy):
        levels = decibels(energy)
        found.level_low, found.level_high = (_rounded(np.percentile(levels, at)) for at in (10, 90))
    if len(voiced) and len(f0):
        found.f0, found.f0_low, found.f0_high = (
            _rounded(np.percentile(voiced, at)) for at in (50, 10, 90)
        )
        found.voiced = round(float(np.mean(f0 > 0)), 4)
    _add_rates(found, parts, units, rules)
    _add_quality(found, [one for part in parts for one in part.qualities])
    return found


def _frames(parts: Sequence[Part], name: str) -> Float32:
    """A curve where the speaker sounds, in all sounds."""
    return np.concatenate([getattr(part.curves, name)[part.heard.sounding] for part in parts])


def _voiced(parts: Sequence[Part]) -> Float32:
    """F0 of the voiced frames of all utterances. The quiet ones count too: the search for
    pitch has its own threshold of silence, and ours leaves out more of the high voice than of the
    low one."""
    found = [part.curves.f0[first:last] for part in parts for first, last in part.heard.utterances]
    f0 = np.concatenate([np.zeros(0, np.float32), *found])
    return f0[f0 > 0]


def _seconds(part: Part) -> float:
    return float((part.heard.utterances[:, 1] - part.heard.utterances[:, 0]).sum() / FRAMES)


def _speech_blocks(parts: Sequence[Part]) -> Float32:
    """The K-weighted mean squares of the blocks that are the speaker's sound."""
    found = []
    for part in parts:
        share = block_means(part.heard.sounding.astype(np.float32))
        found.append(block_means(part.curves.weighted)[share >= _BLOCK_SHARE])
    return np.concatenate(found)


def _add_rates(
    found: SpeakerAcoustics,
    parts: Sequence[Part],
    units: SpokenUnits | None,
    rules: SpeechRules,
) -> None:
    """Rates over utterances in which words are; laughter and the like does not slow anybody."""
    if units is None:
        return
    spoken, seconds, paused = 0.0, 0.0, 0.0
    for part in parts:
        before = None
        for first, last in part.heard.utterances:
            start, end = int(first) / FRAMES, int(last) / FRAMES
            count = units.within(start - _EDGE, end + _EDGE)
            if count:
                spoken, seconds = spoken + count, seconds + end - start
                if before is not None and start - before <= rules.longest_pause:
                    paused += start - before if _is_pause(part, before) else 0.0
            before = end if count else None
    if spoken >= _LEAST_UNITS:
        found.rate_unit = units.unit
        if all(part.heard.is_clear for part in parts if part.heard.talk.alone):
            found.speech_rate = round(spoken / (seconds + paused), 3)
        found.articulation_rate = round(spoken / seconds, 3)


def _is_pause(part: Part, start: float) -> bool:
    """Whether the silence that begins at `start` is a pause: nobody else speaks in it."""
    return bool(np.any(part.heard.pauses[:, 0] == round(start * FRAMES)))


def _add_quality(found: SpeakerAcoustics, qualities: Sequence[Quality]) -> None:
    """Means over stretches, as if all were one sound: shimmer by the periods, and jitter, which is
    relative to the mean period, by the time that the periods take."""
    found.jitter = _mean([(one.jitter, one.voiced_seconds) for one in qualities], 5)
    found.shimmer = _mean([(one.shimmer, one.periods) for one in qualities], 5)
    found.hnr = _mean([(one.hnr, one.voiced_seconds) for one in qualities], 2)


def _mean(values: Sequence[tuple[float | None, float]], digits: int) -> float | None:
    known = [(value, weight) for value, weight in values if value is not None and weight > 0]
    if not known:
        return None
    total = sum(weight for _, weight in known)
    return round(sum(value * weight for value, weight in known) / total, digits)


def _decibels(energy: Float32) -> float | None:
    """The mean of energies in dB of full scale."""
    return _rounded(decibels(energy.mean(keepdims=True))) if len(energy) else None


def _rounded(value: np.typing.ArrayLike) -> float:
    return round(float(np.asarray(value).reshape(-1)[0]), 2)


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
