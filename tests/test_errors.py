"""Every exception has one of four kinds."""

from __future__ import annotations

import errno
from typing import cast

import pytest

from reelmill import errors
from reelmill.errors import is_disk_full, is_out_of_memory, kind_of


class OutOfMemoryError(RuntimeError):
    """Called as torch.cuda's is."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.InputError("x"), "input"),
        (errors.TransientError("out of memory, says the server"), "transient"),
        (errors.ResourceError("x"), "resource"),
        (errors.CrashError("x"), "crash"),
        (errors.ModelUnavailableError("x"), "input"),
        (MemoryError(), "resource"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "resource"),
        (RuntimeError("CUDA failed with error out of memory"), "resource"),
        (RuntimeError("Failed to allocate memory for requested buffer of size 12"), "resource"),
        (RuntimeError("std::bad_alloc"), "resource"),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"), "resource"),
        (OutOfMemoryError("Tried to allocate 20 MiB"), "resource"),
        (TimeoutError(), "transient"),
        (ConnectionResetError(), "transient"),
        (OSError(errno.EIO, "Input/output error"), "transient"),
        (OSError(errno.ESTALE, "Stale file handle"), "transient"),
        (OSError(errno.EMFILE, "Too many open files"), "transient"),
        (FileNotFoundError(errno.ENOENT, "No such file"), "input"),
        (PermissionError(errno.EACCES, "Permission denied"), "input"),
        (ValueError("what nobody foresaw"), "input"),
    ],
)
def test_the_kind_of(error: Exception, kind: str) -> None:
    # proves: G4 G8
    assert kind_of(error) == kind
    assert is_out_of_memory(error) == (kind == "resource") or isinstance(
        error, errors.TransientError
    )


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_recognized_behind_other_errors(number: int) -> None:
    full = OSError(number, "No space left on device")
    assert is_disk_full(full)
    try:
        try:
            raise full
        except OSError as error:
            raise ValueError("the library says something else") from error
    except ValueError as error:
        assert is_disk_full(cast(BaseException, error))
    assert not is_disk_full(OSError(errno.EIO, "Input/output error"))
    assert not is_disk_full(None)
