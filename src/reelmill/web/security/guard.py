"""The first code that sees a request, and the last that sees its answer."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reelmill.web.answers import Answers
from reelmill.web.errors import Refused
from reelmill.web.parts import Part
from reelmill.web.security.access import Access, wrong_token
from reelmill.web.security.bodies import SlowReaderError, TimedBody, impatient
from reelmill.web.security.headers import protect
from reelmill.web.security.people import role_for
from reelmill.web.security.refusals import RefusalLog
from reelmill.web.security.requests import (
    HostCheck,
    check_length,
    check_method,
    check_origin,
    checked_path,
)
from reelmill.web.settings import Limits, WebSettings

_log = logging.getLogger("reelmill.web")
#: What whoever is not in yet may ask for.
_PUBLIC = frozenset({"/login", "/logout", "/favicon.ico"})
_PUBLIC_BELOW = "/static/"
#: Bytes that are still read of a request that is refused, so that its sender sees the answer.
_READ_ON = 32 << 20
_HURRY_S, _HURRY_PACE = 2.0, 1 << 20


class Guard:
    """Lets through only what is allowed. It refuses before anything of a body is read."""

    def __init__(
        self,
        app: ASGIApp,
        settings: WebSettings,
        access: Access,
        log: RefusalLog,
        answers: Answers,
        parts: Sequence[Part],
    ) -> None:
        self._app = app
        self._settings = settings
        self._access = access
        self._log = log
        self._answers = answers
        self._hosts = HostCheck(settings)
        self._large = tuple(path for part in parts for path in part.large_bodies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        # The server under this one keeps the path as it came.
        scope = {**scope, "state": scope.get("state", {})}
        exchange = _Exchange(scope, receive, send, self._settings, self._note)
        try:
            body = exchange.body = self._admitted(scope, receive)
            if (entered := self._enter(scope)) is not None:
                await entered(scope, receive, exchange.send)
            else:
                await self._app(scope, body, exchange.send)
        except Refused as error:
            await self._refused(exchange, error)
        except SlowReaderError:
            exchange.status = 408
            exchange.reason = Refused(408, "slow_reader", "the answer was not read")
            self._note(exchange)
        except Exception:  # noqa: BLE001 (costs this request alone)
            refusal = None if exchange.body is None else exchange.body.refusal
            if refusal is None:
                _log.exception("an error of the server in %s %s", scope["method"], scope["path"])
            await self._refused(exchange, refusal or _internal())

    def _admitted(self, scope: Scope, receive: Receive) -> TimedBody:
        """Check everything that can be told before the body comes."""
        headers, method = Headers(scope=scope), scope["method"]
        # The log shows the path as it was sent, unless it is one of ours.
        path = scope["path"] = checked_path(scope)
        check_method(method)
        host = self._hosts.check(headers)
        is_public = path in _PUBLIC or path.startswith(_PUBLIC_BELOW)
        person, by_cookie = self._access.person(headers)
        own = f"{self._settings.scheme}://{host}"
        check_origin(headers, method, own, by_cookie=by_cookie)
        limits = self._settings.limits
        is_large = path.startswith(self._large)
        length = check_length(headers, self._settings.max_upload if is_large else limits.body)
        scope["state"]["person"] = person
        if person is not None:
            person.require("viewer" if is_public else role_for(method))
        elif not is_public and not self._brings_token(scope):
            raise Refused(401, "not_logged_in", "log in first, or send a token")
        return TimedBody(receive, length, limits)

    def _brings_token(self, scope: Scope) -> bool:
        query: bytes = scope["query_string"]
        return scope["method"] == "GET" and query.startswith(b"token=")

    def _enter(self, scope: Scope) -> Response | None:
        """The first visit, with the token in the address: give the browser a cookie, and take the
        token out of what it shows and remembers."""
        if not self._brings_token(scope):
            return None
        (token, *_) = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
        person = self._access.by_token(token)
        if person is None:
            raise wrong_token()
        response = RedirectResponse("/", 303)
        self._access.sessions.begin(person, response)
        return response

    async def _refused(self, exchange: _Exchange, error: Refused) -> None:
        exchange.reason = error
        if exchange.has_begun:  # an answer that is not whole: the connection is closed
            exchange.status = error.status
            self._note(exchange)
            return
        await exchange.read_on()
        response = self._answers.of(Request(exchange.scope), error)
        with contextlib.suppress(SlowReaderError):
            await response(exchange.scope, exchange.receive, exchange.send)

    def _note(self, exchange: _Exchange) -> None:
        scope = exchange.scope
        error = exchange.reason or Answers.given(scope)
        person = scope["state"].get("person")
        self._log.note(
            status=exchange.status,
            code="" if error is None else error.code,
            method=scope["method"][:20],
            path=scope["path"],
            client=(scope.get("client") or ("", 0))[0],
            person="" if person is None else person.name,
            detail="" if error is None else error.detail,
        )


def _internal() -> Refused:
    return Refused(
        500, "internal_error", "an error of the server; its log says more (please report it)"
    )


class _Exchange:
    """A request and its answer: what was sent, and with which status."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        settings: WebSettings,
        note: Callable[[_Exchange], None],
    ) -> None:
        self.scope = scope
        self._note = note
        self.receive = receive
        self._send = impatient(send, settings.limits)
        self._tls = settings.tls
        self._patience = settings.limits.patience
        self.body: TimedBody | None = None
        self.status = 0
        self.reason: Refused | None = None
        self.has_begun = False

    async def send(self, message: Message) -> None:
        """Send a part of the answer, with the headers that every answer has."""
        if message["type"] == "http.response.start":
            refusal = None if self.body is None else self.body.refusal
            if refusal not in (None, self.reason, Answers.given(self.scope)):
                raise refusal  # a parser of bodies made another error of it
            self.has_begun = True
            self.status = message["status"]
            headers = MutableHeaders(raw=message.setdefault("headers", []))
            protect(headers, tls=self._tls)
            if self.status >= 400:
                self._note(self)  # before the answer, so that whoever gets it finds it in the log
                if self.body is None or not self.body.is_whole:
                    headers["connection"] = "close"
        await self._send(message)

    async def read_on(self) -> None:
        """Read a little more of what is refused."""
        body, got = self.body, 0
        if body is None:
            stated = Headers(scope=self.scope).get("content-length", "0")
            length = int(stated) if stated.isascii() and stated.isdecimal() else 0
            patience = min(_HURRY_S, self._patience)
            body = TimedBody(self.receive, length, Limits(patience=patience, slowest=_HURRY_PACE))
        with contextlib.suppress(Refused):
            while not body.is_whole and got < _READ_ON:
                message: dict[str, Any] = dict(await body())
                if message["type"] != "http.request":
                    return
                got += len(message.get("body", b""))
