"""Every exception has one of four kinds."""

from __future__ import annotations

import errno
from typing import cast

import pytest

from reelmill import errors
from reelmill.errors import describe, is_disk_full, is_out_of_memory, kind_of, reason


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
def test_errors_have_the_right_kind(error: Exception, kind: str) -> None:
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


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.wav"), "a.wav: No such file"),
        (KeyError("schema"), "'schema' is missing"),
        (ValueError("[mov,mp4 @ 0x55b2a3c0] odd"), "[mov,mp4] odd"),
        (AssertionError(), "no message"),
        (errors.InputError("a.wav: empty"), "a.wav: empty"),
    ],
)
def test_messages_have_no_errno_numbers_and_types_of_python(error: Exception, said: str) -> None:
    # proves: G21
    assert reason(error).startswith(said)
    internal = not isinstance(error, (OSError, errors.InputError))
    assert describe(error).startswith("internal error" if internal else said)
    assert "Error" not in describe(error) and "0x" not in describe(error)
