"""What a model's file says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reelmill.models.whisper.spec import WhisperSpec
from reelmill.models.whisper.weights import layers


def test_layers__of_the_demo_model(demo):
    assert layers(demo.path / "model.bin") == (4, 2)


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b"\6\0\0\0\xff\xffabc"])
def test_layers__of_a_damaged_file__are_none(tmp_path: Path, content: bytes):
    (tmp_path / "model.bin").write_bytes(content)
    assert layers(tmp_path / "model.bin") == (0, 0)


@pytest.mark.parametrize(
    ("counts", "changes", "can"),
    [
        ((6, 6), {}, True),
        ((32, 32), {}, True),
        ((32, 4), {}, False),  # turbo
        ((6, 6), {"multilingual": False}, False),
    ],
)
def test_why_not_translating__english_only_and_distilled_models_cannot(
    demo, monkeypatch, counts, changes, can
):
    spec = replace(WhisperSpec(demo.path, "base", demo.identity, demo.n_mels), **changes)
    monkeypatch.setattr("reelmill.models.whisper.spec.layers", lambda path: counts)
    assert (spec.why_not_translating is None) == can
