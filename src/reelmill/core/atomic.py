"""Writing files so that a reader sees the old content or the new one, never a half of either."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

#: What file systems allow a name to have, in bytes: 85 Korean syllables.
NAME_MAX_BYTES = 255

#: Ours alone, so that sweeping leftovers never meets somebody else's `.part` files.
_SUFFIX = "reelmill-part"
_LEFTOVER = re.compile(rf"^\..*\.\d+-\d+\.{_SUFFIX}$", re.DOTALL)
_numbers = itertools.count()


@contextlib.contextmanager
def replacing(path: Path, mode: Literal["wb", "w"] = "wb") -> Iterator[IO[Any]]:
    """A file that takes the place of `path` when the block ends well, and vanishes when not.

    Missing parent folders are made. Text (`"w"`) is UTF-8 with the line ends it was given.

    Raises:
        OSError: disk full, no permission, name too long and so on, as the system says it.
    """
    text: dict[str, Any] = {} if mode == "wb" else {"encoding": "utf-8", "newline": ""}
    with replacing_by_name(path) as temporary, temporary.open(mode, **text) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def replacing_by_name(path: Path) -> Iterator[Path]:
    """The name of a file that takes the place of `path` when the block ends well, for programs
    that write files themselves; its last part holds only letters, digits, points and hyphens
    besides what `path` has, and no suffix they would know.

    Raises:
        OSError: the block wrote no such file, or it cannot take that place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Make `data` the content of `path`. Raises OSError as `replacing` does."""
    with replacing(path) as file:
        file.write(data)


def write_text(path: Path, text: str) -> None:
    """Make `text`, as UTF-8, the content of `path`. Raises OSError as `replacing` does.

    Bytes of a file name that are no UTF-8 (Python's surrogates) are written as they were.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def is_leftover(path: Path) -> bool:
    """Whether `path` is a temporary file of `replacing` that a killed run left behind.

    Goes by the name alone: ask only where no other run is writing.
    """
    return _LEFTOVER.match(path.name) is not None


def shortened(name: str, limit: int) -> str:
    """`name`, cut at its end to at most `limit` bytes of UTF-8, never inside a character."""
    data = os.fsencode(name)
    if len(data) <= limit:
        return name
    end = limit
    while end > 0 and data[end] & 0xC0 == 0x80:
        end -= 1
    return os.fsdecode(data[:end])


def _temporary(path: Path) -> Path:
    tail = f".{os.getpid()}-{next(_numbers)}.{_SUFFIX}"
    room = NAME_MAX_BYTES - len(tail.encode()) - 1
    return path.with_name(f".{shortened(path.name, room)}{tail}")
