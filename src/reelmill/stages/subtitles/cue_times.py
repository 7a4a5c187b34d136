"""Time subtitles: shown as their words are spoken, long enough to read, never two at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.artifacts import Word
from reelmill.core.times import milliseconds
from reelmill.stages.subtitles.rules import SubtitleRules

#: A pause up to this long between two cues is reduced to the smallest gap, to avoid flicker.
_FLICKER_MS = 500
#: A cue lasts at least this share of the shortest time allowed; the next one is delayed if
#: necessary.
_LEAST_SHARE = 0.4


@dataclass
class DesiredTiming:
    """When a cue should be shown, and how long it takes to read; in milliseconds."""

    start: int
    end: int
    reading: int


@dataclass
class Shown:
    """When a cue is shown, and how much later than its words; in milliseconds."""

    start: int
    end: int
    late: int


def schedule(
    desired: Sequence[DesiredTiming], rules: SubtitleRules, duration: float
) -> list[Shown]:
    """The times of all cues, in order. Each begins with its words, or as soon as the previous one
    has ended, and stays until it has been read, the next one begins or the longest time allowed is
    over. `duration` is the recording's, 0 if unknown."""
    shown: list[Shown] = []
    gap, shortest, longest = map(milliseconds, (rules.gap, rules.shortest, rules.longest))
    least = max(1, min(longest, round(shortest * _LEAST_SHARE)))
    for index, timing in enumerate(desired):
        earliest = shown[-1].end + gap if shown else 0
        start = max(timing.start, earliest)
        end = max(timing.end, start + max(shortest, timing.reading))
        if index + 1 < len(desired):
            until = desired[index + 1].start - gap
            end = until if end >= until - _FLICKER_MS else end
        elif duration:
            end = min(end, max(milliseconds(duration), timing.end))
        end = max(min(end, start + longest), start + least)
        shown.append(Shown(start, end, start - timing.start))
    return shown


def source_borders(words: Sequence[Word], widths: Sequence[int]) -> list[int]:
    """The index of the spoken word at which each part of a translation begins, and the end.

    Each part gets words by its share of the text; a pause close by is preferred as the border. If
    there are more parts than words, some share a word.
    """
    total, sizes = max(1, sum(widths)), [max(1, len(word.text)) for word in words]
    reached, all_of = [0], max(1, sum(sizes))
    for size in sizes:
        reached.append(reached[-1] + size)
    borders, share = [0], 0.0
    for number, width in enumerate(widths[:-1], 1):
        share += width / total
        first = min(borders[-1] + 1, len(words))
        last = max(first, len(words) - (len(widths) - number))
        wanted = share * all_of
        borders.append(
            min(
                range(first, min(last, len(words)) + 1),
                key=lambda at: abs(reached[at] - wanted) / all_of - _pause_worth(words, at),
            )
        )
    return [*borders, len(words)]


def _pause_worth(words: Sequence[Word], at: int) -> float:
    """How far a border may move, as a share of the text, to fall on the pause before the word at
    `at`."""
    if not 0 < at < len(words):
        return 0.0
    return 0.15 * min(max(0.0, words[at].start - words[at - 1].end), 1.0)
