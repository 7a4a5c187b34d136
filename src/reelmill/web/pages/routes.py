"""The routes of the pages."""

from __future__ import annotations

from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from reelmill.export.transcript import DEFAULT_FORMATS
from reelmill.pages.server import (
    STATIC,
    Found,
    HomeFacts,
    ServerPages,
    Visitor,
    static_file,
    static_version,
)
from reelmill.web.api.search import search
from reelmill.web.errors import Refused
from reelmill.web.language import wording_for
from reelmill.web.pages import login
from reelmill.web.parts import Part
from reelmill.web.queue.options import FORMATS, SUBTITLE_FORMATS, models
from reelmill.web.security.headers import PAGE_POLICY
from reelmill.web.security.people import Person
from reelmill.web.services import person_of, services_of

_FOREVER = "private, max-age=31536000, immutable"
#: The most lines that a search shows.
_HITS = 300


def part() -> Part:
    """The pages."""
    return Part(
        prefix="/",
        routes=[
            Route("/", home),
            Route("/find", find),
            Route("/login", login.show),
            Route("/login", login.enter, methods=["POST"]),
            Route("/logout", login.leave, methods=["POST"]),
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


def visitor(person: Person) -> Visitor:
    """A person, as pages know them."""
    return Visitor(person.name, person.may("editor"))


async def home(request: Request) -> Response:
    services, person = services_of(request), person_of(request)
    settings = services.settings
    uploads = await run_in_threadpool(services.uploads.of, person.name)
    facts = HomeFacts(
        models=models("whisper", settings),
        formats=FORMATS,
        subtitle_formats=SUBTITLE_FORMATS,
        chosen=DEFAULT_FORMATS,
        max_upload=settings.max_upload,
        root="" if settings.root is None else settings.root.name or "/",
        model=settings.model,
        uploads=[asdict(one) for one in uploads],
    )
    return page(pages_of(request).home(visitor(person), facts))


async def find(request: Request) -> Response:
    query = request.query_params.get("q", "")[:500]
    found = Found(query)
    if query.strip():
        services = services_of(request)
        try:
            result = await run_in_threadpool(search, services, query, limit=_HITS)
        except Refused as error:
            found = Found(query, problem=error.message)
        else:
            hits = [one.model_dump() for one in result.hits]
            found = Found(query, hits, result.is_cut, problems=result.problems)
    return page(pages_of(request).found(visitor(person_of(request)), found))


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
