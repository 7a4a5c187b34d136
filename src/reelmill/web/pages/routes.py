"""The routes of the pages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from reelmill.pages.server import STATIC, ServerPages, static_file, static_version
from reelmill.web.errors import Refused
from reelmill.web.language import wording_for
from reelmill.web.parts import Part
from reelmill.web.security.headers import PAGE_POLICY

_FOREVER = "private, max-age=31536000, immutable"


def part() -> Part:
    """The pages."""
    return Part(
        prefix="/",
        routes=[
            Route("/", home),
            Route("/static/{name}", static),
            Route("/favicon.ico", icon),
        ],
    )


def pages_of(request: Request) -> ServerPages:
    """The pages in the language of whoever asks."""
    return ServerPages(wording_for(request, request.app.state.settings))


def page(html: str, status: int = 200) -> Response:
    """A page of ours as an answer."""
    return HTMLResponse(html, status, {"content-security-policy": PAGE_POLICY})


async def home(request: Request) -> Response:
    return page(pages_of(request).home(request.state.person.name))


async def static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        raise Refused(404, "not_found", "there is nothing here")
    known = request.query_params.get("v") == static_version()
    return Response(
        static_file(name),
        media_type=STATIC[name],
        headers={"cache-control": _FOREVER} if known else {},
    )


async def icon(request: Request) -> Response:
    return Response(static_file("icon.svg"), media_type=STATIC["icon.svg"])
