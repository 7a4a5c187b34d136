"""A text as it is read aloud, with the places of its letters in what is written."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SpokenText:
    """`text` is written by sound; `places` has the first character and the end of what each of its
    letters stands for in the other text."""

    text: str
    places: tuple[tuple[int, int], ...]

    def written(self, start: int, end: int) -> tuple[int, int]:
        """What letters `start` to `end` stand for."""
        return self.places[start][0], self.places[end - 1][1]

    def with_rests(self, rests: Sequence[int]) -> tuple[str, list[int]]:
        """The text, and where in it places of the other text are."""
        starts = [start for start, _ in self.places]
        return self.text, [bisect_left(starts, rest) for rest in rests]


#: A text as it is read; None where nothing is gained by that.
Speak = Callable[[str], SpokenText | None]
