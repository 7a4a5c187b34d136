"""The arena: one fixed piece of shared memory through which items reach the model workers.

Its size is the memory budget. When it is full, `split` waits, and this is the only back-pressure.
The memory belongs to an unnamed file descriptor that is passed to the worker processes. It is
released when the last process ends, however that happens.
"""

from __future__ import annotations

import bisect
import mmap
import os
import pickle
import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PAGE = 4096
_ALIGN = 64
_COUNT = struct.Struct("<I")
_SIZE = struct.Struct("<Q")


@dataclass(frozen=True)
class Block:
    """A piece of the arena: byte offset and size."""

    offset: int
    size: int


def create_memory(size: int) -> int:
    """Open a file descriptor for `size` bytes of unnamed shared memory."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("reelmill-arena")
    else:  # macOS has no memfd; an unlinked file is the closest equivalent
        descriptor, name = tempfile.mkstemp(prefix="reelmill-arena-")
        Path(name).unlink()
    resize_memory(descriptor, size)
    return descriptor


def resize_memory(descriptor: int, size: int) -> None:
    """Give shared memory another size, before any process uses it."""
    os.ftruncate(descriptor, size)


class Arena:
    """A process's view of the shared memory."""

    def __init__(self, descriptor: int) -> None:
        mapped = os.fstat(descriptor).st_size
        self.size = mapped // _PAGE * _PAGE  # aligned as by the allocator
        self._map = mmap.mmap(descriptor, mapped)
        self.view = memoryview(self._map)

    def close(self) -> None:
        self.view.release()
        self._map.close()

    def write(self, block: Block, packed: Packed) -> None:
        """Copy a packed object into its block."""
        packed.write_to(self.view[block.offset : block.offset + block.size])

    def read(self, block: Block) -> Any:
        """The object in a block. Its arrays are read-only views, valid until the block is freed."""
        return unpack(self.view[block.offset : block.offset + block.size].toreadonly())


class Packed:
    """An object serialized for the arena: the pickle stream and, out of band, its arrays'
    buffers."""

    def __init__(self, value: Any) -> None:
        buffers: list[pickle.PickleBuffer] = []
        stream = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        self._parts = [memoryview(stream), *(buffer.raw() for buffer in buffers)]
        self._header = _COUNT.pack(len(self._parts)) + b"".join(
            _SIZE.pack(part.nbytes) for part in self._parts
        )
        self.size = _aligned(len(self._header)) + sum(_aligned(p.nbytes) for p in self._parts)

    def write_to(self, target: memoryview) -> None:
        target[: len(self._header)] = self._header
        at = _aligned(len(self._header))
        for part in self._parts:
            target[at : at + part.nbytes] = part
            at += _aligned(part.nbytes)


def unpack(source: memoryview) -> Any:
    """Reverse `Packed.write_to`. Arrays remain views into `source`."""
    (count,) = _COUNT.unpack_from(source)
    sizes = [_SIZE.unpack_from(source, _COUNT.size + i * _SIZE.size)[0] for i in range(count)]
    at = _aligned(_COUNT.size + count * _SIZE.size)
    parts = []
    for size in sizes:
        parts.append(source[at : at + size])
        at += _aligned(size)
    return pickle.loads(parts[0], buffers=parts[1:])


def _aligned(size: int) -> int:
    return (size + _ALIGN - 1) // _ALIGN * _ALIGN


class Allocator:
    """Tracks which parts of the arena are in use; only the coordinator has one. First fit, whole
    pages."""

    def __init__(self, size: int) -> None:
        self.size = size // _PAGE * _PAGE
        self.used = 0
        self._free: list[tuple[int, int]] = [(0, self.size)]  # (offset, size), by offset

    def allocate(self, size: int) -> Block | None:
        """Allocate a block of at least `size` bytes; None when there is no room now."""
        wanted = max(_PAGE, (size + _PAGE - 1) // _PAGE * _PAGE)
        for at, (offset, room) in enumerate(self._free):
            if room >= wanted:
                if room == wanted:
                    del self._free[at]
                else:
                    self._free[at] = (offset + wanted, room - wanted)
                self.used += wanted
                return Block(offset, wanted)
        return None

    def free(self, block: Block) -> None:
        """Free a block. Neighbouring free pieces are merged."""
        offset, size = block.offset, block.size
        self.used -= size
        at = bisect.bisect(self._free, (offset, 0))
        if at < len(self._free) and offset + size == self._free[at][0]:
            size += self._free.pop(at)[1]
        if at > 0 and sum(self._free[at - 1]) == offset:
            offset, before = self._free.pop(at - 1)
            size, at = size + before, at - 1
        self._free.insert(at, (offset, size))
