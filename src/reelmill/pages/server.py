"""The pages of the local server. They make HTML from data; nothing here knows a server."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

from reelmill import __version__
from reelmill.pages.environment import template
from reelmill.pages.language import Wording

#: The files under `/static`, and their types.
STATIC = {
    "server.css": "text/css; charset=utf-8",
    "server.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@cache
def static_file(name: str) -> bytes:
    """One of the `STATIC` files.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in STATIC:
        raise KeyError(name)
    return template(name).render().encode()


@cache
def static_version() -> str:
    """Changes whenever one of the files does."""
    digest = hashlib.sha256(b"".join(static_file(name) for name in sorted(STATIC)))
    return digest.hexdigest()[:12]


class ServerPages:
    """The pages in one language. Everything they are given is escaped."""

    def __init__(self, wording: Wording) -> None:
        self._say = wording

    def home(self, person: str) -> str:
        """The page with the queue."""
        return self._render("server_home.html", person=person)

    def refused(self, status: int, code: str, message: str) -> str:
        """The page of a request that was refused; `message` is shown where there is no wording for
        its `code`."""
        return self._render(
            "server_message.html",
            title=self._say.get(f"server.refused.{status}", str(status)),
            message=self._say.get(f"server.refused.{code}", message),
        )

    def _render(self, name: str, **values: Any) -> str:
        return template(name).render(
            say=self._say, version=__version__, static=static_version(), **values
        )
