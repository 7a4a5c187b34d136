"""Scene cuts, seen in how alike neighbouring frames are at a few hundred places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: A look at a frame: brightness from 0 to 1 at ROWS x COLUMNS places.
Glance = npt.NDArray[np.float32]
COLUMNS, ROWS = 32, 18

#: A new scene changes most places by more than noise does, and the pattern of light and dark:
#: the correlation of the two frames falls below this.
_CHANGED, _MOST = 0.04, 0.5
_LEAST_ALIKE = 0.6


def is_cut(before: Glance, after: Glance) -> bool:
    """Whether a new scene begins with `after`.

    Light going on, flashes and fades leave the pattern what it was; people who move, however
    large, leave most places what they were.
    """
    if float((np.abs(after - before) > _CHANGED).mean()) < _MOST:
        return False
    one, other = before - before.mean(), after - after.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(other))
    return norm < 1e-6 or float((one * other).sum()) / norm < _LEAST_ALIKE
