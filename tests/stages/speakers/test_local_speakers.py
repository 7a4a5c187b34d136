"""Stretches compared by the speakers that the network tells apart within a window."""

from __future__ import annotations

import numpy as np

from reelmill.artifacts import LocalTurn, Span
from reelmill.stages.speakers.local_speakers import local_pairs

STRETCHES = [Span(0.0, 2.0), Span(2.0, 4.0), Span(4.0, 6.0), Span(20.0, 22.0)]


def test_stretches_of_two_local_speakers_disagree() -> None:
    turns = [LocalTurn(0, 0.0, 4.0, 0), LocalTurn(0, 4.0, 6.0, 1), LocalTurn(9, 20.0, 22.0, 0)]
    pairs = local_pairs(STRETCHES, turns)
    found = dict(zip(zip(pairs.first, pairs.second, strict=True), pairs.agreement, strict=True))
    assert set(found) == {(0, 1), (0, 2), (1, 2)}  # no window contains the last and another one
    assert found[0, 1] > 0 > -2 > found[0, 2] == found[1, 2]


def test_windows_that_disagree_are_averaged() -> None:
    """The first window hears one speaker, the second two; numbers of speakers mean nothing."""
    turns = [LocalTurn(0, 0.0, 4.0, 2), LocalTurn(1, 0.0, 2.0, 1), LocalTurn(1, 2.0, 4.0, 0)]
    (agreement,) = local_pairs(STRETCHES, turns).agreement
    (one,) = local_pairs(STRETCHES, turns[:1]).agreement
    (two,) = local_pairs(STRETCHES, turns[1:]).agreement
    assert two < agreement < one


def test_a_stretch_that_a_window_hardly_contains_is_not_compared_in_it() -> None:
    turns = [LocalTurn(0, 0.0, 2.0, 0), LocalTurn(0, 2.0, 2.8, 1)]
    assert len(local_pairs(STRETCHES, turns).first) == 0
    assert len(local_pairs(STRETCHES, []).first) == len(local_pairs([], []).first) == 0


def test_agreement_between_groups_is_symmetric() -> None:
    turns = [LocalTurn(0, 0.0, 4.0, 0), LocalTurn(0, 4.0, 6.0, 1)]
    sums, pairs = local_pairs(STRETCHES, turns).between(np.array([0, 0, 1, 1]), 2)
    assert np.allclose(sums, sums.T) and np.array_equal(pairs, [[2, 2], [2, 0]])
    assert sums[0, 1] < 0 < sums[0, 0]
