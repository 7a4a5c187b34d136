"""The model hub and its cache on this machine: what is here, and fetching what is not."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from reelmill.core.paths import caches
from reelmill.errors import ModelUnavailableError, kind_of

#: Seconds before each further try of a download that failed for a cause that can pass.
RETRY_WAITS = (5.0, 15.0, 30.0)

#: huggingface_hub's and its HTTP client's ways of saying "no network just now", by class name:
#: the client's package has changed its name more than once.
_PASSING = frozenset(
    {
        "ConnectError",
        "ConnectTimeout",
        "ConnectionError",
        "LocalEntryNotFoundError",
        "NetworkError",
        "PoolTimeout",
        "ProtocolError",
        "ReadError",
        "ReadTimeout",
        "RemoteProtocolError",
        "Timeout",
        "TimeoutException",
        "WriteError",
        "WriteTimeout",
        "XetDownloadError",
    }
)
_REFUSED = frozenset({"GatedRepoError", "RepositoryNotFoundError", "DisabledRepoError"})
BUSY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


def models_folder() -> Path:
    """Where models are kept: `REELMILL_MODELS`, else the hub's usual cache, shared with others.

    The variables are those of huggingface_hub, read here so that a model already on this
    machine is found without importing that library.
    """
    environment = os.environ
    for variable in ("REELMILL_MODELS", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environment.get(variable):
            return Path(environment[variable]).expanduser()
    if environment.get("HF_HOME"):
        return Path(environment["HF_HOME"]).expanduser() / "hub"
    return caches() / "huggingface" / "hub"


def cached_snapshot(repository: str) -> Path | None:
    """The folder of a repository's newest fetched commit, complete or not."""
    folder = models_folder() / f"models--{repository.replace('/', '--')}"
    try:
        commit = (folder / "refs" / "main").read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None
    snapshot = folder / "snapshots" / commit
    return snapshot if commit and snapshot.is_dir() else None


def cached_repositories() -> list[str]:
    """The repositories of which something was fetched, as `owner/name`."""
    found = sorted(path.name for path in models_folder().glob("models--*--*"))
    return [name.removeprefix("models--").replace("--", "/", 1) for name in found]


def is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def download(
    repository: str,
    wanted: Sequence[str],
    *,
    sleep: Callable[[float], None],
    notify: Callable[[str], None],
    ways_out: str | None = None,
) -> Path:
    """Fetch a repository's wanted files into `models_folder()`; what is there is not fetched again.

    `ways_out`: what a user can do where it cannot be had; that of CTranslate2 models otherwise.

    Raises:
        ModelUnavailableError: offline, refused, or still failing after the last try.
    """
    if is_offline():
        raise unavailable(
            repository, "HF_HUB_OFFLINE is set and it is not on this machine", ways_out
        )
    for wait in (*RETRY_WAITS, None):
        try:
            return _snapshot_download(repository, wanted)
        except Exception as error:
            if not _is_passing(error) or wait is None:
                raise unavailable(repository, _explain(error), ways_out) from error
            notify(f"fetching {repository} failed ({_explain(error)}); again in {wait:.0f} s")
            sleep(wait)
    raise AssertionError("the last try returns or raises")


def unavailable(repository: str, cause: str, ways_out: str | None = None) -> ModelUnavailableError:
    """The one message for weights that cannot be had, with all ways out."""
    return ModelUnavailableError(
        f"the model {repository} cannot be had: {cause}. Ways out: {ways_out or _ways_out()}"
    )


def _ways_out() -> str:
    return (
        "`reelmill models pull` on a machine with network, then copy "
        f"{models_folder()} here (or set REELMILL_MODELS to the copy); "
        "give the folder of a CTranslate2 model in its place (--model PATH, --translator PATH); "
        "set HF_TOKEN if the repository is private or gated; "
        "or try everything out with --model demo (--translator demo)"
    )


def _snapshot_download(repository: str, wanted: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download

    return Path(
        snapshot_download(repository, allow_patterns=list(wanted), cache_dir=models_folder())
    )


def _class_names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}


def _is_passing(error: Exception) -> bool:
    names = _class_names(error)
    if names & _REFUSED:
        return False
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return status in BUSY_STATUSES
    return bool(names & _PASSING) or kind_of(error) == "passing"


def _explain(error: Exception) -> str:
    names = _class_names(error)
    if "GatedRepoError" in names:
        return "it is gated: accept its terms on the hub, then set HF_TOKEN"
    if "RepositoryNotFoundError" in names:
        return "the hub has no such repository, or it is private"
    if "LocalEntryNotFoundError" in names:
        return "no network, or the hub does not answer"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
