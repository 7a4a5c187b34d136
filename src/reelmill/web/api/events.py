"""Server-sent events: what changes, as it changes.

Each event has the whole state of what it is about, so nobody has to have heard those before it, and
whoever reads slowly skips states and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from pydantic import BaseModel
from starlette.responses import StreamingResponse

from reelmill.web.api.documented import documented
from reelmill.web.api.machine import shown_machine
from reelmill.web.api.shown import shown_recording, shown_run
from reelmill.web.errors import Refused
from reelmill.web.queue.records import OVER
from reelmill.web.services import Services, TheServices

router = documented("Events")
#: Seconds between two states of a run at least, and between signs of life.
_PACE_S, _LIFE_S = 0.4, 10.0
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A stream of server-sent events.",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
}


@router.get("/runs/{run}/events", response_class=StreamingResponse, responses=_STREAM)
async def of_run(run: str, services: TheServices, after: int = 0) -> StreamingResponse:
    """The events of a run, until it is over: `run` with the run whenever it changes, `recording`
    with each recording that has ended (their ids are the recordings' numbers; `after` leaves out
    those up to one), and `end` at last."""
    found = await asyncio.to_thread(services.queue.get, run)
    return _stream(_run_events(found.id, after, services))


@router.get("/events", response_class=StreamingResponse, responses=_STREAM)
async def of_all(services: TheServices) -> StreamingResponse:
    """The events of all runs: `run` with each run that changes, `gone` with the id of one that was
    removed, and `machine` every few seconds. What is there already is not sent; `GET /runs` has
    it."""
    return _stream(_all_events(services))


def _stream(events: AsyncIterator[str]) -> StreamingResponse:
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _run_events(name: str, after: int, services: Services) -> AsyncIterator[str]:
    with services.queue.hub.listening(name) as listener:
        while True:
            sent, after, is_over = await asyncio.to_thread(_news, name, after, services)
            yield sent
            if is_over or listener.is_over:
                return
            if not await listener.changed(_LIFE_S):
                yield ": still here\n\n"
            await asyncio.sleep(_PACE_S)


def _news(name: str, after: int, services: Services) -> tuple[str, int, bool]:
    """The events that a listener has not heard yet, the number of the last recording, and whether
    these were the last."""
    try:
        run = services.queue.get(name)
    except Refused:  # removed meanwhile
        return _event("gone", f'{{"id":"{name}"}}'), after, True
    recordings = services.queue.records.recordings(name, after)
    parts = [_event("recording", shown_recording(run, one), str(one.number)) for one in recordings]
    parts.append(_event("run", shown_run(run, services)))
    is_over = run.state in OVER
    if is_over:
        parts.append(_event("end", f'{{"state":"{run.state}"}}'))
    return "".join(parts), max([after, *(one.number for one in recordings)]), is_over


async def _all_events(services: Services) -> AsyncIterator[str]:
    with services.queue.hub.listening() as listener:
        yield "retry: 2000\n\n" + await asyncio.to_thread(_machine, services)
        loop = asyncio.get_running_loop()
        told = loop.time()
        while not listener.is_over:
            changed = await listener.changed(3.0)
            if listener.is_over:
                return
            sent = await asyncio.to_thread(_changes, changed, services)
            if loop.time() - told > 2.5:
                sent += await asyncio.to_thread(_machine, services)
                told = loop.time()
            yield sent or ": still here\n\n"
            await asyncio.sleep(_PACE_S)


def _changes(names: set[str], services: Services) -> str:
    found = {name: services.queue.records.get(name) for name in sorted(names)}
    return "".join(
        _event("gone", f'{{"id":"{name}"}}')
        if run is None
        else _event("run", shown_run(run, services))
        for name, run in found.items()
    )


def _machine(services: Services) -> str:
    return _event("machine", shown_machine(services))


def _event(kind: str, data: BaseModel | str, name: str | None = None) -> str:
    text = data if isinstance(data, str) else data.model_dump_json()
    return f"event: {kind}\n{f'id: {name}' + chr(10) if name else ''}data: {text}\n\n"
