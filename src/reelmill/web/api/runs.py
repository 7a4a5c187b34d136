"""`/runs`: make runs, watch them, and get their results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from reelmill.errors import ReelmillError
from reelmill.runs.run import Run
from reelmill.web.api.documented import documented
from reelmill.web.api.models import (
    NewRun,
    NewRunInfo,
    Results,
    RunInfo,
    RunList,
    RunState,
    WebhookGiven,
)
from reelmill.web.api.shown import reports_of, shown_recording, shown_run
from reelmill.web.errors import Refused
from reelmill.web.queue.options import checked
from reelmill.web.queue.records import STATES, QueuedRun, Webhook, new_id
from reelmill.web.queue.webhooks import check_url, new_secret, secret_bytes
from reelmill.web.results.files import OpenedFile, kind_of, open_original
from reelmill.web.security.people import Person
from reelmill.web.services import Services, ThePerson, TheServices

router = documented("Runs")


@router.post("/runs", status_code=201)
def create(new: NewRun, services: TheServices, person: ThePerson) -> NewRunInfo:
    """Make a run and put it in the queue."""
    options = checked(new.options, services.settings)
    webhook, made = _webhook(new.webhook, services)
    run = _planned(new, options, services, person)
    uploads = services.uploads.take(new.uploads, person.name, run.id)
    paths = (*run.paths, *map(str, uploads))
    title = run.title or _title(paths)
    try:
        run = services.queue.add(
            replace(run, webhook=webhook, title=title, paths=paths), services.settings.max_queue
        )
    except Refused:
        services.uploads.give_back(run.id)
        raise
    return NewRunInfo(**shown_run(run, services).model_dump(), webhook_secret=made)


def _planned(new: NewRun, options: dict[str, Any], services: Services, person: Person) -> QueuedRun:
    """The run, if it could be done at all."""
    if not new.uploads and not new.paths:
        raise Refused(422, "no_recordings", "name uploads, or paths below the root")
    name = new_id()
    picked = [services.root.find(path) for path in new.paths]
    own = services.store.data / "runs" / name
    out = services.root.place(new.out) if new.out else own
    if out in picked:
        raise Refused(422, "bad_out", "results cannot go into the folder of the recordings")
    try:
        Run(new.task, out=out, **options)
    except ReelmillError as error:
        raise Refused(422, "bad_options", str(error)) from error
    return QueuedRun(
        id=name,
        number=0,
        owner=person.name,
        title=new.title or "",
        task=new.task,
        options=options,
        paths=tuple(map(str, picked)),
        out=Path(os.path.abspath(out)),
        priority=new.priority,
    )


def _title(paths: Sequence[str]) -> str:
    """The first recording, and how many more there are."""
    more = f" + {len(paths) - 1}" if len(paths) > 1 else ""
    return f"{Path(paths[0]).name}{more}"


def _webhook(given: WebhookGiven | None, services: Services) -> tuple[Webhook | None, str | None]:
    """The webhook, and its secret if it was made here."""
    if given is None:
        return None, None
    check_url(given.url, private=services.settings.private_webhooks)
    if given.secret is not None:
        secret_bytes(given.secret)
    secret = given.secret or new_secret()
    made = None if given.secret else secret
    return Webhook(given.url, secret, tuple(given.events)), made


@router.get("/runs")
def list_runs(
    services: TheServices,
    state: Annotated[list[RunState] | None, Query(description="Only runs in these states.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> RunList:
    """The runs, the latest first."""
    found, total = services.queue.records.page(state or STATES, limit, offset)
    return RunList(runs=[shown_run(run, services) for run in found], total=total)


@router.get("/runs/{run}")
def show(run: str, services: TheServices) -> RunInfo:
    """A run."""
    return shown_run(services.queue.get(run), services)


@router.delete("/runs/{run}", status_code=204)
def remove(run: str, services: TheServices, person: ThePerson) -> Response:
    """Forget a run that is over, with its uploads. Its results are removed too, unless they are in
    a folder below the root."""
    found = _own(run, services, person)
    own = services.store.data / "runs" / found.id
    folders = [*services.uploads.of_run(found.id), *([own] if found.out == own else [])]
    services.queue.remove(found.id, folders)
    services.uploads.forget(found.id)
    return Response(status_code=204)


@router.post("/runs/{run}/pause")
def pause(run: str, services: TheServices, person: ThePerson) -> RunInfo:
    """Start nothing new. What has been started is finished."""
    return shown_run(services.queue.pause(_own(run, services, person).id), services)


@router.post("/runs/{run}/resume")
def resume(run: str, services: TheServices, person: ThePerson) -> RunInfo:
    """Go on after a pause."""
    return shown_run(services.queue.resume(_own(run, services, person).id), services)


@router.post("/runs/{run}/cancel")
def cancel(run: str, services: TheServices, person: ThePerson) -> RunInfo:
    """End a run. Finished work is kept. Called again, it does not wait for what has begun."""
    return shown_run(services.queue.cancel(_own(run, services, person).id), services)


@router.post("/runs/{run}/retry")
def retry(run: str, services: TheServices, person: ThePerson) -> RunInfo:
    """Queue a run again that is over. Only what is missing, or has failed, is done."""
    return shown_run(services.queue.retry(_own(run, services, person).id), services)


@router.get("/runs/{run}/results")
def results(
    run: str,
    services: TheServices,
    after: Annotated[int, Query(ge=0, description="Only recordings after this number.")] = 0,
) -> Results:
    """The recordings that have ended, with their files, also while the run goes on."""
    found = services.queue.get(run)
    recordings = services.queue.records.recordings(found.id, after)
    return Results(
        run=shown_run(found, services),
        recordings=[shown_recording(found, one) for one in recordings],
        reports=reports_of(found),
    )


@router.get(
    "/runs/{run}/originals/{key}",
    response_class=Response,
    responses={
        200: {"content": {"audio/*": {}, "video/*": {}}},
        206: {"description": "the bytes asked for"},
    },
)
def original(run: str, key: str, services: TheServices) -> Response:
    """A recording as it was given. Ranges of bytes can be asked for."""
    found = services.queue.records.recording(services.queue.get(run).id, key)
    if found is None:
        raise Refused(404, "not_found", "this run has no such recording")
    path = Path(found.path)
    return OpenedFile(open_original(path), path.name, kind_of(path.name))


def _own(name: str, services: Services, person: Person) -> QueuedRun:
    """A run that this person may change."""
    run = services.queue.get(name)
    if run.owner != person.name:
        person.require("admin")
    return run
