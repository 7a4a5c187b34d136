"""Weights as the model hub keeps them."""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from reelmill.errors import ModelUnavailableError
from reelmill.models.runtimes.checkpoint import read_weights


def safetensors(path: Path, tensors: dict[str, tuple[str, np.ndarray]]) -> None:
    header, data = {}, b""
    for name, (kind, array) in tensors.items():
        raw = array.tobytes()
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": offsets}
        data += raw
    written = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(written)) + written + data)


def test_safetensors_of_every_type_are_read(tmp_path: Path) -> None:
    # proves: V4
    numbers = np.array([[1.5, -2.0, 0.25]], np.float32)
    halved = (numbers.view(np.uint32) >> 16).astype(np.uint16)
    safetensors(
        tmp_path / "model.safetensors",
        {
            "full": ("F32", numbers),
            "half": ("F16", numbers.astype(np.float16)),
            "brain": ("BF16", halved),
        },
    )
    weights = read_weights(tmp_path)
    assert set(weights) == {"full", "half", "brain"}
    for one in weights.values():
        assert one.dtype == np.float32 and np.array_equal(one, numbers)


def test_a_truncated_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    safetensors(path, {"w": ("F32", np.ones(100, np.float32))})
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(
        ModelUnavailableError, match=r"model\.safetensors cannot be read.*not fully covered"
    ):
        read_weights(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="has no weights"):
        read_weights(tmp_path)


class Evil:
    def __reduce__(self):
        return (print, ("run by a file of weights",))


def test_a_pickle_that_would_run_code_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # proves: V4
    with zipfile.ZipFile(tmp_path / "pytorch_model.bin", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"w": Evil()}))
    with pytest.raises(ModelUnavailableError, match="not allowed in a file of weights"):
        read_weights(tmp_path)
    assert capsys.readouterr().out == ""
