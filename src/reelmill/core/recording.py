"""The identity of a source file (name and content), and read-only access to it."""

from __future__ import annotations

import hashlib
import io
import os
import stat as stat_module
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType

from reelmill.core.progress import tick
from reelmill.errors import ChangedError, InputError, TransientError, kind_of

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileState:
    """The facts compared before and after a run: hashes (hex), size in bytes, mtime in
    nanoseconds."""

    sha256: str
    md5: str
    size: int
    mtime_ns: int

    def as_values(self) -> tuple[str, str, int, int]:
        """The values in the order of the fields."""
        return self.sha256, self.md5, self.size, self.mtime_ns

    def differences(self, other: FileState) -> list[str]:
        """The fields in which `other` differs, each as `name: before -> after`."""
        return [
            f"{name}: {getattr(self, name)} -> {getattr(other, name)}"
            for name in ("sha256", "md5", "size", "mtime_ns")
            if getattr(self, name) != getattr(other, name)
        ]


@dataclass(frozen=True, slots=True)
class Identity:
    """The identity of a file in the file system: which file a name refers to, and whether it was
    written to since.

    A replaced file has another inode. A file whose size and mtime were restored after a change
    still has another ctime, which programs cannot set.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Identity:
        """The identity from the result of `os.stat` or `os.fstat`."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)

    def as_values(self) -> tuple[int, ...]:
        """The values in the order of the fields."""
        return self.device, self.inode, self.size, self.mtime_ns, self.ctime_ns

    def differences(self, other: Identity) -> list[str]:
        """The fields in which `other` differs, each as `name: before -> after`."""
        names = [field.name for field in fields(self)]
        return [
            f"{name}: {getattr(self, name)} -> {getattr(other, name)}"
            for name in names
            if getattr(self, name) != getattr(other, name)
        ]


@dataclass(frozen=True)
class Recording:
    """One source file, audio or video.

    `name` is the path of its results below the output folder, without a suffix. `folder` is where a
    stage may keep files beside its artifact (such as decoded audio); it is unique to the content.
    `identity` is that of the file when it was hashed; whatever is read later must be that file,
    unchanged.
    """

    path: Path
    name: str
    folder: Path
    state: FileState
    identity: Identity | None = None

    @property
    def id(self) -> str:
        """The content's SHA-256. To the stages, two copies of a file are one recording."""
        return self.state.sha256


class Original:
    """An original, opened once for one piece of work; a context manager.

    All reading goes through one descriptor, so it does not matter if the name refers to another
    file later. At the start and at the end, the file must be the one that was hashed
    (`Recording.identity`), or otherwise the one that was opened.

    Raises:
        ChangedError: at the start or the end of the block: it was replaced, written to or removed.
    """

    def __init__(self, path: Path, identity: Identity | None = None) -> None:
        """Raises InputError and TransientError as `open_original`."""
        self.path = path
        self.descriptor = _open(path)
        self.identity = Identity.of(os.fstat(self.descriptor))
        if identity is not None and identity != self.identity:
            self.close()
            raise _changed(path, identity.differences(self.identity))

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.identity.size

    def reader(self, start: int = 0, end: int | None = None) -> OriginalReader:
        """A reader of the file's bytes, or of those from `start` to `end`. There may be any number
        of readers, each with its own position."""
        return OriginalReader(self, start, end)

    def check(self) -> None:
        """Raise ChangedError unless the file, and what its name refers to, are unchanged."""
        try:
            now = [Identity.of(os.fstat(self.descriptor)), Identity.of(os.stat(self.path))]
        except FileNotFoundError as error:
            raise _changed(self.path, ["no longer found: removed or moved"]) from error
        except OSError as error:
            raise _explain(self.path, error) from error
        for identity in now:
            if identity != self.identity:
                raise _changed(self.path, self.identity.differences(identity))

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> Original:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None or issubclass(kind, Exception):  # a change may have caused the error
                self.check()
        finally:
            self.close()


class OriginalReader(io.RawIOBase):
    """Reads an `Original`, or only its bytes from `start` to `end`. Reading counts as progress of
    the task."""

    def __init__(self, original: Original, start: int = 0, end: int | None = None) -> None:
        self._original = original
        self._start = start
        self._end = end
        self._at = start
        self.name = f"recording{original.path.suffix}"  # FFmpeg guesses formats by the name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._end is not None:
            buffer = memoryview(buffer)[: max(0, self._end - self._at)]
        count = os.preadv(self._original.descriptor, [buffer], self._at)
        self._at += count
        tick()
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        end = self._original.size if self._end is None else self._end
        origin = {os.SEEK_SET: self._start, os.SEEK_CUR: self._at, os.SEEK_END: end}[whence]
        if origin + offset < self._start:
            raise OSError(22, "seek before the start")
        self._at = origin + offset
        return self.tell()

    def tell(self) -> int:
        return self._at - self._start


def open_original(source: Path | Recording) -> Original:
    """Open an original for reading, without following it into devices or pipes.

    A `Recording` must still be the file that was hashed. A plain path is not compared.

    Raises:
        InputError: not there, a dangling link, a link loop, not a regular file, no permission.
        TransientError: I/O errors that can go away.
        ChangedError: not the file that was hashed.
    """
    if isinstance(source, Recording):
        return Original(source.path, source.identity)
    return Original(source)


def read_state(path: Path) -> FileState:
    """Hash a file in one read.

    Raises:
        InputError, TransientError: as `open_original`; also when the file changes while it is read.
    """
    with Hashing(path) as hashing:
        while not hashing.go_on():
            pass
        return hashing.state()


class Hashing:
    """Hashes a file in slices, so that a file of a terabyte does not hold up the others."""

    def __init__(self, path: Path) -> None:
        """Raises InputError and TransientError as `open_original`."""
        self._original = Original(path)
        self._reader = self._original.reader()
        self._md5, self._sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        self._buffer = memoryview(bytearray(_CHUNK_BYTES))

    @property
    def done(self) -> int:
        """How many bytes have been hashed."""
        return self._reader.tell()

    @property
    def identity(self) -> Identity:
        return self._original.identity

    def go_on(self, most: int = 1 << 30) -> bool:
        """Hash up to `most` more bytes, and return whether the end was reached.

        Raises:
            InputError, TransientError: it cannot be read on.
        """
        end = self.done + most
        try:
            while self.done < end:
                count = self._reader.readinto(self._buffer)
                if not count:
                    return True
                self._md5.update(self._buffer[:count])
                self._sha256.update(self._buffer[:count])
        except OSError as error:
            raise _explain(self._original.path, error) from error
        return False

    def state(self) -> FileState:
        """The state of the file, unchanged from the first byte to the last.

        Raises:
            TransientError: it changed while it was read.
        """
        try:
            self._original.check()
        except ChangedError as error:
            raise TransientError(
                f"{self._original.path}: changed while it was read; is it still being written?"
            ) from error
        identity = self._original.identity
        md5, sha256 = self._md5.hexdigest(), self._sha256.hexdigest()
        return FileState(sha256, md5, identity.size, identity.mtime_ns)

    def close(self) -> None:
        self._original.close()

    def __enter__(self) -> Hashing:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _explain(path, error) from error
    if not stat_module.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path}: not a regular file; give audio or video files or folders")
    return descriptor


def _changed(path: Path, differences: list[str]) -> ChangedError:
    return ChangedError(
        f"{path}: changed during the run ({'; '.join(differences)}); its results cannot be "
        f"trusted: find out what writes to it, then run the same command again"
    )


def _explain(path: Path, error: OSError) -> InputError | TransientError:
    if kind_of(error) == "transient":
        return TransientError(f"{path}: {error.strerror}; trying again")
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return InputError(f"{path}: a link whose target does not exist; restore the target")
        return InputError(f"{path}: not found; was it moved, or its folder removed?")
    if isinstance(error, PermissionError):
        return InputError(
            f"{path}: no permission to read; ask its owner for access, or chmod +r a copy"
        )
    return InputError(f"{path}: cannot be opened: {error.strerror}")
