"""`reelmill find`: find what was said where, in all results of a folder."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from reelmill.commands.exit_codes import EXIT_DONE, EXIT_SOME_FAILED
from reelmill.core.printable import printable
from reelmill.errors import InputError, UsageError
from reelmill.evidence.manifest import read_manifest
from reelmill.report.wording import clock
from reelmill.search.index import Hit, Query, SearchIndex
from reelmill.search.results import Kind


def run_find(out: Path, query: Query, *, json_lines: bool = False) -> int:
    """Print every line that matches, with its recording, second and speaker.

    Args:
        out: the output folder.
        query: the search query.
        json_lines: print one JSON object per line.

    Returns:
        The exit code: 1 when nothing was found.

    Raises:
        UsageError: there is no such folder, the index cannot be kept, or the query is empty.
    """
    with contextlib.closing(SearchIndex(out)) as index:
        problems = index.update(_results(out))
        hits = index.search(query)
    for hit in hits:
        print(json.dumps(asdict(hit), ensure_ascii=False) if json_lines else _line(hit))
    for problem in problems:
        print(printable(f"warning: {problem}"), file=sys.stderr)
    if len(hits) == query.limit:
        print(f"only the first {query.limit} are shown; --limit shows more", file=sys.stderr)
    if not hits:
        where = "" if not problems else " in what could be read"
        print(f"nothing found{where}", file=sys.stderr)
    return EXIT_DONE if hits else EXIT_SOME_FAILED


def _results(out: Path) -> set[str]:
    """The JSON results that the folder's manifest lists; none where it cannot be read."""
    with contextlib.suppress(InputError):
        return {name for name in read_manifest(out) if name.endswith(".json")}
    return set()


def query_of(
    words: Sequence[str],
    speaker: str | None,
    recording: str | None,
    start: str | None,
    end: str | None,
    only: str | None,
    limit: int,
) -> Query:
    """Make a query from the command line, where times and kinds are text.

    Raises:
        UsageError: a time or a kind is not valid.
    """
    kinds = tuple(part.strip() for part in only.split(",")) if only else ()
    for kind in kinds:
        if kind not in get_args(Kind):
            raise UsageError(f"--only {kind}: there are {', '.join(get_args(Kind))}")
    # the shell has removed the quotation marks of a phrase
    asked = " ".join(f'"{word}"' if " " in word else word for word in words)
    return Query(
        asked,
        speaker,
        recording,
        None if start is None else seconds(start),
        None if end is None else seconds(end),
        kinds,  # type: ignore[arg-type]
        limit,
    )


def seconds(text: str) -> float:
    """A time given as seconds, `m:ss` or `h:mm:ss`.

    Raises:
        UsageError: it is not a time.
    """
    parts = text.split(":")
    try:
        if len(parts) > 3 or not all(part.strip() for part in parts):
            raise ValueError
        *whole, last = parts
        total = float(last)
        for place, part in enumerate(reversed(whole), start=1):
            total += int(part) * 60**place
        if not 0 <= total < math.inf:
            raise ValueError
    except ValueError:
        raise UsageError(f"{text}: not a time; give seconds, m:ss or h:mm:ss") from None
    return total


def _line(hit: Hit) -> str:
    what = "" if hit.kind == "speech" else f"[{hit.label}] "
    who = f"{hit.speaker}: " if hit.speaker else ""
    return printable(f"{hit.recording}  {_moment(hit.at)}  {what}{who}{' '.join(hit.text.split())}")


def _moment(seconds: float | None) -> str:
    """Rounded down, so that a player that goes there does not miss the first word."""
    return "-:--:--" if seconds is None else clock(max(0, math.floor(seconds)), hours=True)
