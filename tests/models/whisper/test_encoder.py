"""How many windows the encoder gets at once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ctranslate2
import numpy as np
import pytest

from reelmill.models.whisper.encoder import Encoder


def _encoder(device: str, sizes: list[int]) -> Encoder:
    """An encoder that gives the first value of each window, as a GPU does in float16."""

    def encode(features: Any) -> Any:
        windows = np.array(features)
        sizes.append(len(windows))
        return ctranslate2.StorageView.from_array(windows[:, :1, :1].astype(np.float16))

    return Encoder(SimpleNamespace(device=device, encode=encode), (4,))


@pytest.mark.parametrize(
    ("device", "count", "sizes"),
    [
        ("cuda", 1, [1]),
        ("cuda", 64, [64]),
        ("cuda", 150, [64, 64, 22]),  # 96 are more than CTranslate2 can count attention of
        ("cpu", 3, [1, 1, 1]),
    ],
)
def test_a_large_batch_is_encoded_in_parts_in_order(
    device: str, count: int, sizes: list[int]
) -> None:
    # proves: G3
    seen: list[int] = []
    windows = [np.full((2, 4), number, np.float32) for number in range(count)]
    encoded = _encoder(device, seen).encode(windows, 4)
    assert seen == sizes
    assert np.array(encoded)[:, 0, 0].tolist() == list(range(count))


@pytest.mark.parametrize(
    ("frames", "context"), [(0, 1300), (1000, 1300), (1001, 2300), (2001, 3000), (3000, 3000)]
)
def test_a_window_is_padded_to_the_first_context_that_leaves_some_silence(
    frames: int, context: int
) -> None:
    encoder = Encoder(SimpleNamespace(device="cpu"), (1300, 2300, 3000))
    assert encoder.context(np.zeros((80, frames), np.float32)) == context
