"""`/corrections/RUN?page=NAME.html`: the corrections of a recording."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import StreamingResponse

from reelmill.web.api.documented import documented
from reelmill.web.corrections.desks import Desks, Place, version_of
from reelmill.web.corrections.models import Change, Corrections
from reelmill.web.corrections.presence import Presence
from reelmill.web.errors import Refused
from reelmill.web.parts import Part
from reelmill.web.results.files import was_written
from reelmill.web.services import Services, ThePerson, TheServices

router = documented("Corrections")
#: Seconds between two looks at a recording whose page is open, and between signs of life.
_LOOK_S, _LIFE_S = 0.7, 10.0
_PAGE = ".html"
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of server-sent events.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}
#: The corrections of this process.
_desks, _presence = Desks(), Presence()

Page = Annotated[str, Query(max_length=4096, description="the review page, below the results")]


def part() -> Part:
    """Corrections."""
    return Part(prefix="/corrections/", routes=router.routes)


@router.get("/corrections/{run}")
def read(run: str, page: Page, services: TheServices, person: ThePerson) -> Corrections:
    """All corrections of a recording, with who made them and when."""
    return _desks.read(_place(run, page, services), person.name)


@router.post("/corrections/{run}")
def change(
    run: str, page: Page, wanted: Change, services: TheServices, person: ThePerson
) -> Corrections:
    """Correct a transcript, or take a correction back. All files of the recording are written anew.

    The answer is 409 `changed` if somebody else changed the text since the `version` that is given,
    422 `unfit` if a correction does not fit the text, and 423 `busy` while a run writes there; then
    nothing is changed."""
    return _desks.change(_place(run, page, services), wanted, person.name)


@router.get("/corrections/{run}/events", response_class=StreamingResponse, responses=_STREAM)
async def events(
    run: str, page: Page, services: TheServices, person: ThePerson
) -> StreamingResponse:
    """What others do on a recording while its page is open: `changed` with the new version of the
    corrections and of the page, and `people` with the names of those who have it open too."""
    place = await asyncio.to_thread(_place, run, page, services)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    stream = _news(run, place, person.name, services)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _news(run: str, place: Place, person: str, services: Services) -> AsyncIterator[str]:
    """The state at first, and whatever is new. A correction by the command line is seen too."""
    with services.queue.hub.listening(run) as listener, _presence.at(place, person):
        loop = asyncio.get_running_loop()
        state: dict[str, Any] = {}
        others, told = None, loop.time()
        while not listener.is_over:
            sent = ""
            now, there = await asyncio.to_thread(_state, place, person)
            if now != state:
                sent += _event("changed", now)
            if there != others:
                sent += _event("people", {"others": there})
            state, others = now, there
            if sent or loop.time() - told > _LIFE_S:
                told = loop.time()
                yield sent or ": still here\n\n"
            await listener.changed(_LOOK_S)


def _state(place: Place, person: str) -> tuple[dict[str, Any], list[str]]:
    state = {"version": version_of(place), "page": place.page_time}
    return state, _presence.others(place, person)


def _event(kind: str, data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _place(run: str, page: str, services: Services) -> Place:
    """The recording that a page shows.

    Raises:
        Refused: there is no such page.
    """
    out = services.queue.get(run).out
    parts = page.split("/")
    strange = any(part in ("", ".", "..") or part.startswith(".") for part in parts)
    if strange or not page.endswith(_PAGE) or not was_written(out, page):
        raise Refused(404, "not_found", "there is no such page")
    return Place(out, page.removesuffix(_PAGE))
