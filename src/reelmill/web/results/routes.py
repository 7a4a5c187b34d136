"""`/results/RUN/...`: the files of an output folder."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote_to_bytes

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from reelmill.pages.index import INDEX_FILES
from reelmill.report.files import INDEX_PAGE
from reelmill.web.errors import Refused
from reelmill.web.parts import Part
from reelmill.web.queue.records import QueuedRun, key_of
from reelmill.web.results.files import OpenedFile, kind_of, open_result
from reelmill.web.results.naming import version_of
from reelmill.web.results.pages import (
    is_lines,
    policy,
    with_editor,
    with_sound_from,
    with_way_home,
)
from reelmill.web.services import Services, person_of, services_of

#: Pages are read whole, and none of ours is as large.
_LARGEST_PAGE = 256 << 20


def part() -> Part:
    """The results of runs."""
    return Part(
        prefix="/results/",
        routes=[
            Route("/results/{run}", to_index),
            Route("/results/{run}/", to_index),
            Route("/results/{run}/{path:path}", result),
        ],
    )


async def to_index(request: Request) -> Response:
    return RedirectResponse(f"/results/{request.path_params['run']}/{INDEX_PAGE}", 303)


async def result(request: Request) -> Response:
    run, path = request.path_params["run"], request.path_params["path"]
    return await run_in_threadpool(_result, run, path, services_of(request), request)


def _own(request: Request) -> str:
    """Scheme and host of this server, as it was called."""
    return f"{request.app.state.settings.scheme}://{request.headers['host']}"


def _result(name: str, path: str, services: Services, request: Request) -> Response:
    run = services.queue.get(name)
    descriptor = open_result(run.out, path)
    if path.startswith(f"{INDEX_FILES}/") and path.endswith(".js"):
        return _lines(_read(descriptor))
    if path.endswith(".html"):
        version = version_of(descriptor)
        return _page(_read(descriptor), version, run, path, services, request)
    return OpenedFile(descriptor, path.rpartition("/")[2], kind_of(path))


def _lines(text: str) -> Response:
    if not is_lines(text):
        raise Refused(403, "changed", "this file was changed after it was written", "index_files")
    return Response(text, media_type="text/javascript", headers={"cache-control": "no-cache"})


def _page(
    html: str, version: int, run: QueuedRun, path: str, services: Services, request: Request
) -> Response:
    folder = (run.out / path).parent

    def locate(href: str) -> str | None:
        found = Path(folder, os.fsdecode(unquote_to_bytes(href)))
        key = key_of(found)
        known = services.queue.records.recording(run.id, key)
        return None if known is None else f"/runs/{run.id}/originals/{key}"

    def original() -> str | None:
        page = run.out / path
        for one in services.queue.records.recordings(run.id):
            if any(run.out / name == page for name in one.outputs):
                return f"/runs/{run.id}/originals/{one.key}"
        return None

    rules = policy(_own(request), f"/results/{run.id}", services.scripts.of(html))
    html = with_way_home(with_sound_from(html, locate, original))
    person = person_of(request)
    if person.may("editor"):
        html = with_editor(html, person.name, version)
    headers = {"content-security-policy": rules, "cache-control": "no-cache"}
    return HTMLResponse(html.encode("utf-8", "surrogateescape"), headers=headers)


def _read(descriptor: int) -> str:
    """All of a file, which is closed."""
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(descriptor).st_size > _LARGEST_PAGE:
            raise Refused(413, "too_large", "this page is too large for the server")
        return file.read().decode("utf-8", "surrogateescape")
