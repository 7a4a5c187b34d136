"""Options of `reelmill watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


class Watch:
    """What is watched, what is done, and what is printed."""

    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Folder for results [analysis-results].")
    ] = None
    task: Annotated[
        str | None, typer.Option(help="What is done: voice, subtitle or faces [voice].")
    ] = None
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting of the task, e.g. --set model=small; repeatable."),
    ] = None
    settle: Annotated[
        float | None,
        typer.Option(help="Seconds for which a file must not have changed to be taken [5]."),
    ] = None
    poll: Annotated[
        bool | None,
        typer.Option(
            "--poll/--no-poll", help="Look for changes, or let the kernel tell [by file system]."
        ),
    ] = None
    poll_every: Annotated[float | None, typer.Option(help="Seconds between two looks [5].")] = None
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print nothing; report through the exit code."),
    ] = False
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events as JSON lines on stdout.")
    ] = False
