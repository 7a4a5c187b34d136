"""Run Whisper's encoder, with a limit on windows per call, and copy its output to the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.models.whisper.features import WINDOW_FRAMES, pad_or_trim

#: Windows the encoder gets at once on a GPU. CTranslate2's softmax counts attention weights
#: (windows x heads x 1500 x 1500) with 32 bits there (softmax_gpu.cu): with the 20 heads of
#: large-v3, results from the 96th window on would be wrong, without an error.
_ENCODED_AT_ONCE = 64


class Encoder:
    """The encoder of a loaded `ctranslate2.models.Whisper`; windows are padded to `frames`."""

    def __init__(self, model: Any, frames: int = WINDOW_FRAMES) -> None:
        self.frames = frames
        self._model = model

    def encode(self, windows: Sequence[Float32]) -> Any:
        """The encoder's output, shape (windows, half of the padded frames, width).

        The CPU encodes one window at a time: a batch gives the same numbers, but its attention
        matrices are too large for the allocator's pools and are mapped and zeroed anew in every
        layer (two thirds of the time with 16 windows). A GPU encodes the whole batch, up to a
        limit.
        """
        at_once = 1 if self._model.device == "cpu" else _ENCODED_AT_ONCE
        if len(windows) <= at_once:
            return self._together(windows)
        parts = [
            _on_host(self._together(windows[start : start + at_once]))
            for start in range(0, len(windows), at_once)
        ]
        return _storage(np.concatenate(parts))

    def _together(self, windows: Sequence[Float32]) -> Any:
        padded = [pad_or_trim(features, self.frames)[None] for features in windows]
        return self._model.encode(_storage(np.concatenate(padded)))


def rows_of(encoded: Any, rows: list[int]) -> Any:
    """Some rows of an encoder output (windows, positions, width), copied through the model worker.

    CTranslate2 has no gather of its own in Python; a row is 4 MB for the largest model, and
    few windows fail.
    """
    return _storage(_on_host(encoded)[rows])


def _on_host(encoded: Any) -> Any:
    """An encoder output as a NumPy array, which has no bfloat16."""
    import ctranslate2

    if encoded.dtype == ctranslate2.DataType.bfloat16:
        encoded = encoded.to(ctranslate2.DataType.float32)
    if encoded.device != "cpu":
        encoded = encoded.to_device(ctranslate2.Device.cpu)
    return np.array(encoded)


def _storage(array: Float32) -> Any:
    import ctranslate2

    # It refuses read-only arrays, such as a full window in shared memory.
    return ctranslate2.StorageView.from_array(np.require(array, requirements=("C", "W")))
