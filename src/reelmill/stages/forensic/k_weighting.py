"""The K-weighting of ITU-R BS.1770, by which loudness is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from reelmill.core.arrays import Float32, Float64

#: Samples: all but 2e-9 of the filters' impulse response at 16 kHz.
_RESPONSE = 1536
#: The order of the two filters together: what is heard of all earlier frames is a sum of so many
#: decaying signals.
_ORDER = 4


@dataclass(frozen=True)
class KWeighting:
    """The filters for frames of one length, as matrices: one product filters thousands of frames,
    several times as fast as a Fourier transform. (scipy.signal takes 1 s of CPU to import.)

    Attributes:
        within: what a frame makes of itself, shape (frame, frame).
        left: what each frame leaves for those after it, shape (frame, frames after it × order).
        heard: what is heard of it, shape (order, frame).
    """

    within: Float32
    left: Float32
    heard: Float32

    @property
    def memory(self) -> int:
        """How many frames back the filters reach."""
        return int(self.left.shape[1] // _ORDER)

    def filtered(self, frames: Float32) -> Float32:
        """The weighted sound of all frames but the first `memory`, shape (frames, frame)."""
        found: Float32 = frames[self.memory :] @ self.within
        left = frames @ self.left
        states = np.zeros((len(found), _ORDER), np.float32)
        for back in range(1, self.memory + 1):
            first = self.memory - back
            columns = slice((back - 1) * _ORDER, back * _ORDER)
            states += left[first : first + len(found), columns]
        found += states @ self.heard
        return found


@cache
def k_weighting_of(rate: int, frame: int) -> KWeighting:
    """The filters for a sampling rate and frames of so many samples."""
    memory = math.ceil(_RESPONSE / frame)
    response = np.zeros((memory + 2) * frame)
    response[frame : frame + _RESPONSE] = _impulse_response(rate)
    sample = np.arange(frame)
    delays = frame + sample[None, :] - sample[:, None]
    after = [response[delays + back * frame] for back in range(memory + 1)]
    heard = np.linalg.svd(after[1])[2][:_ORDER]
    left = [one @ heard.T for one in after[1:]]
    return KWeighting(
        after[0].astype(np.float32),
        np.concatenate(left, axis=1).astype(np.float32),
        heard.astype(np.float32),
    )


def _impulse_response(rate: int) -> Float64:
    response = np.zeros(_RESPONSE)
    response[0] = 1.0
    for b0, b1, b2, _, a1, a2 in k_weighting(rate).tolist():
        x1 = x2 = y1 = y2 = 0.0
        for at, x0 in enumerate(response.tolist()):
            y0 = b0 * x0 + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
            x2, x1, y2, y1 = x1, x0, y1, y0
            response[at] = y0
    return response


def k_weighting(rate: int) -> Float64:
    """The two filters of BS.1770 for any sampling rate, as second-order sections, shape (2, 6).

    The standard has their coefficients for 48 kHz. These are the analog prototypes behind those,
    transformed for `rate` (bilinear), as libebur128 and FFmpeg do it.
    """
    return np.array([_high_shelf(rate), _high_pass(rate)])


def _high_shelf(rate: int) -> list[float]:
    gain, quality = 3.999843853973347, 0.7071752369554196
    k = math.tan(math.pi * 1681.974450955533 / rate)
    high = 10 ** (gain / 20)
    band = high**0.4996667741545416
    a0 = 1 + k / quality + k * k
    return [
        (high + band * k / quality + k * k) / a0,
        2 * (k * k - high) / a0,
        (high - band * k / quality + k * k) / a0,
        1.0,
        2 * (k * k - 1) / a0,
        (1 - k / quality + k * k) / a0,
    ]


def _high_pass(rate: int) -> list[float]:
    quality = 0.5003270373238773
    k = math.tan(math.pi * 38.13547087602444 / rate)
    a0 = 1 + k / quality + k * k
    return [1.0, -2.0, 1.0, 1.0, 2 * (k * k - 1) / a0, (1 - k / quality + k * k) / a0]
