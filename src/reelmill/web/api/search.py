"""`/search`: what was said where, in all runs."""

from __future__ import annotations

import contextlib
from typing import Annotated
from urllib.parse import quote

from fastapi import Query

from reelmill.core.printable import printable
from reelmill.errors import UsageError
from reelmill.search.index import Hit, SearchIndex
from reelmill.search.index import Query as SearchQuery
from reelmill.search.results import Kind
from reelmill.web.api.documented import documented
from reelmill.web.api.models import SearchHit, SearchResult
from reelmill.web.api.shown import address
from reelmill.web.errors import Refused
from reelmill.web.queue.records import QueuedRun
from reelmill.web.results.files import was_written
from reelmill.web.services import Services, TheServices

router = documented("Search")


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
    asked = SearchQuery(q, speaker, recording, kinds=tuple(kind or ()), limit=limit)
    hits: list[SearchHit] = []
    problems: list[str] = []
    seen = set()
    for run in services.queue.records.all():
        if run.out in seen or not run.out.is_dir():
            continue
        seen.add(run.out)
        found, wrong = _in_run(run, asked, services)
        hits += found
        problems += wrong
        if len(hits) > limit:
            break
    return SearchResult(hits=hits[:limit], is_cut=len(hits) > limit, problems=problems)


def _in_run(
    run: QueuedRun, asked: SearchQuery, services: Services
) -> tuple[list[SearchHit], list[str]]:
    try:
        with contextlib.closing(SearchIndex(run.out)) as index:
            problems = index.update()
            found = index.search(asked)
    except UsageError as error:
        raise Refused(422, "bad_query", str(error)) from error
    ours = [hit for hit in found if was_written(run.out, hit.file)]
    return [_shown(run, hit, asked.words) for hit in ours], list(map(printable, problems))


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
