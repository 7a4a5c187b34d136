"""Browsers that have been let in: a cookie for each, of which the server keeps only a hash."""

from __future__ import annotations

import hashlib
import secrets
import time

from starlette.responses import Response

from reelmill.web.security.passwords import PasswordFile
from reelmill.web.security.people import Person
from reelmill.web.settings import WebSettings
from reelmill.web.store import Store

#: The name of whoever has the token that the server prints.
LOCAL = "local"
_LASTS_S = 14 * 24 * 3600.0


class Sessions:
    """The sessions of a server. They survive its restart."""

    def __init__(self, store: Store, settings: WebSettings, passwords: PasswordFile | None) -> None:
        self._store = store
        self._tls = settings.tls
        self._passwords = passwords
        #: Browsers send cookies to all ports of a host.
        self.cookie = f"reelmill_{settings.port}"

    def begin(self, person: Person, response: Response) -> None:
        """Let a browser in, by a cookie that no script can read and no other site can send."""
        value = secrets.token_urlsafe(32)
        now = time.time()
        self._store.execute("DELETE FROM sessions WHERE expires < ?", now)
        self._store.execute(
            "INSERT INTO sessions VALUES (?, ?, ?, ?, ?)",
            _hash(value),
            person.name,
            person.role,
            self._stamp(person.name),
            now + _LASTS_S,
        )
        response.set_cookie(
            self.cookie,
            value,
            max_age=int(_LASTS_S),
            httponly=True,
            samesite="strict",
            secure=self._tls,
        )

    def person(self, value: str) -> Person | None:
        """Whose cookie this is. One made before a password, or a role, was changed is nobody's."""
        row = self._store.row(
            "SELECT name, role, stamp FROM sessions WHERE id = ? AND expires > ?",
            _hash(value),
            time.time(),
        )
        if row is None or row["stamp"] != self._stamp(row["name"]):
            return None
        return Person(row["name"], row["role"])

    def end(self, value: str, response: Response) -> None:
        """Forget a browser."""
        self._store.execute("DELETE FROM sessions WHERE id = ?", _hash(value))
        response.delete_cookie(self.cookie, httponly=True, samesite="strict", secure=self._tls)

    def _stamp(self, name: str) -> str:
        """Changes when the person's entry in the password file does."""
        return "" if self._passwords is None else self._passwords.stamp(name)


def _hash(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
