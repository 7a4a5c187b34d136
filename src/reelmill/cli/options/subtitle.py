"""Options of `reelmill subtitle` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.options import shared

Inputs = Annotated[list[Path], typer.Argument(help="Videos or sound: folders, files, 'patterns*'.")]


class Recognition(shared.Recognition):
    model: Annotated[
        str | None, typer.Option(help="Recognizer: size, hub name, folder, `demo` [by memory].")
    ] = None
    language: Annotated[
        str | None, typer.Option("--from", help="Language spoken, as ja; auto [auto].")
    ] = None


class Translation:
    """Into which languages, and by what."""

    to: Annotated[
        str | None, typer.Option("--to", help="Languages, comma-separated, as ko,en [ko].")
    ] = None
    translator: Annotated[
        str | None, typer.Option(help="Translator: name, hub name, folder, `demo` [by memory].")
    ] = None
    glossary: Annotated[
        Path | None, typer.Option(help="Names and their translations: lines of name<TAB>name.")
    ] = None


class Subtitles:
    """What is written, and how it looks."""

    subtitle_formats: Annotated[
        str | None, typer.Option("--formats", help="Comma-separated [srt,vtt,ass,smi,json].")
    ] = None
    bilingual: Annotated[
        bool | None, typer.Option("--bilingual", help="The original below the translation.")
    ] = None
    mux: Annotated[bool | None, typer.Option("--mux", help="Also a copy with subtitle tracks.")] = (
        None
    )
    burn: Annotated[
        bool | None, typer.Option("--burn", help="Also a copy with subtitles in the picture.")
    ] = None
    style: Annotated[
        str | None, typer.Option(help="As font=Nanum Gothic,size=54,colour=#ffff00.")
    ] = None


class Reading(shared.Captions):
    """How long and how fast lines are."""

    reading_speed: Annotated[
        float | None, typer.Option(help="Characters a second [17; Korean 12, Japanese 7].")
    ] = None
    shortest: Annotated[float | None, typer.Option(help="Seconds at least [0.83].")] = None
    gap: Annotated[float | None, typer.Option(help="Seconds between subtitles [0.083].")] = None


GROUPS = (
    shared.Output, Translation, Recognition, Subtitles, Reading, shared.Sound, shared.Machine,
    shared.Models, shared.Limits, shared.AddedStages, shared.Run,
)  # fmt: skip
