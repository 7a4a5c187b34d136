"""A camera that follows a face: turn its boxes into the windows that are cut out. Pure functions.

The whole path is known before the first picture is cut, so the camera need not chase the face: a
symmetric kernel smooths the path without lag, and the camera starts before a sudden movement.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = npt.NDArray[np.float64]

#: The smoothing kernel ends after this many standard deviations.
_REACH = 3.0

#: The window's size follows the face this many times more slowly than its position: zooming is more
#: noticeable than panning.
_ZOOM_CALM = 3.0

#: The size is kept until the face has become this much larger or smaller: boxes of a face at the
#: same distance differ by less, and a picture that keeps zooming slightly is disturbing and costs
#: more to encode.
_ZOOM_SLACK = 0.08

#: The highest rate of times that are smoothed; denser ones (high-speed video) are thinned out.
_MOST_RATE = 60.0


@dataclass(frozen=True)
class Framing:
    """How a face is shown.

    `aspect`: the window's width to its height, in pixels of the original. `face_share`: the face's
    height as a share of the window's shorter side. `smooth_seconds`: standard deviation of the
    smoothing. `most_speed`: how far the camera may move in a second, in shorter sides.
    `least_side`: the least shorter side of the window in pixels, however far away the face is.
    `height`: the position of the middle of the face in the window, from 0 (top) to 1.
    """

    aspect: float = 1.0
    face_share: float = 0.45
    smooth_seconds: float = 0.25
    most_speed: float = 1.5
    least_side: float = 0.0
    height: float = 0.5


def camera_path(
    times: Floats,
    boxes: npt.NDArray[np.floating],
    breaks: Sequence[int],
    picture: tuple[int, int],
    framing: Framing,
) -> Floats:
    """The window at each of `times`: (n, 4) x, y, width, height in pixels, inside the picture.

    Args:
        times: (n,) seconds, ascending; any spacing.
        boxes: (n, 4) x, y, width, height of the face.
        breaks: indices at which a new shot begins; the camera never moves across one.
        picture: width and height.
    """
    windows = np.empty((len(times), 4))
    edges = [0, *sorted({b for b in breaks if 0 < b < len(times)}), len(times)]
    for first, end in pairwise(edges):
        if end > first:
            part = slice(first, end)
            windows[part] = _shot(times[part], boxes[part].astype(float), picture, framing)
    return windows


def _shot(times: Floats, boxes: Floats, picture: tuple[int, int], framing: Framing) -> Floats:
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    aspect = framing.aspect
    unit = np.array([max(1.0, aspect), max(1.0, 1 / aspect)])  # the window with a shorter side of 1
    wanted = np.maximum(boxes[:, 3] / framing.face_share, framing.least_side)
    calm = held(smooth(times, wanted, _ZOOM_CALM * framing.smooth_seconds))
    calm = smooth(times, calm, framing.smooth_seconds)
    path = np.column_stack([smooth(times, c, framing.smooth_seconds) for c in centres.T])
    path = np.column_stack([bounded(times, p, framing.most_speed * calm) for p in path.T])
    side = _covering(times, calm, path, boxes, unit, framing)
    side = np.minimum(side, min(picture[0] / unit[0], picture[1] / unit[1]))
    size = side[:, None] * unit
    place = np.array([0.5, framing.height])
    corner = np.clip(path - size * place, 0, np.array(picture) - size)
    return np.column_stack([corner, size])


def _covering(
    times: Floats, calm: Floats, path: Floats, boxes: Floats, unit: Floats, framing: Framing
) -> Floats:
    """The shorter side, enlarged so that a face too fast for the camera stays in the window: the
    camera zooms out in time, and back in gently."""
    before, after = path - boxes[:, :2], boxes[:, :2] + boxes[:, 2:] - path
    place = np.array([0.5, framing.height])
    needed = np.maximum(before / place, after / (1 - place))
    needed = (needed / unit).max(axis=1)
    if np.all(needed <= calm):
        return calm
    wide = running_maximum(times, np.maximum(calm, needed), _REACH * framing.smooth_seconds)
    wide = smooth(times, wide, framing.smooth_seconds)
    return np.asarray(np.maximum(wide, np.maximum(calm, needed)))


def smooth(times: Floats, values: Floats, sigma: float) -> Floats:
    """Smooth without lag, also at the ends, for any spacing of times.

    Local linear regression with Gaussian weights (Cleveland, 1979): in the middle it equals a
    Gaussian filter run forward and backward, and at the ends it has no bias inwards; a face that
    moves steadily is followed exactly.
    """
    if len(times) < 3 or sigma <= 0:
        return np.array(values)
    count = max(2, 1 + int(np.ceil((times[-1] - times[0]) / _step(times))))
    grid = np.linspace(times[0], times[-1], count)
    step = float(grid[1] - grid[0])
    x = np.interp(grid, times, values)
    half = min(max(1, round(_REACH * sigma / step)), len(grid) - 1)
    at = np.arange(-half, half + 1) * step
    weight = np.exp(-0.5 * (at / sigma) ** 2)
    one: Floats = np.ones(len(x))
    s0, s1, s2 = (_correlate(one, weight * at**power) for power in range(3))
    t0, t1 = (_correlate(x, weight * at**power) for power in range(2))
    fitted = (s2 * t0 - s1 * t1) / np.maximum(s0 * s2 - s1**2, 1e-12)
    return np.asarray(np.interp(times, grid, fitted))


def held(values: Floats, slack: float = _ZOOM_SLACK) -> Floats:
    """Values that change only where the given ones differ from them by more than the share `slack`.

    The mean of a forward and a backward run, both starting at the median, so that neither the
    beginning nor the end of a shot decides its size.
    """
    forward = _hold(values, slack)
    backward = _hold(values[::-1], slack)[::-1]
    return np.asarray((forward + backward) / 2)


def bounded(times: Floats, values: Floats, most_speed: Floats) -> Floats:
    """Values that change by at most `most_speed` (per second, at each time).

    The mean of a follower running forward and one running backward: both are bounded, so their
    mean is, and the lag of one is the lead of the other.
    """
    steps = np.diff(times) * (most_speed[1:] + most_speed[:-1]) / 2
    if np.all(np.abs(np.diff(values)) <= steps):
        return values
    forward = _follow(values, steps)
    backward = _follow(values[::-1], steps[::-1])[::-1]
    return np.asarray((forward + backward) / 2)


def running_maximum(times: Floats, values: Floats, reach: float) -> Floats:
    """The largest value within `reach` seconds of each time."""
    first = np.searchsorted(times, times - reach)
    end = np.searchsorted(times, times + reach, side="right")
    queue: list[int] = []
    head, taken = 0, 0
    result = np.empty_like(values)
    for i in range(len(values)):
        while taken < end[i]:
            while len(queue) > head and values[queue[-1]] <= values[taken]:
                queue.pop()
            queue.append(taken)
            taken += 1
        while queue[head] < first[i]:
            head += 1
        result[i] = values[queue[head]]
    return result


def _step(times: Floats) -> float:
    """The spacing of the grid that is smoothed on."""
    usual = float(np.median(np.diff(times)))
    return max(usual, 1 / _MOST_RATE)


def _correlate(values: Floats, kernel: Floats) -> Floats:
    """Sums of `values` weighted by a kernel around each; values beyond the ends count as zero."""
    half = len(kernel) // 2
    full = np.convolve(values, kernel[::-1])
    return np.asarray(full[half : half + len(values)])


def _hold(values: Floats, slack: float) -> Floats:
    result = np.empty_like(values)
    now = float(np.median(values))
    for i, value in enumerate(values.tolist()):
        now = result[i] = min(max(now, value / (1 + slack)), value * (1 + slack))
    return result


def _follow(values: Floats, steps: Floats) -> Floats:
    result = np.empty_like(values)
    now = result[0] = float(values[0])
    for i, step in enumerate(steps.tolist(), start=1):
        now += min(max(float(values[i]) - now, -step), step)
        result[i] = now
    return result
