"""Options of `reelmill voice` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.options import shared

Inputs = Annotated[
    list[Path], typer.Argument(help="Folders (with all in them), files, 'patterns*'.")
]


class Transcript:
    """What is written."""

    formats: Annotated[str | None, typer.Option(help="Comma-separated [json,txt,srt,vtt,tsv].")] = (
        None
    )
    words: Annotated[
        bool | None, typer.Option("--words", help="VTT whose words light up as they are said.")
    ] = None


class Engines:
    """Other programs in place of ours."""

    engine: Annotated[
        str | None, typer.Option(help="Recognizer and aligner: default, whisperx [default].")
    ] = None
    python: Annotated[
        Path | None, typer.Option(help="Environment that has WhisperX or pyannote.audio [this].")
    ] = None


class Speakers:
    """Who speaks when."""

    diarizer: Annotated[
        str | None, typer.Option(help="Who speaks when: default, pyannote, none [default].")
    ] = None
    pyannote_model: Annotated[
        str | None, typer.Option(help="Its pipeline: hub name (HF_TOKEN), folder [community-1].")
    ] = None
    speakers: Annotated[int | None, typer.Option(min=1, help="How many people speak [found].")] = (
        None
    )
    min_speakers: Annotated[
        int | None, typer.Option(min=1, help="Minimum number of speakers [1].")
    ] = None
    max_speakers: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of speakers [10].")
    ] = None
    speaker_segmentation: Annotated[
        str | None, typer.Option(help="Another segmentation network: hub name, .onnx file.")
    ] = None
    speaker_encoder: Annotated[
        str | None, typer.Option(help="Another speaker encoder: hub name, .onnx file.")
    ] = None
    names: Annotated[
        list[str] | None,
        typer.Option(help="A=Kim,B=Lee, or 'call 1.m4a:A=Kim'; also afterwards."),
    ] = None


class Machine(shared.Machine):
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Windows in the first batch [20].")
    ] = None


GROUPS = (
    shared.Output, shared.Recognition, shared.Sound, Transcript, shared.Captions, Speakers, Engines,
    Machine, shared.Models, shared.Limits, shared.AddedStages, shared.Run,
)  # fmt: skip
