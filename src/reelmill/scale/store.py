"""A store: where machines that share no file system leave recordings, results and a job's card.

Nothing but writing, reading and asking for the size of objects is needed. All objects but a job's
card are named by what determines their content, so it does not matter who writes one last, or
twice. Whoever reads one checks it: recordings by their SHA-256, everything else by its seal.

`file:///FOLDER` is a folder that is mounted somewhere. Everything else is reached through fsspec:
`s3://BUCKET/PREFIX` on Amazon's or another S3-compatible store, `memory://` in tests.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from reelmill.core import gate
from reelmill.core.atomic import replacing, replacing_by_name, write_bytes
from reelmill.core.invocation import without_secrets
from reelmill.errors import ReelmillError, TransientError, UsageError, reason

#: Tries of a request in all, with growing waits between them, some 15 s together.
_TRIES, _TRIES_AT_START = 6, 2
_CONNECT_S, _READ_S = 10, 60
#: Written and read when a worker or submitter begins; later versions may lay things out otherwise.
_CHECK, _CHECKED = "reelmill-store.json", b'{"layout": 1}\n'
_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID")
_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
#: What stores say that have no room left, or no quota.
_FULL = re.compile(r"StorageFull|InsufficientStorage|QuotaExceeded|\b507\b", re.IGNORECASE)
#: What botocore raises where there are no credentials, or none that can be used.
_NO_CREDENTIALS = re.compile(r"Credential|ProfileNotFound|TokenRetrieval")


class StoreError(TransientError):
    """A store that cannot be used now."""


class StoreFullError(StoreError):
    """A store that has no room left: nobody can go on."""


class Store(Protocol):
    """Objects by name. All methods can be called from any thread.

    Raises:
        StoreError: it cannot be reached, or refuses.
        StoreFullError: it has no room.
    """

    @property
    def name(self) -> str:
        """Its address, without secrets."""

    def check(self) -> None:
        """Write and read something.

        Raises:
            UsageError: that is not possible; says what to do.
        """

    def read(self, name: str) -> bytes | None:
        """A small object; None if there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write a small object, or replace it."""

    def size(self, name: str) -> int | None:
        """The size of an object in bytes; None if there is none."""

    def fetch(self, name: str, path: Path) -> bool:
        """Copy an object to a local file, which is below a folder that this process may write to.
        Returns whether there was one."""

    def send(self, path: Path, name: str) -> None:
        """Copy a local file to an object."""


def open_store(url: str) -> Store:
    """A store by its address, without connecting to it.

    Raises:
        UsageError: it is no address, has credentials in it, or a library is missing.
    """
    shown = without_secrets(url)
    parts = urlsplit(url)
    if not parts.scheme or "://" not in url:
        raise UsageError(
            f"--store {shown}: not an address; give s3://BUCKET/PREFIX or file:///FOLDER"
        )
    if parts.scheme == "file":
        if parts.netloc or not parts.path.strip("/"):
            raise UsageError(f"--store {shown}: give an absolute folder, as in file:///mnt/store")
        return FolderStore(Path(unquote(parts.path)))
    return ObjectStore(url.rstrip("/"))


class FolderStore:
    """A folder, written through the gate."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, which exists."""
        self._folder = folder

    @property
    def name(self) -> str:
        """See `Store`."""
        return f"file://{self._folder}"

    def check(self) -> None:
        """See `Store`."""
        if not self._folder.is_dir():
            raise UsageError(f"--store {self.name}: there is no such folder; mount or create it")
        _check(self)

    def read(self, name: str) -> bytes | None:
        """See `Store`."""
        with self._explained(name):
            return (self._folder / name).read_bytes()
        return None

    def write(self, name: str, data: bytes) -> None:
        """See `Store`."""
        with self._explained(name, writing=True):
            write_bytes(gate.own(self._folder) / name, data)

    def size(self, name: str) -> int | None:
        """See `Store`."""
        with self._explained(name):
            return (self._folder / name).stat().st_size
        return None

    def fetch(self, name: str, path: Path) -> bool:
        """See `Store`."""
        with self._explained(name):
            source = (self._folder / name).open("rb")
            with source, _written_locally(), replacing(path, durable=False) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            return True
        return False

    def send(self, path: Path, name: str) -> None:
        """See `Store`."""
        with (
            path.open("rb") as source,
            self._explained(name, writing=True),
            replacing(gate.own(self._folder) / name) as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)

    @contextlib.contextmanager
    def _explained(self, name: str, *, writing: bool = False) -> Iterator[None]:
        """Ends silently where a file does not exist that is only to be read."""
        if not self._folder.is_dir():
            raise StoreError(f"the store {self.name} is not there; is it still mounted?")
        try:
            yield
        except FileNotFoundError:
            if writing:
                raise StoreError(f"the store {self.name} is not there any more") from None
        except OSError as error:
            raise _store_error(self.name, name, error, writing) from error


class ObjectStore:
    """Any store that fsspec reaches."""

    def __init__(self, url: str) -> None:
        """Use the store at `url`, without connecting.

        Raises:
            UsageError: fsspec does not know it, or a library is missing.
        """
        self._url, self._scheme = url, url.partition("://")[0]
        self._root = url.partition("://")[2].strip("/")
        if self._scheme != "memory" and not self._root:
            raise UsageError(f"--store {url}: name a bucket, as in {self._scheme}://BUCKET/PREFIX")
        is_s3 = self._scheme in ("s3", "s3a")
        #: Without asking for the size first, to read in several parts at once.
        self._small = {"max_concurrency": 1} if is_s3 else {}
        self._files = self._connect(_TRIES)

    @property
    def name(self) -> str:
        """See `Store`."""
        return self._url

    def check(self) -> None:
        """See `Store`."""
        patient, self._files = self._files, self._connect(_TRIES_AT_START)
        try:
            _check(self)
        finally:
            self._files = patient

    def read(self, name: str) -> bytes | None:
        """See `Store`."""
        with self._explained(name):
            return bytes(self._files.cat_file(self._path(name), **self._small))
        return None

    def write(self, name: str, data: bytes) -> None:
        """See `Store`."""
        with self._explained(name, writing=True):
            self._files.pipe_file(self._path(name), data)

    def size(self, name: str) -> int | None:
        """See `Store`."""
        with self._explained(name):
            return int(self._files.info(self._path(name))["size"])
        return None

    def fetch(self, name: str, path: Path) -> bool:
        """See `Store`."""
        with self._explained(name):
            with replacing_by_name(path) as temporary:
                self._files.get_file(self._path(name), str(temporary))
            return True
        return False

    def send(self, path: Path, name: str) -> None:
        """See `Store`."""
        with self._explained(name, writing=True):
            self._files.put_file(str(path), self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if self._root else name

    def _connect(self, tries: int) -> Any:
        try:
            import fsspec

            # Botocore waits between its tries, longer each time.
            waits = {"mode": "standard", "max_attempts": tries}
            config = {"retries": waits, "connect_timeout": _CONNECT_S, "read_timeout": _READ_S}
            return fsspec.filesystem(
                self._scheme,
                skip_instance_cache=self._scheme != "memory",
                use_listings_cache=False,
                **({"config_kwargs": config} if self._small else {}),
            )
        except ImportError as error:
            raise UsageError(
                f"--store {self.name}: a library is not installed ({error.name or error}): "
                "pip install 'reelmill[store]', or what fsspec needs for this address"
            ) from error
        except ValueError as error:
            raise UsageError(f"--store {self.name}: {error}") from error

    @contextlib.contextmanager
    def _explained(self, name: str, *, writing: bool = False) -> Iterator[None]:
        """Ends silently where an object does not exist that is only to be read."""
        try:
            yield
        except FileNotFoundError as error:
            if writing:
                raise _store_error(self.name, name, error, writing) from error
        except ReelmillError:
            raise
        except Exception as error:  # the libraries of each store have errors of their own
            raise _store_error(self.name, name, error, writing) from error


@contextlib.contextmanager
def _written_locally() -> Iterator[None]:
    """An error of the local disk is not the store's."""
    try:
        yield
    except OSError as error:
        raise TransientError(f"a local copy cannot be written: {reason(error)}") from error


def _check(store: Store) -> None:
    try:
        if store.read(_CHECK) != _CHECKED:
            store.write(_CHECK, _CHECKED)
        if store.read(_CHECK) != _CHECKED:
            raise StoreError(f"the store {store.name} does not keep what is written")
    except StoreError as error:
        raise UsageError(f"--store: {error}") from error


def _store_error(store: str, name: str, error: Exception, writing: bool) -> StoreError:
    """What to say about an error, and what to do."""
    causes = [error, error.__cause__ or error.__context__]
    texts = " ".join(f"{type(one).__name__}: {one}" for one in causes if one is not None)
    why = _without_credentials(reason(error))
    is_full = getattr(error, "errno", None) in _FULL_ERRNOS or _FULL.search(texts)
    if is_full and not writing:
        return StoreError(f"a local copy of {name} cannot be written: {why}")
    if is_full:
        return StoreFullError(
            f"the store {store} is full ({why}): make room, then run the same command again"
        )
    if isinstance(error, PermissionError) or _NO_CREDENTIALS.search(type(error).__name__):
        return StoreError(
            f"the store {store} refuses access ({why}): check this machine's credentials "
            "(AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE) and what they may do: "
            "read, write and list"
        )
    if isinstance(error, FileNotFoundError):
        return StoreError(f"the store {store} does not exist ({why}): create the bucket first")
    return StoreError(
        f"the store {store} cannot be used ({name}: {why}): check the network, the server, and "
        "its address (AWS_ENDPOINT_URL)"
    )


def _without_credentials(text: str) -> str:
    for variable in _SECRETS:
        if secret := os.environ.get(variable):
            text = text.replace(secret, "***")
    return without_secrets(text)
