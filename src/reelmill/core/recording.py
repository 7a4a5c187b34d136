"""Identity of a source file: what it is called, what it contains; opened for reading only."""

from __future__ import annotations

import hashlib
import os
import stat as stat_module
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from reelmill.errors import InputError, PassingError, kind_of

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class FileState:
    """What is compared before and after: hashes (hex), size in bytes, mtime in nanoseconds."""

    sha256: str
    md5: str
    size: int
    mtime_ns: int

    def differences(self, other: FileState) -> list[str]:
        """The fields in which `other` differs, each as `name: before -> after`."""
        return [
            f"{name}: {getattr(self, name)} -> {getattr(other, name)}"
            for name in ("sha256", "md5", "size", "mtime_ns")
            if getattr(self, name) != getattr(other, name)
        ]


@dataclass(frozen=True)
class Recording:
    """One source file, audio or video.

    `name` is where its results go below the output folder, without a suffix; `folder` is where
    a stage may keep files beside its artifact (decoded audio, say): unique to the content.
    """

    path: Path
    name: str
    folder: Path
    state: FileState

    @property
    def id(self) -> str:
        """The content's SHA-256: two copies of a file are one recording to the stages."""
        return self.state.sha256


def open_original(path: Path) -> BinaryIO:
    """Open an original for reading, without following it into devices or pipes.

    Raises:
        InputError: not there, a dangling link, a link loop, not a regular file, no permission.
        PassingError: I/O errors that can go away.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError as error:
        raise _explain(path, error) from error
    if not stat_module.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InputError(f"{path}: not a regular file; give audio or video files or folders")
    return os.fdopen(descriptor, "rb")


def read_state(path: Path) -> FileState:
    """Hash a file in one read.

    Raises:
        InputError, PassingError: as `open_original`; also when the file changes while it is read.
    """
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with open_original(path) as file:
        before = os.fstat(file.fileno())
        try:
            while chunk := file.read(_CHUNK_BYTES):
                md5.update(chunk)
                sha256.update(chunk)
        except OSError as error:
            raise _explain(path, error) from error
        after = os.fstat(file.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise PassingError(f"{path}: changed while it was read; is it still being written?")
    return FileState(sha256.hexdigest(), md5.hexdigest(), after.st_size, after.st_mtime_ns)


def _explain(path: Path, error: OSError) -> InputError | PassingError:
    if kind_of(error) == "passing":
        return PassingError(f"{path}: {error.strerror}; will be tried again")
    if isinstance(error, FileNotFoundError):
        if path.is_symlink():
            return InputError(f"{path}: a link to a file that is not there; restore its target")
        return InputError(f"{path}: not found; was it moved or its folder removed?")
    if isinstance(error, PermissionError):
        return InputError(f"{path}: no permission to read; ask its owner, or chmod +r a copy")
    return InputError(f"{path}: cannot be opened: {error.strerror}")
