"""Mel scales and their filters, as used in training the networks."""

from __future__ import annotations

import numpy as np

from reelmill.core.arrays import Float64

_HERTZ_PER_MEL = 200.0 / 3
_LOG_FROM_HERTZ = 1000.0
_LOG_FROM_MEL = _LOG_FROM_HERTZ / _HERTZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0


def triangles(corners: Float64, places: Float64) -> Float64:
    """Filters of height 1, each rising from a corner to the next and falling to the one after it.

    Args:
        corners: (n + 2,), rising.
        places: (m,) where the filters are wanted, in the unit of the corners.

    Returns:
        (n, m)
    """
    widths = np.diff(corners)[:, None]
    beyond = places[None, :] - corners[:, None]
    filters: Float64 = np.minimum(beyond[:-2] / widths[:-1], -beyond[2:] / widths[1:])
    return np.maximum(0.0, filters)


def htk_mels(hertz: Float64) -> Float64:
    """The scale of HTK and Kaldi: O'Shaughnessy, Speech Communication, 1987."""
    return 1127 * np.log1p(hertz / 700)


def htk_hertz(mels: Float64) -> Float64:
    """The inverse of `htk_mels`."""
    return 700 * np.expm1(mels / 1127)


def slaney_mels(hertz: Float64) -> Float64:
    """Slaney, Auditory Toolbox, 1998: linear up to 1 kHz, logarithmic above."""
    above = np.log(np.maximum(hertz, _LOG_FROM_HERTZ) / _LOG_FROM_HERTZ) / _LOG_STEP
    return np.where(hertz < _LOG_FROM_HERTZ, hertz / _HERTZ_PER_MEL, _LOG_FROM_MEL + above)


def slaney_hertz(mels: Float64) -> Float64:
    """The inverse of `slaney_mels`."""
    above = np.exp(_LOG_STEP * (np.maximum(mels, _LOG_FROM_MEL) - _LOG_FROM_MEL))
    return np.where(mels < _LOG_FROM_MEL, mels * _HERTZ_PER_MEL, _LOG_FROM_HERTZ * above)
