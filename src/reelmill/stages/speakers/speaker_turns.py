"""Make turns of the people of a recording from stretches of speech with known speakers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reelmill.artifacts import Span, SpeakerActivity, Turn
from reelmill.stages.speakers.utterances import without


@dataclass(frozen=True)
class TurnOptions:
    """In seconds: shorter pauses within a speaker's turn are part of it, and shorter turns are
    dropped.

    `reach`: the longest distance between an overlap and the speech of a person taken for one of its
    speakers.
    """

    shortest_pause: float = 0.25
    shortest_turn: float = 0.2
    reach: float = 7.0


def turns_of(
    activity: SpeakerActivity,
    stretches: Sequence[Span],
    people: Sequence[int],
    options: TurnOptions,
) -> list[Turn]:
    """Turns in order of their start, speakers labelled A, B, C... as they first speak.

    Where two speak at once, they are taken to be the two who speak nearest before and after.

    Args:
        activity: when somebody speaks, and when two do.
        stretches: speech of one person each, in order.
        people: the person of each stretch.
        options: the limits.
    """
    if not stretches:
        return []
    near = _Near(stretches, people, options.reach)
    spoken = [
        (stretch.start, stretch.end, person)
        for stretch, person in zip(stretches, people, strict=True)
    ]
    for overlap in activity.overlaps:
        spoken += [(overlap.start, overlap.end, person) for person in near.who(overlap, 2)]
    known = sorted([*stretches, *activity.overlaps], key=lambda span: span.start)
    for start, end in without(activity.speech, known):
        spoken += [(start, end, person) for person in near.who(Span(start, end), 1)]
    found = [
        (start, end, person)
        for person in set(people)
        for start, end in _joined(sorted(one[:2] for one in spoken if one[2] == person), options)
    ]
    return _labelled(found)


def channel_turns(
    spoken: Mapping[str, Sequence[tuple[float, float]]], options: TurnOptions
) -> list[Turn]:
    """Turns of people who have a channel each, in order of their start.

    Args:
        spoken: the spans of speech in s, by the name of the channel.
        options: the limits.
    """
    turns = [
        Turn(start, end, name, name)
        for name, spans in spoken.items()
        for start, end in _joined(sorted(spans), options)
    ]
    return sorted(turns, key=lambda turn: (turn.start, turn.end))


class _Near:
    """Finds who speaks next to a stretch of time."""

    def __init__(self, stretches: Sequence[Span], people: Sequence[int], reach: float) -> None:
        self._stretches, self._people, self._reach = stretches, people, reach
        self._starts = [stretch.start for stretch in stretches]

    def who(self, span: Span, count: int) -> list[int]:
        """Up to `count` different people, the nearest first."""
        place = bisect_left(self._starts, span.start)
        distances: dict[int, float] = {}
        for index in self._around(place, span, count):
            stretch, person = self._stretches[index], self._people[index]
            distance = max(span.start - stretch.end, stretch.start - span.end, 0.0)
            distances[person] = min(distance, distances.get(person, self._reach))
        return sorted(distances, key=lambda person: (distances[person], person))[:count]

    def _around(self, place: int, span: Span, count: int) -> Iterator[int]:
        """Stretches within reach, to each side until `count` people have been met."""
        for side in (range(place - 1, -1, -1), range(place, len(self._stretches))):
            met: set[int] = set()
            for index in side:
                stretch = self._stretches[index]
                far = max(span.start - stretch.end, stretch.start - span.end) > self._reach
                if far or len(met) == count:
                    break
                met.add(self._people[index])
                yield index


def _joined(
    spoken: Sequence[tuple[float, float]], options: TurnOptions
) -> Iterator[tuple[float, float]]:
    """The turns of one person, in order, with short pauses filled, then short turns left out."""
    turns: list[tuple[float, float]] = []
    for start, end in spoken:
        if turns and start - turns[-1][1] < options.shortest_pause:
            turns[-1] = (turns[-1][0], max(turns[-1][1], end))
        else:
            turns.append((start, end))
    return (turn for turn in turns if turn[1] - turn[0] >= options.shortest_turn)


def _labelled(found: Sequence[tuple[float, float, int]]) -> list[Turn]:
    labels: dict[int, str] = {}
    return [
        Turn(start, end, labels.setdefault(person, speaker_label(len(labels))))
        for start, end, person in sorted(found)
    ]


def speaker_label(index: int) -> str:
    """A to Z, then AA, AB..."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
