"""Find scene cuts by comparing neighbouring frames at a few hundred points."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: A frame reduced to its brightness, 0 to 1, at ROWS x COLUMNS points.
Glance = npt.NDArray[np.float32]
COLUMNS, ROWS = 32, 18

#: A new scene changes most points by more than noise does, and it changes the pattern of light and
#: dark: the correlation of the two frames falls below the second value.
_CHANGED, _MOST = 0.04, 0.5
_LEAST_ALIKE = 0.6


def is_cut(before: Glance, after: Glance) -> bool:
    """Whether a new scene begins with `after`.

    A light switched on, flashes and fades keep the pattern; people who move keep most points,
    however large they are.
    """
    if float((np.abs(after - before) > _CHANGED).mean()) < _MOST:
        return False
    one, other = before - before.mean(), after - after.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return norm < 1e-6 or float((one * other).sum()) / norm < _LEAST_ALIKE
