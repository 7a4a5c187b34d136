"""The answers to requests that are refused: for people a page, for programs JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import Scope

from reelmill.pages.server import ServerPages, Visitor
from reelmill.web.errors import Refused
from reelmill.web.language import wording_for
from reelmill.web.parts import Part
from reelmill.web.security.headers import PAGE_POLICY
from reelmill.web.security.people import Person
from reelmill.web.settings import WebSettings


class Answers:
    """Makes them, in the form that each part's clients expect."""

    def __init__(self, settings: WebSettings, parts: Sequence[Part]) -> None:
        self._settings = settings
        self._forms: Mapping[str, Callable[[Refused], Response]] = {
            part.prefix: part.refuse for part in parts if part.refuse is not None
        }

    def of(self, request: Request, error: Refused) -> Response:
        """The answer to a request that is refused for that reason, which is kept for the log."""
        request.scope.setdefault("state", {})["refused"] = error
        path = request.scope["path"]
        form = next((one for at, one in self._forms.items() if path.startswith(at)), None)
        if form is not None:
            response = form(error)
        elif "text/html" in request.headers.get("accept", ""):
            response = self._page(request, error)
        else:
            content = {"error": {"code": error.code, "message": error.message}}
            response = JSONResponse(content, error.status)
        if error.retry_after is not None:
            response.headers["retry-after"] = str(error.retry_after)
        if error.status == 401:
            response.headers.setdefault("www-authenticate", "Bearer")
        return response

    @staticmethod
    def given(scope: Scope) -> Refused | None:
        """Why the request was refused, if it was."""
        reason: Refused | None = scope.get("state", {}).get("refused")
        return reason

    def _page(self, request: Request, error: Refused) -> Response:
        if error.status == 401 and self._settings.passwords is not None:
            return RedirectResponse("/login", 303)
        say = wording_for(request, self._settings)
        person: Person | None = request.scope["state"].get("person")
        visitor = None if person is None else Visitor(person.name, person.may("editor"))
        page = ServerPages(say).refused(visitor, error.status, error.code, error.message)
        return HTMLResponse(page, error.status, {"content-security-policy": PAGE_POLICY})
