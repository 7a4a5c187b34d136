"""Errors of recognized text, recording by recording, and what chance makes of the difference
between two contenders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np

_RESAMPLED = 10_000


@dataclass(frozen=True)
class Errors:
    """How many of the words (or characters) said in a recording are wrong, those added included."""

    wrong: int
    said: int


@dataclass(frozen=True)
class Difference:
    """Points by which the first of two contenders errs more, and its interval of 95 %."""

    points: float
    low: float
    high: float


def of_words(said: str, heard: str) -> Errors:
    """The word errors of one normalized text."""
    return _counted(jiwer.process_words(said, heard))


def of_characters(said: str, heard: str) -> Errors:
    """The character errors of one normalized text, spaces left out."""
    return _counted(jiwer.process_characters("".join(said.split()), "".join(heard.split())))


def percent(errors: Sequence[Errors]) -> float:
    """The error rate of recordings together."""
    return 100 * sum(one.wrong for one in errors) / sum(one.said for one in errors)


def difference(ours: Sequence[Errors], theirs: Sequence[Errors]) -> Difference:
    """How much more the first contender errs on the same recordings.

    Paired bootstrap (Bisani and Ney 2004, "Bootstrap estimates for confidence intervals in ASR
    performance evaluation"): recordings are drawn with replacement, 10,000 times with one seed.

    Args:
        ours: of each recording the first contender's errors.
        theirs: of the same recordings, in the same order, the second's.
    """
    more = np.array([one.wrong - other.wrong for one, other in zip(ours, theirs, strict=True)])
    said = np.array([one.said for one in ours])
    drawn = np.random.default_rng(0).integers(0, len(said), (_RESAMPLED, len(said)))
    points = 100 * more[drawn].sum(axis=1) / said[drawn].sum(axis=1)
    low, high = np.quantile(points, (0.025, 0.975))
    return Difference(100 * float(more.sum()) / float(said.sum()), float(low), float(high))


def _counted(found: jiwer.WordOutput | jiwer.CharacterOutput) -> Errors:
    said = found.hits + found.substitutions + found.deletions
    return Errors(found.substitutions + found.deletions + found.insertions, said)
