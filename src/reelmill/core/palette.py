"""Colours that tell persons apart, in pictures and on pages."""

from __future__ import annotations

#: Green, blue, red, orange, cyan, magenta, lime, pink: easy to tell apart. Persons seen most come
#: first.
PERSON_COLOURS = (
    "#3cb44b",
    "#4363d8",
    "#e6194b",
    "#f58231",
    "#42d4f4",
    "#f032e6",
    "#bfef45",
    "#fabed4",
)


def person_colour(number: int) -> str:
    """The colour of the person at place `number` in a video's list."""
    return PERSON_COLOURS[number % len(PERSON_COLOURS)]
