"""`/search`: what was said where, in all runs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

from fastapi import Query
from starlette.applications import Starlette

from reelmill.core.printable import printable
from reelmill.errors import UsageError
from reelmill.search.folders import FoldersIndex
from reelmill.search.index import Hit
from reelmill.search.index import Query as SearchQuery
from reelmill.search.results import Kind
from reelmill.web.api.documented import documented
from reelmill.web.api.models import SearchHit, SearchResult
from reelmill.web.api.shown import address
from reelmill.web.errors import Refused
from reelmill.web.queue.records import OVER, QueuedRun
from reelmill.web.results.files import was_written
from reelmill.web.services import Services, TheServices

router = documented("Search")
_log = logging.getLogger(__name__)
#: Between two looks at the folders of all runs, in seconds. One look takes two calls a folder.
_INDEX_EVERY_S = 30.0


@router.get("/search")
def search(
    services: TheServices,
    q: Annotated[
        str,
        Query(
            max_length=500,
            description="All of these words, in one line. Words in quotation marks are a phrase; "
            "a star stands for any ending of a word.",
        ),
    ],
    speaker: Annotated[str | None, Query(max_length=200)] = None,
    recording: Annotated[str | None, Query(max_length=200)] = None,
    kind: Annotated[list[Kind] | None, Query(description="Only these kinds of lines.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> SearchResult:
    """Find what was said in the results of all runs, as `reelmill find` does in one folder."""
    # One more than is shown, to know whether there are more.
    asked = SearchQuery(q, speaker, recording, kinds=tuple(kind or ()), limit=limit + 1)
    runs = _runs_with_results(services)
    with contextlib.closing(FoldersIndex(services.store.data)) as index:
        problems = _update(index, runs)
        try:
            found = index.search(asked)
        except UsageError as error:
            raise Refused(422, "bad_query", str(error)) from error
    places = {name: at for at, name in enumerate(runs)}
    found.sort(key=lambda one: (places[one[0]], one[1].recording, one[1].file))
    hits = [
        _shown(runs[name], hit, asked.words)
        for name, hit in found
        if was_written(runs[name].out, hit.file)
    ]
    problems = list(map(printable, problems))
    return SearchResult(hits=hits[:limit], is_cut=len(found) > limit, problems=problems)


@contextlib.asynccontextmanager
async def indexing(app: Starlette) -> AsyncIterator[None]:
    """Keep the index up to date while the server runs, so that nobody's search has to read
    thousands of runs first."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_keep_up_to_date, args=(app.state.services, stop), name="search index"
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        await asyncio.to_thread(thread.join)


def _keep_up_to_date(services: Services, stop: threading.Event) -> None:
    while True:
        try:
            with contextlib.closing(FoldersIndex(services.store.data)) as index:
                _update(index, _runs_with_results(services), stop.is_set)
        except (UsageError, OSError, sqlite3.Error) as error:  # a search will say it to somebody
            _log.warning("the index of runs was not brought up to date: %s", error)
        if stop.wait(_INDEX_EVERY_S):
            return


def _update(
    index: FoldersIndex,
    runs: Mapping[str, QueuedRun],
    stopped: Callable[[], bool] = lambda: False,
) -> list[str]:
    busy = [name for name, run in runs.items() if run.state not in OVER]
    return index.update({name: run.out for name, run in runs.items()}, busy, stopped)


def _runs_with_results(services: Services) -> dict[str, QueuedRun]:
    """The latest run of each output folder by id, the latest first."""
    found: dict[Path, QueuedRun] = {}
    for run in services.queue.records.all():
        if run.out not in found and run.out.is_dir():
            found[run.out] = run
    return {run.id: run for run in found.values()}


def _shown(run: QueuedRun, hit: Hit, words: str) -> SearchHit:
    page = f"{hit.file.removesuffix('.json')}.html"
    href = None
    if was_written(run.out, page):
        at = "" if hit.at is None else f"t={hit.at:g}&"
        href = f"{address(run.id, page)}#{at}q={quote(words)}"
    return SearchHit(
        run=run.id,
        title=printable(run.title),
        recording=printable(hit.recording),
        kind=hit.kind,
        at=hit.at,
        speaker=None if hit.speaker is None else printable(hit.speaker),
        label=None if hit.label is None else printable(hit.label),
        text=hit.text,
        href=href,
    )
