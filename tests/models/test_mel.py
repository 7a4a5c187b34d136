"""Mel scales and filters, against figures of the literature."""

from __future__ import annotations

import numpy as np
import pytest

from reelmill.models.mel import htk_hertz, htk_mels, slaney_hertz, slaney_mels, triangles

HERTZ = np.array([0.0, 20.0, 440.0, 999.0, 1000.0, 1001.0, 4000.0, 8000.0])


def test_scales__a_thousand_hertz__are_a_thousand_mels_or_fifteen() -> None:
    assert htk_mels(np.float64(1000.0)) == pytest.approx(1000.0, abs=0.1)
    assert slaney_mels(np.float64(1000.0)) == pytest.approx(15.0)
    assert slaney_mels(np.float64(6400.0)) == pytest.approx(42.0)


def test_scales__there_and_back__is_the_same_frequency() -> None:
    assert htk_hertz(htk_mels(HERTZ)) == pytest.approx(HERTZ)
    assert slaney_hertz(slaney_mels(HERTZ)) == pytest.approx(HERTZ)


def test_triangles__between_their_corners__rise_to_one_and_fall() -> None:
    filters = triangles(np.array([0.0, 2.0, 4.0, 8.0]), np.arange(9.0))
    assert filters.tolist() == [
        [0, 0.5, 1, 0.5, 0, 0, 0, 0, 0],
        [0, 0, 0, 0.5, 1, 0.75, 0.5, 0.25, 0],
    ]
