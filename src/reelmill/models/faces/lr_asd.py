"""Active speaker detection: LR-ASD looks at a face and listens, and gives a probability every 40
ms.

Liao et al., "LR-ASD: Lightweight and Robust Network for Active Speaker Detection", IJCV 133, 2025.
The weights are downloaded at first use and converted to ONNX.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.core.arrays import Float32, UInt8
from reelmill.engine.stage import Device
from reelmill.models.faces.lr_asd_convert import COEFFICIENTS, SIDE, SOUND_FRAMES
from reelmill.models.mel import htk_hertz, htk_mels, triangles
from reelmill.models.runtimes.onnx import OnnxFileSpec, open_network

#: Pictures a second, and samples a second of the sound, that the network was trained with.
RATE, SAMPLE_RATE = 25, 16_000
#: For Davis and Mermelstein's cepstra: window, step and length of the transform in samples, and
#: bands.
_WINDOW, _STEP, _TRANSFORM, _BANDS = 400, 160, 512, 26
_EMPHASIS, _LIFTER = 0.97, 22
#: Pictures the network gets in one call, and memory for one, MB.
_FRAMES_A_CALL, _A_FRAME_MB = 300, 1.0


@dataclass(frozen=True)
class LrAsdSpec(OnnxFileSpec):
    """A converted network on this machine."""

    purpose: ClassVar[str] = "active speaker detector"

    @property
    def lightweight(self) -> bool:
        return True

    def memory_mb(self, device_kind: str) -> float:
        return 120 + _FRAMES_A_CALL * _A_FRAME_MB

    def load(self, device: Device, threads: int) -> LrAsd:
        """As `open_network`."""
        return LrAsd(open_network(self.path, device, threads))

    def warm_up(self, model: LrAsd) -> None:
        sound = np.zeros((SOUND_FRAMES, COEFFICIENTS), np.float32)
        model.speaking([(sound, np.full((1, SIDE, SIDE), 127, np.uint8))])


class LrAsd:
    """A loaded network."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def speaking(self, windows: Sequence[tuple[Float32, UInt8]]) -> list[Float32]:
        """For each window the probabilities (t,) that the face speaks.

        Args:
            windows: sound (4 t, 13) as `cepstra` gives it, and pictures (t, 112, 112), uint8 grey,
                of the lower half of a face. Those of one length are computed together.
        """
        found: dict[int, Float32] = {}
        lengths = [len(faces) for _, faces in windows]
        for length in sorted(set(lengths)):
            same = [place for place, one in enumerate(lengths) if one == length]
            at_once = max(1, _FRAMES_A_CALL // max(1, length))
            for start in range(0, len(same), at_once):
                some = same[start : start + at_once]
                sound = np.stack([windows[place][0] for place in some])
                faces = np.stack([windows[place][1] for place in some])
                inputs = {"sound": sound, "faces": faces}
                (probabilities,) = self._network.run(["probabilities"], inputs)
                found.update(zip(some, probabilities, strict=True))
        return [found[place] for place in range(len(windows))]


def cepstra(samples: Float32, frames: int) -> Float32:
    """Mel-frequency cepstral coefficients, the first one the logarithm of the energy: (frames, 13).

    Davis and Mermelstein, "Comparison of parametric representations for monosyllabic word
    recognition in continuously spoken sentences", IEEE TASSP 28(4), 1980, with the defaults of
    python_speech_features: 25 ms every 10 ms, 26 bands up to half the sample rate, pre-emphasis of
    0.97, no window function, lifter of 22.

    Args:
        samples: of 16 kHz, in the range of 16-bit integers.
        frames: how many to return; beyond the samples there is silence.
    """
    samples = samples.astype(np.float64)
    shaped = np.append(samples[:1], samples[1:] - _EMPHASIS * samples[:-1])
    missing = max(0, (frames - 1) * _STEP + _WINDOW - len(shaped))
    shaped = np.append(shaped, np.zeros(missing))
    windows = np.lib.stride_tricks.sliding_window_view(shaped, _WINDOW)[::_STEP][:frames]
    power = np.abs(np.fft.rfft(windows, _TRANSFORM)) ** 2 / _TRANSFORM
    tiny = np.finfo(np.float64).eps
    energy = power.sum(axis=1)
    bands = power @ _mel_bands().T
    logs = np.log(np.where(bands == 0, tiny, bands))
    result = logs @ _cosines().T * _lifter()
    result[:, 0] = np.log(np.where(energy == 0, tiny, energy))
    return np.asarray(result, np.float32)


@lru_cache(maxsize=1)
def _mel_bands() -> npt.NDArray[np.float64]:
    """(bands, bins) triangles evenly spaced on the mel scale, corners at whole bins."""
    hertz = htk_hertz(np.linspace(0, htk_mels(np.float64(SAMPLE_RATE / 2)), _BANDS + 2))
    corners = np.floor((_TRANSFORM + 1) * hertz / SAMPLE_RATE)
    return triangles(corners, np.arange(_TRANSFORM // 2 + 1, dtype=np.float64))


@lru_cache(maxsize=1)
def _cosines() -> npt.NDArray[np.float64]:
    """(13, bands) the orthonormal discrete cosine transform of the second kind."""
    places = np.pi * np.outer(np.arange(COEFFICIENTS), np.arange(_BANDS) + 0.5) / _BANDS
    cosines: npt.NDArray[np.float64] = np.cos(places) * np.sqrt(2 / _BANDS)
    cosines[0] /= np.sqrt(2)
    return cosines


def _lifter() -> npt.NDArray[np.float64]:
    """The factors that raise the higher coefficients."""
    lifter: npt.NDArray[np.float64] = 1 + _LIFTER / 2 * np.sin(
        np.pi * np.arange(COEFFICIENTS) / _LIFTER
    )
    return lifter
