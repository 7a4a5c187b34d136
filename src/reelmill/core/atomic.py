"""Write files so that a reader sees either the old or the new content, never a part of it."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from reelmill.core import gate

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

    from reelmill.core.recording import Recording

#: The longest file name that file systems allow, in bytes: 85 Korean syllables.
NAME_MAX_BYTES = 255

#: The suffix is unique to Reelmill, so that cleaning up never removes `.part` files of other
#: programs.
_SUFFIX = "reelmill-part"
LEFTOVER = re.compile(rf"\..*\.\d+-\d+\.{_SUFFIX}", re.DOTALL)
_numbers = itertools.count()
#: About so many characters of a long text are written at a time.
_PIECES = 1 << 16
#: Files of a recording that are flushed at the same time.
_FLUSHED_AT_ONCE = 8


@contextlib.contextmanager
def replacing(
    path: Path,
    mode: Literal["wb", "w"] = "wb",
    *,
    of: Recording | None = None,
    durable: bool = True,
) -> Iterator[IO[Any]]:
    """Open a file that replaces `path` when the block succeeds, and is removed when it fails.

    Missing parent folders are created. Text (`"w"`) is UTF-8 with unchanged line ends. `of` is the
    recording whose result it is. The file's `name` is for libraries that open it themselves.
    Without `durable` the file may be lost in a power cut. This is only for temporary files of a
    stage, whose hashes are checked before another run uses them, and for files that are flushed
    before anything says that they exist.

    Raises:
        NotOursError: `path` is outside the folders this run may write to, or names a file that is
            not ours to replace.
        OSError: disk full, no permission, name too long and so on, as the system says it.
    """
    text: dict[str, Any] = {} if mode == "wb" else {"encoding": "utf-8", "newline": ""}
    with (
        _made(path, of) as (temporary, descriptor),
        open(temporary, mode, opener=lambda name, flags: descriptor, **text) as file,
    ):
        yield file
        file.flush()
        if durable:
            os.fsync(file.fileno())


@contextlib.contextmanager
def replacing_by_name(path: Path, *, of: Recording | None = None) -> Iterator[Path]:
    """Yield the name of an empty file that replaces `path` when the block succeeds, for programs
    that write files themselves. The last part of the name has only letters, digits, dots and
    hyphens besides those of `path`, and no suffix that such programs know. `of` is as in
    `replacing`.

    Raises:
        NotOursError, OSError: as `replacing`.
    """
    with _made(path, of) as (temporary, descriptor):
        os.close(descriptor)
        yield temporary
        gate.flush(temporary)


@contextlib.contextmanager
def scratch(near: Path) -> Iterator[Path]:
    """Yield the name of an empty file that exists only during the block. It is created and named
    like `near`.

    Raises:
        NotOursError, OSError: as `replacing`.
    """
    temporary = _unfinished(near)
    os.close(gate.create(temporary))
    try:
        yield temporary
    finally:
        gate.discard(temporary)


@contextlib.contextmanager
def scratch_file(near: Path) -> Iterator[IO[bytes]]:
    """As `scratch`, but yields the file opened for writing and reading."""
    temporary = _unfinished(near)
    descriptor = gate.create(temporary)
    try:
        with open(temporary, "w+b", opener=lambda name, flags: descriptor) as file:
            yield file
    finally:
        gate.discard(temporary)


def nameless_file(near: Path) -> int:
    """A new file for writing and reading that has no name any more, and is gone when it is closed.
    It is created like `near`. Returns its descriptor.

    Raises:
        NotOursError, OSError: as `replacing`.
    """
    temporary = _unfinished(near)
    try:
        return gate.create(temporary, 0o600)
    finally:
        gate.discard(temporary)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder that becomes `path` when the block succeeds and nothing is there yet. It
    is removed otherwise. For libraries that write several files; only in the user's own folders.

    Raises:
        NotOursError: `path` is not below a folder of the user's own.
        OSError: as the system says it.
    """
    temporary = _temporary(path)
    gate.make_folder(temporary)
    try:
        yield temporary
        gate.settle_folder(temporary, path)
    finally:
        gate.discard_folder(temporary)


@contextlib.contextmanager
def _made(path: Path, of: Recording | None) -> Iterator[tuple[Path, int]]:
    temporary = _unfinished(path)
    descriptor = gate.create(temporary)
    try:
        yield temporary, descriptor
        if of is None:
            gate.settle(temporary, path)
        else:
            gate.settle(temporary, path, of.path, of.id)
    except BaseException:
        gate.discard(temporary)
        raise


def write_bytes(
    path: Path, data: bytes, *, of: Recording | None = None, durable: bool = True
) -> None:
    """Write `data` to `path` atomically. The arguments are those of `replacing`, which also says
    what is raised."""
    with replacing(path, of=of, durable=durable) as file:
        file.write(data)


def write_together(files: Mapping[Path, bytes], *, of: Recording) -> None:
    """Write results of a recording, each atomically, as `write_bytes` does one.

    All reach the disk before the first gets its name. They and the record are flushed at the same
    time, because a file system writes its journal once for all who wait for it.

    Raises:
        NotOursError, OSError: as `replacing`, for the first that fails.
    """
    from concurrent.futures import wait

    made: list[tuple[Path, Path]] = []
    flushed: list[Future[None]] = []
    try:
        with contextlib.ExitStack() as opened:
            opened.callback(lambda: wait(flushed))  # before the files are closed
            for path, data in files.items():
                temporary = _unfinished(path)
                descriptor = gate.create(temporary)
                made.append((temporary, path))
                file = opened.enter_context(os.fdopen(descriptor, "wb"))
                file.write(data)
                file.flush()
                flushed.append(_flushers().submit(os.fsync, descriptor))
            gate.settle_all(made, of.path, of.id, first=lambda: _results(flushed))
    except BaseException:
        for temporary, _ in made:
            gate.discard(temporary)
        raise


@cache
def _flushers() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(_FLUSHED_AT_ONCE, "flush")


def _results(futures: Iterable[Future[None]]) -> None:
    """Wait for all, and raise what the first raised that failed."""
    for future in futures:
        future.result()


def write_text(path: Path, text: str, *, of: Recording | None = None) -> None:
    """Write `text` to `path` atomically, as UTF-8. Raises as `replacing` does.

    Bytes of a file name that are not UTF-8 (Python's surrogates) are written unchanged.
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"), of=of)


def write_pieces(path: Path, pieces: Iterable[str | bytes]) -> str:
    """Write a long text as `write_text` does, without having all of it in memory, and return the
    SHA-256 of the file (hex)."""
    digest, waiting, size = hashlib.sha256(), list[str | bytes](), 0
    with replacing(path) as file:

        def write() -> None:
            data = b"".join(
                one if isinstance(one, bytes) else one.encode("utf-8", "surrogateescape")
                for one in waiting
            )
            digest.update(data)
            file.write(data)
            waiting.clear()

        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size > _PIECES:
                write()
                size = 0
        write()
    return digest.hexdigest()


def is_leftover(path: Path) -> bool:
    """Whether `path` is a temporary file of `replacing` that a killed run left behind.

    Only the name is checked, so ask only where no other run is writing.
    """
    return LEFTOVER.fullmatch(path.name) is not None


def shortened(name: str, limit: int) -> str:
    """Shorten `name` at its end to at most `limit` bytes of UTF-8, never inside a character."""
    data = os.fsencode(name)
    if len(data) <= limit:
        return name
    end = limit
    while end > 0 and data[end] & 0xC0 == 0x80:
        end -= 1
    return os.fsdecode(data[:end])


def _unfinished(path: Path) -> Path:
    """A new name for what is to become `path`, in the folder for that."""
    return _temporary(gate.temporary_folder(path) / path.name)


def _temporary(path: Path) -> Path:
    tail = f".{os.getpid()}-{next(_numbers)}.{_SUFFIX}"
    room = NAME_MAX_BYTES - len(tail.encode()) - 1
    return path.with_name(f".{shortened(path.name, room)}{tail}")
