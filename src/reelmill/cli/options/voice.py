"""Options of `reelmill voice` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.options import shared
from reelmill.cli.options.forensic import Forensic

Inputs = Annotated[
    list[Path], typer.Argument(help="Folders (searched recursively), files, 'patterns*'.")
]


class Transcript:
    """What is written."""

    formats: Annotated[str | None, typer.Option(help="Comma-separated [json,txt,srt,vtt,tsv].")] = (
        None
    )
    translate: Annotated[
        bool | None,
        typer.Option("--translate", help="Write English, whatever language is spoken."),
    ] = None
    temperature: Annotated[
        float | None,
        typer.Option(help="Above 0, up to 1: draw the text at random [0: the likeliest]."),
    ] = None
    second_opinion: Annotated[
        bool | None,
        typer.Option(
            "--second-opinion/--no-second-opinion",
            help="Hear again what is not quite sure [off].",
        ),
    ] = None
    case: Annotated[
        Path | None,
        typer.Option(help="TOML file for court records: case number, speakers, excerpts."),
    ] = None
    inaudible: Annotated[
        bool | None,
        typer.Option("--inaudible", help="Write [inaudible] for speech not understood."),
    ] = None
    events: Annotated[
        bool | None,
        typer.Option("--events", help="Write [laughter], [music] and the like."),
    ] = None
    words: Annotated[
        bool | None,
        typer.Option("--words", help="Highlight each word in VTT captions as it is spoken."),
    ] = None


class Engines:
    """Other engines in place of the built-in ones."""

    engine: Annotated[
        str | None, typer.Option(help="Recognizer and aligner: default or whisperx [default].")
    ] = None
    python: Annotated[
        Path | None,
        typer.Option(help="Environment with WhisperX, pyannote or transformers [this one]."),
    ] = None


class Speakers:
    """Who speaks when."""

    diarizer: Annotated[
        str | None, typer.Option(help="Who speaks when: default, pyannote or none [default].")
    ] = None
    pyannote_model: Annotated[
        str | None, typer.Option(help="pyannote pipeline: hub name or folder [community-1].")
    ] = None
    speakers: Annotated[int | None, typer.Option(min=1, help="Number of speakers [detected].")] = (
        None
    )
    min_speakers: Annotated[
        int | None, typer.Option(min=1, help="Minimum number of speakers [1].")
    ] = None
    max_speakers: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of speakers [10].")
    ] = None
    speaker_segmentation: Annotated[
        str | None, typer.Option(help="Segmentation network: hub name or .onnx file [shipped].")
    ] = None
    speaker_encoder: Annotated[
        str | None, typer.Option(help="Speaker encoder: hub name or .onnx file [shipped].")
    ] = None
    names: Annotated[
        list[str] | None,
        typer.Option(help="Name speakers: A=Kim,B=Lee or 'call 1.m4a:A=Kim'."),
    ] = None


class People:
    """Who the speakers are, within and across recordings."""

    across: Annotated[
        bool | None,
        typer.Option("--across", help="Match the same people across recordings: speakers.json."),
    ] = None
    people: Annotated[
        Path | None,
        typer.Option(help="Folder of samples that name speakers: Kim.wav, or Kim/1.wav and so on."),
    ] = None


class Machine(shared.Machine):
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Windows in the first batch [20].")
    ] = None


GROUPS = (
    shared.Output, shared.Recognition, shared.Sound, Transcript, shared.Captions, Speakers, People,
    Forensic, shared.ReviewPages, Engines, Machine, shared.Models, shared.SoundLimits,
    shared.AddedStages, shared.Sharing, shared.Run,
)  # fmt: skip
