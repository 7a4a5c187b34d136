"""What a request must look like, whoever sent it: host, origin, path, method, length."""

from __future__ import annotations

import os
import socket
from urllib.parse import unquote_to_bytes, urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from reelmill.web.errors import Refused
from reelmill.web.settings import WebSettings, is_address

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
#: Those that change nothing.
SAFE = frozenset({"GET", "HEAD"})
_LONGEST_PATH = 4096
#: A path of a file has no such bytes once it is decoded: they are separators elsewhere, end a
#: string, or are invisible in a log.
_NEVER = frozenset(b"\\") | frozenset(range(32)) | {127}


class HostCheck:
    """The names by which the server may be called.

    A page of another site can point its own name to this machine (DNS rebinding), and its scripts
    would then be of the same origin. It cannot do that to an IP address.
    """

    def __init__(self, settings: WebSettings) -> None:
        self._names = {"localhost", *(name.lower() for name in settings.hosts)}
        if not settings.is_loopback:
            self._names |= {socket.gethostname().lower(), settings.host.lower()}
        self._settings = settings

    def check(self, headers: Headers) -> str:
        """The host as it was called.

        Raises:
            Refused: the server has no such name.
        """
        host = headers.get("host", "")
        name = _name_of(host)
        known = name in self._names or is_address(name, loopback=self._settings.is_loopback)
        if not known:
            raise Refused(
                421,
                "wrong_host",
                "this server is not known by that name; use the address that it printed, or start "
                "it with --allow-host",
                f"host {host[:200]!r}",
            )
        return host


def _name_of(host: str) -> str:
    """The name in a Host header, without its port; empty where it is no host."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return ""
    is_plain = parts.netloc == host and "@" not in host and not parts.path
    return (parts.hostname or "") if is_plain else ""


def check_origin(headers: Headers, method: str, own: str, *, by_cookie: bool) -> None:
    """Check that a browser sends the request for one of our own pages.

    Args:
        own: scheme and host as the server was called.
        by_cookie: whether the browser's cookie says who it is, which it would also add to requests
            that other pages make.

    Raises:
        Refused: it comes from a page of another site, or may.
    """
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() != own.lower():
        raise Refused(403, "wrong_origin", _FOREIGN, f"origin {origin[:200]!r}")
    if method in SAFE:
        return
    if site is not None and site not in ("same-origin", "none"):
        raise Refused(403, "wrong_origin", _FOREIGN, f"sec-fetch-site {site[:200]!r}")
    if by_cookie and origin is None and site is None:
        raise Refused(
            403,
            "no_origin",
            "a request that changes something needs an Origin header; programs send a token "
            "instead of a cookie",
        )


_FOREIGN = "requests from pages of other sites are refused; open the server's own page"


def checked_path(scope: Scope) -> str:
    """The path of a request, with the bytes of its file names.

    Raises:
        Refused: it leads upwards, or is not the path of anything.
    """
    raw: bytes = scope.get("raw_path") or b""
    if len(raw) > _LONGEST_PATH:
        raise Refused(414, "path_too_long", "the path is too long")
    decoded = unquote_to_bytes(raw)
    wrong = (
        not raw.startswith(b"/")
        or b"%2f" in raw.lower()
        or bool(_NEVER & set(decoded))
        or any(part in (b".", b"..") for part in decoded.split(b"/"))
    )
    if wrong:
        raise Refused(400, "bad_path", "this is not a path of the server", "path")
    return os.fsdecode(decoded)


def check_method(method: str) -> None:
    """Raise Refused where no part of the server knows the method."""
    if method not in _METHODS:
        raise Refused(405, "bad_method", f"the server does not know {method[:20]!r}")


def check_length(headers: Headers, limit: int) -> int:
    """The length of the body that follows.

    Raises:
        Refused: it is not stated, or over the limit.
    """
    if "transfer-encoding" in headers:
        raise Refused(411, "length_required", "send the length of the body in Content-Length")
    stated = headers.get("content-length", "0")
    length = int(stated) if stated.isascii() and stated.isdecimal() and len(stated) < 20 else -1
    if length < 0:
        raise Refused(400, "bad_length", "Content-Length is no length")
    if length > limit:
        raise Refused(
            413,
            "too_large",
            f"the body has {length:,} bytes, and at most {limit:,} are accepted here",
        )
    return length
