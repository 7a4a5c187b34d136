"""The arena: content is read back, memory is never allocated twice and always freed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelmill.engine.process.arena import Allocator, Arena, Block, Packed, create_memory, unpack

PAGE = 4096
#: Allocate a number of bytes, or free the n-th allocated block.
steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(1, 12 * PAGE)),
        st.tuples(st.just("give"), st.integers(0, 50)),
    ),
    max_size=200,
)


@given(steps)
def test_blocks_never_overlap_and_all_memory_is_freed(plan: list[tuple[str, int]]) -> None:
    # proves: G20
    size = 64 * PAGE
    allocator, out = Allocator(size), list[Block]()
    for what, number in plan:
        if what == "take":
            block = allocator.allocate(number)
            if block is not None:
                assert block.size >= number and block.offset % PAGE == 0
                assert block.offset >= 0 and block.offset + block.size <= size
                assert all(_apart(block, other) for other in out)
                out.append(block)
        elif out:
            allocator.free(out.pop(number % len(out)))
        assert allocator.used == sum(block.size for block in out)
    for block in out:
        allocator.free(block)
    assert allocator.used == 0
    assert allocator.allocate(size) == Block(0, size), "pieces did not become one again"


def _apart(one: Block, other: Block) -> bool:
    return one.offset + one.size <= other.offset or other.offset + other.size <= one.offset


@given(st.permutations(range(8)))
def test_freed_neighbours_merge_in_any_order(order: list[int]) -> None:
    allocator = Allocator(8 * PAGE)
    blocks = [allocator.allocate(PAGE) for _ in range(8)]
    assert allocator.allocate(1) is None
    for at in order:
        block = blocks[at]
        assert block is not None
        allocator.free(block)
    assert allocator.allocate(8 * PAGE) == Block(0, 8 * PAGE)


def test_a_hole_is_used_again() -> None:
    allocator = Allocator(4 * PAGE)
    first, second = allocator.allocate(PAGE), allocator.allocate(2 * PAGE)
    assert first is not None and second is not None
    allocator.free(first)
    assert allocator.allocate(PAGE) == first
    assert allocator.allocate(2 * PAGE) is None


def test_any_size_up_to_that_of_the_arena_can_be_allocated() -> None:
    # an arena of a fractional number of pages must not use its incomplete last page
    descriptor = create_memory(10 * PAGE + 100)
    arena = Arena(descriptor)
    assert Allocator(10 * PAGE + 100).allocate(arena.size) is not None
    arena.close()
    os.close(descriptor)


arrays = st.tuples(
    st.sampled_from(["float32", "int16", "uint8", "float64"]),
    st.lists(st.integers(0, 7), min_size=0, max_size=3),
).map(lambda of: np.arange(int(np.prod(of[1])), dtype=of[0]).reshape(of[1]))


@given(st.lists(arrays, max_size=5), st.text(max_size=20), st.integers(0, 3))
def test_objects_are_read_back_unchanged(parts: list[np.ndarray], text: str, slack: int) -> None:
    # proves: G20
    packed = Packed({"parts": parts, "text": text})
    memory = bytearray(packed.size + slack * PAGE)
    packed.write_to(memoryview(memory))
    back = unpack(memoryview(memory).toreadonly())
    assert back["text"] == text
    for sent, got in zip(parts, back["parts"], strict=True):
        assert got.dtype == sent.dtype and np.array_equal(sent, got)


@dataclass
class Piece:
    samples: Any
    cost: float = 1.0


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_views_into_the_arena_and_cannot_be_written(order: Any) -> None:
    # proves: G20
    descriptor = create_memory(64 * PAGE)
    writer, reader = Arena(descriptor), Arena(descriptor)
    samples = np.asarray(np.arange(600, dtype=np.float32).reshape(20, 30), order=order)
    packed = Packed(Piece(samples))
    block = Allocator(writer.size).allocate(packed.size)
    assert block is not None
    writer.write(block, packed)
    got = reader.read(block)
    assert np.array_equal(got.samples, samples)
    with pytest.raises(ValueError, match="read-only"):
        got.samples[0, 0] = 1
    os.pwrite(descriptor, b"\xff" * packed.size, block.offset)
    assert not np.array_equal(got.samples, samples), "it was a copy"
    os.close(descriptor)


def test_a_strided_array_is_sent_too() -> None:
    packed = Packed(Piece(np.arange(100, dtype=np.int16)[::3]))
    memory = memoryview(bytearray(packed.size))
    packed.write_to(memory)
    assert unpack(memory).samples.tolist() == list(range(0, 100, 3))


@settings(max_examples=20)
@given(st.integers(1, 5 * PAGE))
def test_the_memory_file_has_no_name(size: int) -> None:
    # proves: G12 G20
    descriptor = create_memory(size)
    try:
        assert os.fstat(descriptor).st_size == size
        assert os.fstat(descriptor).st_nlink == 0
    finally:
        os.close(descriptor)
