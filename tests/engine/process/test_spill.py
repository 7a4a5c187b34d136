"""Spill records: content is read back, and nothing in them is run."""

from __future__ import annotations

import json
import os
import pickle
import struct
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.engine.process.spill import pack, sealed, unpack, unsealed
from reelmill.errors import TransientError

KEY = b"k" * 32


@dataclass(frozen=True, slots=True)
class Inner:
    text: str
    scores: tuple[float, ...] = ()


@dataclass
class Outer:
    inner: list[Inner]
    by_name: dict[str, float]
    total: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.total = len(self.inner)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text() | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(plain)
def test_outputs_are_read_back_unchanged(value: Any) -> None:
    back = unpack(pack(value))
    assert back == value and type(back) is type(value)


def test_dataclasses_and_arrays_are_read_back_unchanged() -> None:
    outer = Outer([Inner("a", (0.5, float("nan"))), Inner("\ud800")], {"en": 1.0})
    back = unpack(pack(outer))
    assert type(back) is Outer and back.total == 2 and back.by_name == outer.by_name
    assert back.inner[0].text == "a" and np.isnan(back.inner[0].scores[1])
    assert back.inner[1] == outer.inner[1]
    for array in (
        np.arange(6, dtype="<f2").reshape(2, 3),
        np.zeros((0, 4), np.float32),
        np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        np.array([True, False]),
        np.array(3.5),
    ):
        got = unpack(pack([array]))[0]
        assert got.dtype == array.dtype and got.shape == array.shape
        np.testing.assert_array_equal(got, array)
        assert got.flags.writeable
    number = unpack(pack(np.float32(1.5)))
    assert type(number) is np.float32 and number == 1.5


@pytest.mark.parametrize("value", [{1, 2}, Path("/x"), object(), np.array([object()]), "x".split])
def test_other_types_are_refused_when_written(value: object) -> None:
    with pytest.raises(TypeError, match="outputs are made of numbers"):
        pack(value)


def record(tree: Any, *buffers: bytes) -> bytes:
    header = json.dumps([tree, [len(one) for one in buffers]]).encode()
    return struct.pack("<Q", len(header)) + header + b"".join(buffers)


@pytest.mark.parametrize(
    "tree",
    [
        {"class": ["os", "system", ["true"]]},
        {"class": ["subprocess", "Popen", []]},
        {"class": ["not.there", "Thing", []]},
        {"class": [__name__, "Inner", ["too few"]]},
        {"array": [0, "O", [1]]},
        {"array": [0, "V8", [1]]},
        {"array": [7, "<f4", [1]]},
        {"what": 1},
        {"tuple": [], "list": []},
    ],
)
def test_a_record_cannot_create_other_types(tree: Any) -> None:
    # proves: G12
    with pytest.raises((ValueError, TypeError, KeyError, IndexError)):
        unpack(record(tree, b"12345678"))


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    # proves: G12
    class Evil:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "ran"),)

    data = pickle.dumps(Evil())
    with pytest.raises(TransientError, match="changed by another program"):
        unsealed(KEY, tmp_path / "spill", 0, b"\0" * 32 + data)
    with pytest.raises((ValueError, TypeError, KeyError, IndexError, struct.error)):
        unpack(data)
    assert not (tmp_path / "ran").exists()


def test_a_record_is_valid_only_at_its_place() -> None:
    # proves: G12
    data = sealed(KEY, Path("/a/one"), 10, b"record")
    assert unsealed(KEY, Path("/b/one"), 10, data) == b"record"
    for key, path, offset, got in (
        (KEY, "/a/two", 10, data),
        (KEY, "/a/one", 11, data),
        (b"x" * 32, "/a/one", 10, data),
        (KEY, "/a/one", 10, data[:-1] + b"e"),
        (KEY, "/a/one", 10, b""),
    ):
        with pytest.raises(TransientError):
            unsealed(key, Path(path), offset, got)


def test_an_output_is_packed_and_unpacked_in_under_10_ms() -> None:
    """A window's text or a chunk's faces take well under a millisecond."""
    value = [Inner("some words that were said", (0.1,) * 10)] * 20 + [np.zeros((36, 4), "<f4")]
    began = time.process_time()
    for _ in range(100):
        unpack(pack(value))
    assert (time.process_time() - began) / 100 < 0.01
