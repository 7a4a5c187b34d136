"""Run Whisper's encoder, with a limit on windows per call, and copy its output to the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.models.whisper.features import FRAMES_PER_SECOND, WINDOW_FRAMES, pad_or_trim

#: Windows the encoder gets at once on a GPU. CTranslate2's softmax counts attention weights
#: (windows x heads x 1500 x 1500) with 32 bits there (softmax_gpu.cu): with the 20 heads of
#: large-v3, results from the 96th window on would be wrong, without an error.
_ENCODED_AT_ONCE = 64
#: A context shorter than the longest has at least so many frames of silence behind the sound: with
#: little, Whisper does not notice that the sound is over, and repeats itself.
_SILENCE = 3 * FRAMES_PER_SECOND


class Encoder:
    """The encoder of a loaded `ctranslate2.models.Whisper`.

    `contexts` are the numbers of frames to which windows are padded, ascending: each to the first
    that is long enough.
    """

    def __init__(self, model: Any, contexts: Sequence[int] = (WINDOW_FRAMES,)) -> None:
        self._contexts = contexts
        self._model = model

    def context(self, window: Float32) -> int:
        """The number of frames to which a window is padded or cut."""
        needed = window.shape[1] + _SILENCE
        return next((one for one in self._contexts if one >= needed), self._contexts[-1])

    def encode(self, windows: Sequence[Float32], context: int) -> Any:
        """The encoder's output, shape (windows, half of the context, width).

        The CPU encodes one window at a time, because the attention matrices of more do not fit
        into its caches. A GPU encodes the whole batch, up to a limit.
        """
        at_once = 1 if self._model.device == "cpu" else _ENCODED_AT_ONCE
        if len(windows) <= at_once:
            return self._together(windows, context)
        parts = [
            _on_host(self._together(windows[start : start + at_once], context))
            for start in range(0, len(windows), at_once)
        ]
        return _storage(np.concatenate(parts))

    def _together(self, windows: Sequence[Float32], context: int) -> Any:
        padded = [pad_or_trim(features, context)[None] for features in windows]
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
