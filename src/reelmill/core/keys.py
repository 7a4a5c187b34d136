"""The user's key, which marks everything Reelmill keeps in a folder of results as its own.

Stage results, the run database and the record of written files carry a MAC (HMAC-SHA256) under this
key. Somebody who can write into the folder but does not have the key cannot create results that a
run would reuse. The key is in the user's own config folder and is created at first use. A team
shares a key by giving each member a copy, or by naming one file in `REELMILL_KEY_FILE`.
"""

from __future__ import annotations

import contextlib
import functools
import hmac
import json
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.paths import user_config
from reelmill.errors import UsageError

KEY_FILE_VARIABLE = "REELMILL_KEY_FILE"
#: The purpose of the key that seals the record of written files.
WRITTEN = "written files"
_NAME = "key"
_BYTES = 32
_MAC = ',\n "mac": "{}"\n}}\n'
_MAC_BYTES = len(_MAC.format("0" * 64))
#: Longest time to wait for another process that is just creating the key, in seconds.
_PATIENCE_S = 2.0


@dataclass(frozen=True)
class Seal:
    """Marks bytes as ours and recognizes them again. Each purpose has its own key."""

    _secret: bytes = field(repr=False)

    def key_for(self, purpose: str) -> bytes:
        return _derived(self._secret, purpose)

    def of(self, purpose: str, data: bytes) -> str:
        """The MAC of `data` as 64 hexadecimal digits."""
        return hmac.digest(_derived(self._secret, purpose), data, "sha256").hex()

    def fits(self, mac: object, purpose: str, data: bytes) -> bool:
        """Whether `mac` is that of `data`."""
        return isinstance(mac, str) and hmac.compare_digest(
            mac.encode("utf-8", "replace"), self.of(purpose, data).encode()
        )

    def signed(self, purpose: str, content: Mapping[str, Any]) -> bytes:
        """Serialize `content` as JSON whose last field, `mac`, is the MAC of all bytes before
        it."""
        content = {name: value for name, value in content.items() if name != "mac"}
        encoder, data = json.JSONEncoder(ensure_ascii=False, indent=1), bytearray()
        for piece in encoder.iterencode(content):  # never all at once: there may be very many
            data += piece.encode("utf-8", "surrogateescape")
        body = bytes(data.removesuffix(b"\n}"))
        return body + _MAC.format(self.of(purpose, body)).encode()

    def signing(self, purpose: str, body: Iterable[bytes]) -> Iterator[bytes]:
        """As `signed`, for what is too long to be in memory at once.

        Args:
            purpose: what it is for.
            body: the pieces of a JSON object with at least one field, without its last brace.

        Yields:
            The pieces, and then the end of the object with the MAC.
        """
        mac = hmac.new(_derived(self._secret, purpose), digestmod="sha256")
        for piece in body:
            mac.update(piece)
            yield piece
        yield _MAC.format(mac.hexdigest()).encode()

    def is_signed(self, purpose: str, data: bytes) -> bool:
        """Whether `data` was produced by `signed` with this key."""
        body, tail = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        return hmac.compare_digest(tail, _MAC.format(self.of(purpose, body)).encode())

    @property
    def fingerprint(self) -> str:
        """A short text that identifies the key without revealing it."""
        return _fingerprint(self)


@dataclass(frozen=True)
class UserKey:
    """A key in use. `path` is None where the key could not be saved; `problem` then says why and
    what follows."""

    seal: Seal
    path: Path | None
    problem: str | None = None


def user_key() -> UserKey:
    """Load the user's key. Creates one if there is none yet.

    Raises:
        UsageError: others can read it, it is damaged, or the named file cannot be read.
    """
    named = os.environ.get(KEY_FILE_VARIABLE)
    return _key(Path(named).expanduser() if named else user_config() / _NAME, bool(named))


def known_key() -> UserKey | None:
    """The user's key if there is one that can be used. Creates none."""
    named = os.environ.get(KEY_FILE_VARIABLE)
    try:
        return user_key() if named or (user_config() / _NAME).exists() else None
    except (UsageError, OSError):
        return None


@functools.lru_cache(maxsize=8)
def _key(path: Path, is_named: bool) -> UserKey:
    try:
        if is_named:
            return UserKey(Seal(_read(path, is_named)), path)
        with contextlib.suppress(FileNotFoundError):
            return UserKey(Seal(_read(path, is_named)), path)
        return UserKey(Seal(_make(path)), path)
    except OSError as error:
        if is_named:
            raise UsageError(
                f"{path} ({KEY_FILE_VARIABLE}): the key cannot be read ({error.strerror})"
            ) from error
        problem = (
            f"{path}: the key cannot be saved there ({error.strerror}), so later runs will not "
            f"recognize the results of this one and will compute them again; name a file for the "
            f"key in {KEY_FILE_VARIABLE}"
        )
        return UserKey(Seal(secrets.token_bytes(_BYTES)), None, problem)


def _read(path: Path, is_named: bool) -> bytes:
    """Read a key. Raises OSError when the file does not exist, UsageError when others can read it
    or it is not a key."""
    until = time.monotonic() + _PATIENCE_S
    while True:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            _check_private(path, os.fstat(descriptor), is_named)
            text = file.read(4 * _BYTES).strip()
        with contextlib.suppress(ValueError):
            if len(secret := bytes.fromhex(text.decode("ascii", "replace"))) == _BYTES:
                return secret
        if text or time.monotonic() > until:
            raise UsageError(
                f"{path}: not a key (64 hexadecimal digits); restore the right file, or remove "
                f"it to get a new key: earlier results will then be computed again"
            )
        time.sleep(0.01)


def _check_private(path: Path, state: os.stat_result, is_named: bool) -> None:
    """Check that others cannot read the key. A file named by the user may belong to a team, so its
    group may read it."""
    if not stat.S_ISREG(state.st_mode):
        raise UsageError(f"{path}: the key must be a regular file")
    others = stat.S_IMODE(state.st_mode) & (0o037 if is_named else 0o077)
    if others:
        raise UsageError(
            f"{path}: others can read or change this key (mode {stat.S_IMODE(state.st_mode):o}) "
            f"and could forge results; remove it to get a new key, or chmod 600 it if nobody "
            f"else uses this machine"
        )
    if not is_named and state.st_uid != os.geteuid():
        raise UsageError(f"{path}: belongs to another user, so it is not your key; remove the file")


def _make(path: Path) -> bytes:
    """Create a key, or return the one that another process has just created."""
    secret = secrets.token_bytes(_BYTES)
    try:
        with os.fdopen(gate.create(path, 0o600), "wb") as file:
            file.write(secret.hex().encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        return _read(path, False)
    return secret


@functools.lru_cache(maxsize=8)
def _fingerprint(seal: Seal) -> str:
    return seal.of("fingerprint", b"")[:16]


@functools.lru_cache(maxsize=32)
def _derived(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, purpose.encode(), "sha256")
