"""Who sent a request: by a token, a program's key, or a browser's cookie."""

from __future__ import annotations

import hmac

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from reelmill.web.errors import Refused
from reelmill.web.security.passwords import PasswordFile
from reelmill.web.security.people import Person
from reelmill.web.security.sessions import LOCAL, Sessions
from reelmill.web.settings import WebSettings


def wrong_token() -> Refused:
    message = "this token is not known; use the one that the server printed"
    return Refused(401, "wrong_token", message)


class Access:
    """Tells people by what they send."""

    def __init__(
        self, settings: WebSettings, sessions: Sessions, passwords: PasswordFile | None
    ) -> None:
        self._token = settings.token
        self.sessions = sessions
        self.passwords = passwords

    def by_token(self, token: str) -> Person | None:
        """Whoever has the token that the server printed, or a key of the password file."""
        given = token.encode("utf-8", "replace")
        if self._token and hmac.compare_digest(given, self._token.encode()):
            return Person(LOCAL, "admin", is_shared=True)
        return None if self.passwords is None else self.passwords.owner(token)

    def person(self, headers: Headers) -> tuple[Person | None, bool]:
        """Who it is, and whether a cookie says so.

        Raises:
            Refused: a token is given that nobody has.
        """
        if (given := headers.get("authorization")) is not None:
            scheme, _, token = given.partition(" ")
            person = self.by_token(token.strip()) if scheme.lower() == "bearer" else None
            if person is None:
                raise wrong_token()
            return person, False
        cookie = self.cookie(headers)
        return (self.sessions.person(cookie) if cookie else None), True

    def cookie(self, headers: Headers) -> str:
        """The value of this server's cookie; empty where there is none."""
        return cookie_parser(headers.get("cookie", "")).get(self.sessions.cookie, "")
