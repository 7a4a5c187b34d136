"""Options of `reelmill correct`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


class Correct:
    """Where the correction is, and what it is."""

    at: Annotated[
        str | None, typer.Option(help="Time of what is corrected: seconds or h:mm:ss.")
    ] = None
    to: Annotated[str | None, typer.Option("--to", help="Until this time [the segment's end].")] = (
        None
    )
    segment: Annotated[
        int | None, typer.Option(min=0, help="The segment with this id in the JSON, for --at.")
    ] = None
    was: Annotated[
        str | None, typer.Option(help="The words to be replaced [all in the segment].")
    ] = None
    text: Annotated[str | None, typer.Option(help="The right words; empty removes them.")] = None
    speaker: Annotated[
        str | None, typer.Option(help="Who speaks there; with --split, who speaks from there on.")
    ] = None
    name: Annotated[
        list[str] | None, typer.Option(help="Name of a speaker, e.g. A=Kim; repeatable.")
    ] = None
    merge: Annotated[bool, typer.Option("--merge", help="Join the segments from --at to --to.")] = (
        False
    )
    split: Annotated[
        bool, typer.Option("--split", help="Start a new segment at the time --at.")
    ] = False
    from_file: Annotated[
        Path | None,
        typer.Option("--from", help="Use an edited SRT, VTT, TSV, text, JSON or TOML."),
    ] = None
    subtitles: Annotated[
        str | None,
        typer.Option(
            help="Correct the subtitles in this language, with --at, --was and --text, or --from."
        ),
    ] = None
    undo: Annotated[int, typer.Option(min=0, help="Take back the last N corrections.")] = 0
    by: Annotated[str | None, typer.Option(help="Who corrects [the user's name].")] = None
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be changed, and change nothing.")
    ] = False
    show: Annotated[bool, typer.Option("--list", help="Show all corrections so far.")] = False
    show_machine: Annotated[
        bool, typer.Option("--show-machine", help="Show the text with the machine's beside it.")
    ] = False
