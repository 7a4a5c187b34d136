"""Options of `reelmill subtitle` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.options import shared

Inputs = Annotated[list[Path], typer.Argument(help="Videos or audio: folders, files, 'patterns*'.")]


class Recognition(shared.Recognition):
    model: Annotated[
        str | None, typer.Option(help="Recognizer: size, hub name, folder, `demo` [by memory].")
    ] = None
    language: Annotated[
        str | None, typer.Option("--from", help="Language spoken, e.g. ja [detected].")
    ] = None


class Translation:
    """Target languages and translator."""

    to: Annotated[
        str | None, typer.Option("--to", help="Target languages, comma-separated, e.g. ko,en [ko].")
    ] = None
    translator: Annotated[
        str | None, typer.Option(help="Translator: name, hub name, folder, `demo` [by memory].")
    ] = None
    glossary: Annotated[
        Path | None, typer.Option(help="File of names: lines of source<TAB>translation.")
    ] = None


class Subtitles:
    """Which files are written and how the subtitles look."""

    subtitle_formats: Annotated[
        str | None, typer.Option("--formats", help="Comma-separated [srt,vtt,ass,smi,json].")
    ] = None
    bilingual: Annotated[
        bool | None, typer.Option("--bilingual", help="Show the original below the translation.")
    ] = None
    mux: Annotated[
        bool | None, typer.Option("--mux", help="Also write a copy with subtitle tracks.")
    ] = None
    mux_default: Annotated[
        bool | None, typer.Option("--mux-default", help="Players show the new track by default.")
    ] = None
    burn: Annotated[
        bool | None, typer.Option("--burn", help="Also write a copy with subtitles burned in.")
    ] = None
    style: Annotated[
        str | None, typer.Option(help="E.g. font=Nanum Gothic,size=54,colour=#ffff00.")
    ] = None


class Burning(shared.Encoding):
    """How the pictures of a copy with --burn are encoded."""

    quality: Annotated[
        int | None, typer.Option(help="CRF: 18 looks like the original, 28 is coarse [18].")
    ] = None


GROUPS = (
    shared.Output, Translation, Recognition, Subtitles, Burning, shared.Captions, shared.Sound,
    shared.ReviewPages, shared.Machine, shared.Models, shared.SoundLimits, shared.AddedStages,
    shared.Sharing, shared.Run,
)  # fmt: skip
