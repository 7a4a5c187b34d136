"""The model hub and its cache on this machine: which models are here, and downloading others."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.notices import announce
from reelmill.core.paths import caches
from reelmill.core.retries import is_offline_error, retry
from reelmill.errors import ModelUnavailableError, kind_of, reason

#: Class names of the HTTP client's exceptions for broken connections. The client's package has
#: changed its name more than once.
_TRANSIENT = frozenset(
    {
        "ConnectError",
        "ConnectTimeout",
        "ConnectionError",
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
BUSY_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


def models_folder() -> Path:
    """Where models are kept, opened for writing: `REELMILL_MODELS`, otherwise the hub's usual
    cache, which other programs share.

    The variables are those of huggingface_hub, read here so that a model already on this
    machine is found without importing that library.
    """
    environment = os.environ
    for variable in ("REELMILL_MODELS", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if environment.get(variable):
            return gate.own(Path(environment[variable]).expanduser())
    if environment.get("HF_HOME"):
        return gate.own(Path(environment["HF_HOME"]).expanduser() / "hub")
    return gate.own(caches() / "huggingface" / "hub")


def cached_snapshot(repository: str) -> Path | None:
    """The folder of the latest downloaded commit of a repository, complete or not."""
    if not (models_folder() / f"models--{repository.replace('/', '--')}").is_dir():
        return None  # without importing the library
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(repository, cache_dir=models_folder(), local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return Path(found)


def cached_repositories() -> list[str]:
    """The repositories of which anything was downloaded, as `owner/name`."""
    if not models_folder().is_dir():
        return []
    from huggingface_hub import scan_cache_dir

    found = scan_cache_dir(models_folder()).repos
    return sorted(one.repo_id for one in found if one.repo_type == "model" and one.revisions)


def is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def download(
    repository: str,
    wanted: Sequence[str],
    *,
    sleep: Callable[[float], None],
    ways_out: str | None = None,
) -> Path:
    """Download the wanted files of a repository to `models_folder()`. Existing files are not
    downloaded again.

    `ways_out` says what a user can do if the repository is not available; by default for
    CTranslate2 models.

    Raises:
        ModelUnavailableError: offline, refused, or still failing after the last try.
    """
    if is_offline():
        raise unavailable(
            repository, "HF_HUB_OFFLINE is set and it is not on this machine", ways_out
        )
    try:
        return retry(
            lambda: _snapshot_download(repository, wanted),
            transient=_is_transient,
            failed=lambda error, wait: announce(
                f"fetching {repository} failed ({_explain(error)}); again in {wait:.0f} s"
            ),
            sleep=sleep,
        )
    except Exception as error:
        raise unavailable(repository, _explain(error), ways_out) from error


def unavailable(repository: str, cause: str, ways_out: str | None = None) -> ModelUnavailableError:
    """The message for weights that are not available, with everything the user can do."""
    return ModelUnavailableError(
        f"the model {repository} is not available: {cause}. Choose one of these: "
        f"{ways_out or _ways_out()}"
    )


def _ways_out() -> str:
    return (
        f"run `reelmill models pull` on a machine with a network, then copy {models_folder()} "
        "here (or set REELMILL_MODELS to the copy); give the folder of a CTranslate2 model "
        "(--model PATH, --translator PATH); set HF_TOKEN if the repository is private or gated; "
        "or try Reelmill out with --model demo (--translator demo)"
    )


def _snapshot_download(repository: str, wanted: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import tqdm

    class Silent(tqdm):
        """Turn off the library's output: its progress bars would break Reelmill's own display."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "disable": True})  # type: ignore[no-untyped-call]

    return Path(
        snapshot_download(
            repository,
            allow_patterns=list(wanted),
            cache_dir=models_folder(),
            tqdm_class=Silent,
        )
    )


def _is_transient(error: Exception) -> bool:
    from huggingface_hub.errors import (
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    if isinstance(error, RepositoryNotFoundError) or is_offline_error(error):
        return False
    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in BUSY_STATUSES
    if isinstance(error, LocalEntryNotFoundError):
        return True  # the hub did not answer, and there is no local copy
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & _TRANSIENT) or kind_of(error) == "transient"


def _explain(error: Exception) -> str:
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return "it is gated: accept its terms on the hub, then set HF_TOKEN"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub has no such repository, or it is private"
    if is_offline_error(error):
        return "there is no network, or the hub's name does not resolve"
    if isinstance(error, LocalEntryNotFoundError):
        return "the hub did not answer"
    if isinstance(error, OSError) and error.filename is not None:
        return reason(error)
    return (str(error).strip() or "no message").splitlines()[0]
