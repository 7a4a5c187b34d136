"""The four kinds of failure, and the code that assigns an exception its kind."""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["transient", "resource", "input", "crash"]

#: Where something lies in memory, in messages of libraries.
_ADDRESS = re.compile(r" ?@? ?\b0x[0-9a-fA-F]{6,}")

#: errno values of problems that pass: busy or stale handles, network errors.
_PASSING_ERRNOS = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.EINTR,
        errno.EIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
        errno.ECONNRESET,
        errno.ECONNREFUSED,
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EMFILE,
        errno.ENFILE,
    }
)

#: Phrases for "out of memory" from libraries under the models that have no exception type for it.
_MEMORY_PHRASES = (
    "out of memory",  # CTranslate2, ONNX Runtime and PyTorch on CUDA
    "cuda_error_out_of_memory",
    "cublas_status_alloc_failed",
    "cublas_status_not_initialized",  # the handle did not fit in memory
    "cudnn_status_alloc_failed",
    "failed to allocate memory",  # ONNX Runtime; MKL under CTranslate2
    "smaller than requested bytes",  # ONNX Runtime's arena at its limit
    "could not create a memory object",  # oneDNN under CTranslate2
    "can't allocate memory",  # PyTorch on the CPU
    "not enough memory",
    "insufficient memory",  # OpenCV
    "bad_alloc",
    "bad allocation",
    "cannot allocate memory",
)

#: Phrases for a GPU that no longer responds. Every further call in the same process fails.
_DEVICE_PHRASES = (
    "cuda failed with error",  # CTranslate2
    "cuda error",  # PyTorch
    "cuda failure",  # ONNX Runtime
    "device-side assert",
    "cublas_status_execution_failed",
    "cublas_status_internal_error",
    "cudnn_status_execution_failed",
    "cudnn_status_internal_error",
)


class ReelmillError(Exception):
    """Base of every error that Reelmill raises on purpose. The message tells a user what to do."""

    kind: Kind = "transient"


class InputError(ReelmillError):
    """The recording itself is at fault (unreadable, empty, no audio). It is reported and never
    retried.
    """

    kind: Kind = "input"


class ChangedError(ReelmillError):
    """An original is no longer the file that was hashed, so anything read from it now proves
    nothing.
    """

    kind: Kind = "input"


class LimitError(ReelmillError):
    """A recording exceeds a limit that a setting defines. The message names the limit and the
    setting.
    """

    kind: Kind = "input"


class NotTrustedError(InputError):
    """A file in a folder of results was not made with the user's key, or changed since."""


class TransientError(ReelmillError):
    """A problem that may pass (I/O, network, busy device). It is retried."""

    kind: Kind = "transient"


class ResourceError(ReelmillError):
    """Memory ran out, on the host or on a device. The batch is halved."""

    kind: Kind = "resource"


class CrashError(ReelmillError):
    """A worker process died or exceeded its deadline."""

    kind: Kind = "crash"


class NotBegunError(CrashError):
    """A worker process died before it began its task, so the task is not the cause."""


class ModelUnavailableError(ReelmillError):
    """Weights are not available or a model cannot start. The message lists what the user can do."""

    kind: Kind = "input"


class RunStoppedError(ReelmillError):
    """A run ended before all its recordings were done (full disk, memory, a model that cannot
    start). The same call continues where it stopped.
    """

    kind: Kind = "transient"


class RunClosedError(ReelmillError):
    """A recording was given to a run that no longer accepts recordings."""

    kind: Kind = "input"


class UsageError(ReelmillError):
    """The command cannot be carried out as given (exit code 2)."""

    kind: Kind = "input"


class FolderBusyError(UsageError):
    """Another run, or a correction, is writing to the output folder. It will be free later."""


class ForeignFolderError(UsageError):
    """The contents of an output folder's cache were not made with the user's key."""


class NotOursError(ReelmillError):
    """Writing or removing would touch a file that Reelmill did not write. A retry can succeed after
    the file is moved away, so the recording's content is not to blame.
    """

    kind: Kind = "input"


@dataclass(frozen=True)
class Failure:
    """Why a recording failed in a stage."""

    stage: str
    kind: Kind
    message: str
    tries: int = 1
    #: The content is at fault, so another try would fail too.
    permanent: bool = False


_BY_KIND: dict[Kind, type[ReelmillError]] = {
    "transient": TransientError,
    "resource": ResourceError,
    "input": InputError,
    "crash": CrashError,
}


def error_of(failure: Failure) -> ReelmillError:
    """Convert a failure to an exception of its kind."""
    return _BY_KIND[failure.kind](failure.message)


def describe(error: BaseException) -> str:
    """Describe an error in one line for a user. An unexpected one is called internal; what type it
    has is in the log.
    """
    if isinstance(error, (ReelmillError, OSError)) or is_out_of_memory(error):
        return reason(error)
    if is_device_lost(error):
        return f"the device no longer responds ({reason(error)})"
    return f"internal error ({reason(error)}); the run's log has the details, please report it"


def reason(error: BaseException) -> str:
    """Say in one line what is wrong, without numbers and types that mean something to Python or
    FFmpeg alone.
    """
    if isinstance(error, KeyError):
        return f"{error} is missing"
    system: object = getattr(error, "strerror", None)  # of FFmpeg's errors too
    if not system:
        return _ADDRESS.sub("", " ".join(str(error).split())) or "no message"
    name: object = getattr(error, "filename", None)
    return f"{_text(name)}: {system}" if name else str(system)


def _text(name: object) -> str:
    return os.fsdecode(name) if isinstance(name, (bytes, str, os.PathLike)) else str(name)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` means that memory ran out."""
    if isinstance(error, (MemoryError, ResourceError)):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if type(error).__name__ == "OutOfMemoryError":  # torch.cuda's, without importing torch
        return True
    text = str(error).lower()
    return any(phrase in text for phrase in _MEMORY_PHRASES)


def is_device_lost(error: BaseException) -> bool:
    """Whether a GPU is at fault rather than the input, so that this process can no longer use
    it.
    """
    text = str(error).lower()
    return not is_out_of_memory(error) and any(phrase in text for phrase in _DEVICE_PHRASES)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether `error` or its cause is a full disk or quota, which is not the recording's fault."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def kind_of(error: BaseException) -> Kind:
    """The kind of any exception. Reelmill's own errors have one; others are judged by type and
    errno.

    An unexpected error counts as `input`, because another try would only repeat it; so does one of
    FFmpeg's, whatever number of the system it has: what the system says of a file reaches us
    through the reader that FFmpeg is given.
    """
    if isinstance(error, ReelmillError):
        return error.kind
    if is_out_of_memory(error):
        return "resource"
    if _is_ffmpegs(error):
        return "input"
    if isinstance(error, (TimeoutError, ConnectionError, InterruptedError)):
        return "transient"
    if isinstance(error, OSError) and error.errno in _PASSING_ERRNOS:
        return "transient"
    return "input"


def _is_ffmpegs(error: BaseException) -> bool:
    """Whether PyAV raised it for a number that FFmpeg gave, without importing PyAV."""
    return any(kind.__module__ == "av.error" for kind in type(error).__mro__)
