"""The units that speech rates count, from the words of the transcript."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass

from reelmill.artifacts import Transcript
from reelmill.artifacts.acoustics import RateUnit
from reelmill.stages.words.verbalize import normalize_text

#: Languages written without spaces between words.
_UNSPACED = frozenset({"ja", "zh", "yue", "th", "lo", "my", "km"})
_HANGUL = re.compile("[\uac00-\ud7a3]")
_LETTER = re.compile(r"\w")


@dataclass(frozen=True)
class SpokenUnits:
    """The words of one speaker in the main language: the middle of each in seconds, in order, and
    how many units it has."""

    unit: RateUnit
    middles: list[float]
    counts: list[float]

    def within(self, start: float, end: float) -> float:
        """The units of words whose middle lies in a stretch of time."""
        return sum(self.counts[bisect_left(self.middles, start) : bisect_left(self.middles, end)])


def unit_of(language: str) -> RateUnit:
    """The unit counted in a language, which its script shows without a dictionary."""
    if language == "ko":
        return "syllables"
    return "characters" if language in _UNSPACED else "words"


def spoken_units(transcript: Transcript, speaker: str | None) -> SpokenUnits | None:
    """The words of a speaker; None where the transcript has no word times.

    Words in another than the main language are left out: they are counted differently.
    """
    unit = unit_of(transcript.language)
    if not any(segment.words for segment in transcript.segments):
        return None
    found = sorted(
        ((word.start + word.end) / 2, _count(word.text, transcript.language, unit))
        for segment in transcript.segments
        if transcript.language_of(segment) == transcript.language
        for word in segment.words
        if speaker is None or word.speaker == speaker
    )
    return SpokenUnits(unit, [middle for middle, _ in found], [count for _, count in found])


def _count(word: str, language: str, unit: RateUnit) -> float:
    """Numerals count as they are spoken."""
    if unit == "words":
        return 1.0
    spoken = normalize_text(word, language)
    return float(len((_HANGUL if unit == "syllables" else _LETTER).findall(spoken)))
