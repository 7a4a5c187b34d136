"""The password file: names, roles, hashed passwords and keys of programs."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
import threading
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reelmill.core import gate
from reelmill.core.atomic import replacing
from reelmill.errors import UsageError
from reelmill.web.security.people import Person

#: Where it is by default, in the user's configuration.
FILE_NAME = "serve-passwords.json"
SHORTEST = 10
_KEY_PREFIX = "rmk_"
#: The most that is read of a password, because hashing takes longer the longer it is.
_LONGEST = 1024


class Entry(BaseModel):
    """A person. `keys` are hashes of keys for programs; they are long and random, so a fast hash is
    as good as a slow one."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["viewer", "editor", "admin"]
    password: str = ""
    keys: list[str] = Field(default_factory=list)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    people: dict[str, Entry] = Field(default_factory=dict)


class PasswordFile:
    """Reads the file again whenever it has changed: people come and go without a restart."""

    def __init__(self, path: Path) -> None:
        """Raise UsageError where it cannot be read, others can read it, or it is not one."""
        self._path = path
        self._mutex = threading.Lock()
        self._seen: tuple[int, ...] = ()
        self._people: dict[str, Entry] = {}
        #: Checked when there is nobody of a name, so that a wrong name takes as long.
        self._nobody = hashed(secrets.token_hex(16))
        self._people = self._read()

    @property
    def people(self) -> dict[str, Entry]:
        with self._mutex:
            # Where it is half written, or gone, whoever was in stays until it is whole again.
            with contextlib.suppress(UsageError):
                self._people = self._read()
            return self._people

    def _read(self) -> dict[str, Entry]:
        try:
            state = os.stat(self._path)
        except OSError as error:
            raise UsageError(
                f"{self._path}: the password file cannot be read ({error.strerror}); make one "
                "with `reelmill serve password NAME`"
            ) from error
        seen = (state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
        if seen != self._seen:
            people = read_people(self._path)
            self._seen = seen
            return people
        return self._people

    def person(self, name: str, password: str) -> Person | None:
        """Who logs in; None where name and password do not fit. Takes as long in any case."""
        from argon2 import PasswordHasher
        from argon2.exceptions import Argon2Error, InvalidHashError

        entry = self.people.get(name)
        kept = entry.password if entry is not None and entry.password else self._nobody
        try:
            PasswordHasher().verify(kept, password[:_LONGEST])
        except (Argon2Error, InvalidHashError):
            return None
        return Person(name, entry.role) if entry is not None else None

    def owner(self, key: str) -> Person | None:
        """Whose key of a program this is."""
        if not key.startswith(_KEY_PREFIX):
            return None
        given = _fingerprint(key)
        for name, entry in self.people.items():
            if any(hmac.compare_digest(given, kept) for kept in entry.keys):
                return Person(name, entry.role, given[:16])
        return None

    def stamp(self, name: str) -> str:
        """A text that changes when the person's password or role does."""
        entry = self.people.get(name)
        if entry is None:
            return ""
        return _fingerprint(f"{entry.role} {entry.password}")[:32]


def hashed(password: str) -> str:
    """A password as the file keeps it (Argon2id)."""
    from argon2 import PasswordHasher

    return PasswordHasher().hash(password[:_LONGEST])


def new_key() -> tuple[str, str]:
    """A new key for a program, and what the file keeps of it."""
    key = _KEY_PREFIX + secrets.token_urlsafe(32)
    return key, _fingerprint(key)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def read_people(path: Path) -> dict[str, Entry]:
    """The people in a password file.

    Raises:
        UsageError: it cannot be read, others can read it, or it is not such a file.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise UsageError(
                    f"{path}: others can read or change this file (mode {mode:o}); chmod 600 it"
                )
            return _File.model_validate_json(file.read()).people
    except OSError as error:
        raise UsageError(f"{path}: the password file cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise UsageError(
            f"{path}: not a password file; make one with `reelmill serve password NAME`"
        ) from error


def write_people(path: Path, people: dict[str, Entry]) -> None:
    """Write a password file that only its owner can read.

    Raises:
        OSError: it cannot be written.
    """
    gate.own(Path(os.path.abspath(path)).parent)
    content = _File(people=people).model_dump()
    with replacing(Path(os.path.abspath(path))) as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n")
