"""Who speaks in a stretch of time, by the turns of a recording."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from reelmill.artifacts import Turn

#: A word outside all turns belongs to the nearest speaker, up to this many seconds away.
_REACH = 2.0


class SpeakersAt:
    """Who speaks in a stretch of time. Turns are ordered by start."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: turn.start)
        self._starts = [turn.start for turn in self._turns]
        self._of_channel = {turn.channel: turn.speaker for turn in turns if turn.channel}
        #: The latest end of the turns up to each one, at which a backward search can stop.
        self._reached = list(accumulate((turn.end for turn in self._turns), max))

    def of_channel(self, channel: str) -> str:
        """The person of a channel; the channel's name if nobody was heard in it."""
        return self._of_channel.get(channel, channel)

    def seconds(self, start: float, end: float) -> dict[str, float]:
        """How long each speaker speaks between `start` and `end`."""
        found: dict[str, float] = {}
        for turn in self._back_from(end, start):
            common = min(end, turn.end) - max(start, turn.start)
            if common > 0:
                found[turn.speaker] = found.get(turn.speaker, 0.0) + common
        return found

    def at(self, start: float, end: float, before: str | None = None) -> str | None:
        """The speaker who speaks longest there; `before` if equal. If nobody speaks, the nearest
        speaker."""
        found = self.seconds(start, end)
        if found:
            return max(found, key=lambda name: (round(found[name], 2), name == before, name))
        return self._nearest(start, end)

    def begins(self, speaker: str, start: float, end: float) -> float | None:
        """When the turn begins in which a speaker is heard first between `start` and `end`."""
        turns = self._back_from(end, start)
        return min((turn.start for turn in turns if turn.speaker == speaker), default=None)

    def _nearest(self, start: float, end: float) -> str | None:
        near = self._back_from(end + _REACH, start - _REACH)
        distances = [(max(turn.start - end, start - turn.end), turn.speaker) for turn in near]
        return min(distances)[1] if distances else None

    def _back_from(self, end: float, start: float) -> Iterator[Turn]:
        """The turns that begin before `end` and end after `start`."""
        for index in range(bisect_right(self._starts, end) - 1, -1, -1):
            if self._reached[index] <= start:
                return
            if self._turns[index].end > start:
                yield self._turns[index]
