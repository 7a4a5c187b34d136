"""The words of a text, and times for each: in order, within their segment, none missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reelmill.artifacts import Word, WordTiming
from reelmill.core.text import UNSPACED, phrases

_DECIMALS = 3
#: No word is shorter than this, if its neighbours leave enough room.
SHORTEST_WORD = 0.02


@dataclass(frozen=True)
class TimedText:
    """A word with what is known of its time; None if unknown."""

    text: str
    start: float | None = None
    end: float | None = None
    score: float = 0.0
    timing: WordTiming = "interpolated"


def split_words(text: str, language: str) -> list[str]:
    """The words of `text` with their punctuation.

    Where a language writes no spaces: its phrases (see `phrases`), and single characters in
    scripts for which there are no phrases.
    """
    if language not in UNSPACED:
        return text.split()
    found = [phrase.strip() for phrase in phrases(text)]
    if language in {"lo", "km", "my"}:
        found = [character for phrase in found for character in _clusters(phrase)]
    return [phrase for phrase in found if phrase]


def _clusters(text: str) -> list[str]:
    """Characters, each with its combining marks."""
    import unicodedata

    clusters: list[str] = []
    for character in text:
        if clusters and unicodedata.category(character).startswith("M"):
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters


def timed_words(words: Sequence[TimedText], start: float, end: float) -> list[Word]:
    """Words with times: ascending, without overlap, within `start` and `end`.

    A word without a time shares what lies between its neighbours' with others like it, by their
    lengths, and its neighbours make a little room where there is none; such words are marked
    `interpolated`.
    """
    placed = _in_order(words, start, end)
    begin = 0
    while begin < len(placed):
        stop = begin
        while stop < len(placed) and placed[stop].start is None:
            stop += 1
        if stop > begin:
            _fill(placed, begin, stop, start, end)
        begin = stop + 1
    return [
        Word(
            round(word.start or 0.0, _DECIMALS),
            round(word.end or 0.0, _DECIMALS),
            word.text,
            round(word.score, 4),
            word.timing,
        )
        for word in placed
    ]


def _in_order(words: Sequence[TimedText], start: float, end: float) -> list[TimedText]:
    """Known times, limited to the room left by the words before."""
    placed = []
    for word in words:
        if word.start is None or word.end is None:
            placed.append(replace(word, start=None, end=None, score=0.0, timing="interpolated"))
            continue
        first = min(max(word.start, start), end)
        start = min(max(word.end, first), end)
        placed.append(replace(word, start=first, end=start))
    return placed


def _fill(words: list[TimedText], begin: int, stop: int, start: float, end: float) -> None:
    """Share the time around words `begin` to `stop`, which have no times."""
    left, right = start, end
    wanted = SHORTEST_WORD * (stop - begin)
    if begin > 0:
        before = words[begin - 1]
        left = before.end or 0.0
    if stop < len(words):
        right = words[stop].start or 0.0
    if begin > 0 and right - left < wanted:
        left -= min(wanted - (right - left), max(0.0, left - (before.start or 0.0) - SHORTEST_WORD))
        words[begin - 1] = replace(before, end=left)
    if stop < len(words) and right - left < wanted:
        after = words[stop]
        right += min(wanted - (right - left), max(0.0, (after.end or 0.0) - right - SHORTEST_WORD))
        words[stop] = replace(after, start=right)
    total = sum(len(word.text) for word in words[begin:stop]) or 1
    done = 0
    for index in range(begin, stop):
        word = words[index]
        first = left + (right - left) * done / total
        done += len(word.text)
        words[index] = replace(word, start=first, end=left + (right - left) * done / total)
