"""Logging in with a name and a password, and out again."""

from __future__ import annotations

import time
from collections import defaultdict, deque

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from reelmill.pages.server import ServerPages
from reelmill.web.errors import Refused
from reelmill.web.language import wording_for
from reelmill.web.security.access import Access
from reelmill.web.security.headers import PAGE_POLICY

#: Wrong passwords from one address in so many seconds, after which none is tried any more.
_WRONG, _WITHIN_S = 5, 60.0


class WrongPasswords:
    """When wrong passwords came to a server, by address."""

    def __init__(self) -> None:
        self._times: dict[str, deque[float]] = defaultdict(deque)

    def add(self, address: str) -> None:
        """One came from there just now."""
        self._times[address].append(time.monotonic())

    def check(self, address: str) -> None:
        """Raise Refused where too many came from there of late."""
        now = time.monotonic()
        for one in [one for one, times in self._times.items() if now - times[-1] > _WITHIN_S]:
            del self._times[one]
        if address in self._times and len(self._times[address]) >= _WRONG:
            message = "too many wrong passwords; wait a minute"
            raise Refused(429, "too_many_tries", message, retry_after=int(_WITHIN_S))


async def show(request: Request) -> Response:
    """The page that asks for a name and a password."""
    if _access(request).passwords is None or request.state.person is not None:
        return RedirectResponse("/", 303)
    return _page(request, has_failed=False)


async def enter(request: Request) -> Response:
    """Let a browser in whose name and password fit."""
    access = _access(request)
    if access.passwords is None:
        raise Refused(404, "not_found", "this server has no passwords")
    address = "" if request.client is None else request.client.host
    wrong: WrongPasswords = request.app.state.wrong_passwords
    wrong.check(address)
    form = await request.form(max_files=0, max_fields=4)
    name, password = str(form.get("name", ""))[:100], str(form.get("password", ""))
    # One at a time: each takes 64 MB for a moment.
    async with request.app.state.login_lock:
        person = await run_in_threadpool(access.passwords.person, name, password)
    if person is None:
        wrong.add(address)
        request.state.refused = Refused(401, "wrong_password", "", f"name {name!r}")
        return _page(request, has_failed=True)
    response = RedirectResponse("/", 303)
    access.sessions.begin(person, response)
    return response


async def leave(request: Request) -> Response:
    """Forget this browser."""
    access = _access(request)
    response = RedirectResponse("/login", 303)
    access.sessions.end(access.cookie(request.headers), response)
    return response


def _access(request: Request) -> Access:
    found: Access = request.app.state.access
    return found


def _page(request: Request, *, has_failed: bool) -> Response:
    pages = ServerPages(wording_for(request, request.app.state.settings))
    status = 401 if has_failed else 200
    html = pages.login(has_failed=has_failed)
    return HTMLResponse(html, status, {"content-security-policy": PAGE_POLICY})
