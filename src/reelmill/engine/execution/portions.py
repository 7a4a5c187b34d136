"""Portions: some items of a model stage, or some of its parts, whose outputs engines give each
other.

A portion is named by what determines its outputs, and sealed with the user's key under that name.
It holds no pickle.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelmill.core.keys import Seal
from reelmill.engine.process import spill

#: Items in a portion, or parts, of a stage that has parts. With fewer, engines would spend their
#: time on claims; with more, some would have nothing to do while others finish.
SIZE = 8

_PURPOSE = "portion"
_SEAL_BYTES = 32


@dataclass(frozen=True)
class PartOutputs:
    """The outputs of a part in a portion, as records of `spill`, and what its `split` returned."""

    records: list[bytes] = field(default_factory=list)
    handed: Any = None


def portion_name(stage: str, key: str, number: int) -> str:
    """The name of a portion, counted from 0, of a stage's result with this key."""
    return f"{stage}-{key[:16]}.{number}.portion"


def portions_of(count: int) -> list[range]:
    """So many items or parts in portions."""
    return [range(at, min(at + SIZE, count)) for at in range(0, count, SIZE)]


def packed(name: str, key: str, parts: Sequence[PartOutputs], seal: Seal) -> bytes:
    """A portion as it is offered.

    Args:
        name: of the portion.
        key: of the stage's result.
        parts: of the portion, in order.
        seal: of the user's key.

    Raises:
        TypeError: `split` returned something that only this process understands.
    """
    body = spill.pack([[one.records, one.handed] for one in parts])
    return _mac(name, key, body, seal) + body


def unpacked(name: str, key: str, data: bytes, seal: Seal) -> list[PartOutputs] | None:
    """A portion that was offered; None if it is not what an engine with our key made for this. The
    arguments are as for `packed`.
    """
    body = data[_SEAL_BYTES:]
    if not hmac.compare_digest(data[:_SEAL_BYTES], _mac(name, key, body, seal)):
        return None
    try:
        return [PartOutputs(list(records), handed) for records, handed in spill.unpack(body)]
    except (ValueError, TypeError, KeyError, IndexError):
        return None  # of a version that packs something else


def read_records(
    spill_files: Sequence[Path], places: Sequence[tuple[int, int, int]], spill_key: bytes
) -> list[bytes]:
    """The records of outputs in spill files.

    Args:
        spill_files: their paths.
        places: of each output: the number of its file, its offset and size.
        spill_key: of this run.

    Raises:
        TransientError: another program has changed a file.
        OSError: one cannot be read.
    """
    records = []
    for number, offset, size in places:
        path = spill_files[number]
        with path.open("rb") as file:
            file.seek(offset)
            records.append(spill.unsealed(spill_key, path, offset, file.read(size)))
    return records


def as_spill_file(
    path: Path, records: Sequence[bytes], spill_key: bytes
) -> tuple[bytes, list[tuple[int, int]]]:
    """The content of a spill file with these records, and the offset and size of each in it."""
    content, places = bytearray(), []
    for record in records:
        sealed = spill.sealed(spill_key, path, len(content), record)
        places.append((len(content), len(sealed)))
        content += sealed
    return bytes(content), places


def _mac(name: str, key: str, body: bytes, seal: Seal) -> bytes:
    return hmac.digest(seal.key_for(_PURPOSE), f"{name}\0{key}\0".encode() + body, "sha256")
