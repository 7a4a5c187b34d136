"""Options of measurements and findings in the sound and words of recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


class Forensic:
    """Findings that can be checked second by second."""

    forensic: Annotated[
        bool | None,
        typer.Option(
            "--forensic",
            help="Measure voices, find patterns of language, score what was found.",
        ),
    ] = None
    emotion_model: Annotated[
        str | None,
        typer.Option(help="Audio classifier asked about speech: folder or hub name [none]."),
    ] = None
    text_classifier: Annotated[
        str | None,
        typer.Option(help="Text classifier asked about each segment: folder or hub name [none]."),
    ] = None
    score_weights: Annotated[
        Path | None, typer.Option(help="TOML file of points and weights [the shipped one].")
    ] = None
    patterns: Annotated[
        list[str] | None,
        typer.Option(
            help="Pattern file to search for besides the shipped ones; repeatable. See "
            "`reelmill patterns`."
        ),
    ] = None
    pattern_languages: Annotated[
        str | None,
        typer.Option(help="Languages to search for patterns, e.g. ko,en [all that have some]."),
    ] = None
