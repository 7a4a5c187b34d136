"""The four kinds of failure, and the one place where an exception is given its kind."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Literal

Kind = Literal["transient", "resource", "input", "crash"]

#: errno values that go away by waiting: busy or stale handles, network hiccups.
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

#: How the libraries under the models word "out of memory" when they have no type for it.
_MEMORY_PHRASES = (
    "out of memory",  # CTranslate2, ONNX Runtime and PyTorch on CUDA
    "cuda_error_out_of_memory",
    "cublas_status_alloc_failed",
    "cublas_status_not_initialized",  # its handle did not fit
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

#: How they word that a GPU does not answer any more; until the process ends every call fails.
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
    """Base of every error this program raises on purpose. The message is for a user to act on."""

    kind: Kind = "transient"


class InputError(ReelmillError):
    """The recording itself is at fault (unreadable, empty, no audio): reported, never retried."""

    kind: Kind = "input"


class ChangedError(ReelmillError):
    """An original is not the file any more that was hashed: what is read now proves nothing."""

    kind: Kind = "input"


class LimitError(ReelmillError):
    """A recording asks for more than a setting allows; the message names both."""

    kind: Kind = "input"


class NotTrustedError(InputError):
    """Something in a folder of results was not made with the user's key, or changed since."""


class TransientError(ReelmillError):
    """A cause that can go away by waiting (I/O, network, busy device): retried."""

    kind: Kind = "transient"


class ResourceError(ReelmillError):
    """Memory ran out, on the host or on a device: the batch is halved."""

    kind: Kind = "resource"


class CrashError(ReelmillError):
    """A process of ours died or hung past its deadline."""

    kind: Kind = "crash"


class ModelUnavailableError(ReelmillError):
    """Weights are not available or a model cannot start; names the ways out."""

    kind: Kind = "input"


class RunStoppedError(ReelmillError):
    """A run ended before all its recordings were done (full disk, memory, a model that cannot
    start); the same call goes on where it stopped.
    """

    kind: Kind = "transient"


class RunClosedError(ReelmillError):
    """A recording was given to a run that takes no more."""

    kind: Kind = "input"


class UsageError(ReelmillError):
    """The command cannot be carried out as given (exit code 2)."""

    kind: Kind = "input"


class ForeignFolderError(UsageError):
    """What is kept in an output folder was not made with the user's key."""


class NotOursError(ReelmillError):
    """Writing or removing there would touch a file that is not ours. Another try with the file
    moved away can succeed, so the recording's content is not held at fault.
    """

    kind: Kind = "input"


@dataclass(frozen=True)
class Failure:
    """Why a recording did not get through a stage."""

    stage: str
    kind: Kind
    message: str
    tries: int = 1
    #: The content is at fault and will be the next time too: no use trying again.
    permanent: bool = False


_BY_KIND: dict[Kind, type[ReelmillError]] = {
    "transient": TransientError,
    "resource": ResourceError,
    "input": InputError,
    "crash": CrashError,
}


def error_of(failure: Failure) -> ReelmillError:
    """A failure as an exception of its kind."""
    return _BY_KIND[failure.kind](failure.message)


def describe(error: BaseException) -> str:
    """One line for a user; an unforeseen error keeps its type's name."""
    text = " ".join(str(error).split())
    if isinstance(error, ReelmillError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` is a library's way of saying that memory ran out."""
    if isinstance(error, (MemoryError, ResourceError)):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if type(error).__name__ == "OutOfMemoryError":  # torch.cuda's, without importing torch
        return True
    text = str(error).lower()
    return any(phrase in text for phrase in _MEMORY_PHRASES)


def is_device_lost(error: BaseException) -> bool:
    """Whether a GPU, not the input, is at fault: this process cannot use it any more."""
    text = str(error).lower()
    return not is_out_of_memory(error) and any(phrase in text for phrase in _DEVICE_PHRASES)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether `error` or its cause is a full disk or quota: no recording's fault."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def kind_of(error: BaseException) -> Kind:
    """The kind of any exception: ours say it themselves, others are judged by type and errno.

    An error nobody foresaw counts as `input`: trying again would only repeat it.
    """
    if isinstance(error, ReelmillError):
        return error.kind
    if is_out_of_memory(error):
        return "resource"
    if isinstance(error, (TimeoutError, ConnectionError, InterruptedError)):
        return "transient"
    if isinstance(error, OSError) and error.errno in _PASSING_ERRNOS:
        return "transient"
    return "input"
