"""Options of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[
    Path | None, typer.Option("-o", "--out", help="Results go here [analysis-results].")
]
Config = Annotated[
    Path | None, typer.Option("--config", help="File of settings [the user's own reelmill.toml].")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda[:n] [auto].")]


class Output:
    """Where results go, and what of earlier work is used."""

    out: Out = None
    config: Config = None
    adopt: Annotated[
        bool | None,
        typer.Option("--adopt", help="Take earlier work of others, or of version 0.1.0, as it is."),
    ] = None


class Run:
    """How a run begins, and what it prints; these are no settings."""

    fresh: Annotated[
        bool,
        typer.Option("--fresh/--resume", help="Compute everything anew, or continue [--resume]."),
    ] = False
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print nothing; report through the exit code."),
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Events as lines of JSON on stdout.")] = (
        False
    )


class Machine:
    """Devices, processes and memory."""

    device: Device = None
    batch_size: Annotated[int | None, typer.Option(min=1, help="Items in a first batch [20].")] = (
        None
    )
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="CPU processes [cores - 2, faces: all cores; at most 18]."),
    ] = None
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of a model on the CPU.")] = (
        None
    )
    memory_limit: Annotated[
        int | None, typer.Option(min=1, max=100, help="Percent of memory to stop at [80].")
    ] = None
    worker_memory: Annotated[
        int | None, typer.Option(min=256, help="MB one CPU worker may take [1024-4096, by memory].")
    ] = None
    stall_timeout: Annotated[
        float | None, typer.Option(help="Seconds a CPU task may go without progress [300].")
    ] = None
    arena: Annotated[
        int | None, typer.Option(min=8, help="MB of shared memory for items [128, with a GPU 256].")
    ] = None


class Models:
    """How models of speech and text are loaded."""

    compute_type: Annotated[
        str | None, typer.Option(help="float16, int8, ... [float16 on CUDA, int8 on CPU].")
    ] = None
    placement: Annotated[
        str | None, typer.Option(help="Models loaded: auto, resident, sequential [by memory].")
    ] = None
    #: The name that `--placement` had in 0.1; it goes with 0.3.
    residency: Annotated[str | None, typer.Option("--residency", hidden=True)] = None


class Limits:
    """What one recording may be."""

    max_tracks: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Tracks a recording may have [64].")
    ] = None
    max_pixels: Annotated[
        int | None, typer.Option(min=1, help="Pixels a picture may have [67108864: 8192 x 8192].")
    ] = None
    max_silence: Annotated[
        float | None, typer.Option(help="Seconds of gaps in a sound, all in all [86400].")
    ] = None
    max_stretch: Annotated[
        float | None, typer.Option(help="Length by its sound, of over an hour, at most [1000].")
    ] = None


class AddedStages:
    """Stages of other packages."""

    stages: Annotated[
        str | None,
        typer.Option(
            help="Stages of other packages to add, comma-separated (`reelmill stage list`)."
        ),
    ] = None
    stage_options: Annotated[
        list[str] | None,
        typer.Option(
            "--stage-option", help="Set of an added stage: stage.option=value; many times."
        ),
    ] = None


class Sound:
    """Which sound is read, and what is kept of it."""

    track: Annotated[
        int | None,
        typer.Option(min=0, help="Audio track, from 0 [the main one, or one with speech]."),
    ] = None
    channels: Annotated[
        str | None,
        typer.Option(
            help="auto (a person a channel: each alone), mix, split, or one, from 1 [auto]."
        ),
    ] = None
    keep_audio: Annotated[
        bool | None, typer.Option("--keep-audio", help="Keep decoded sound in the cache.")
    ] = None


class Recognition:
    """What the recognizer is told."""

    model: Annotated[
        str | None, typer.Option(help="Size, hub name, local folder or `demo` [by free memory].")
    ] = None
    language: Annotated[str | None, typer.Option(help="ISO code, as ko [detected].")] = None
    initial_prompt: Annotated[
        str | None, typer.Option(help="Text said to come before: names, spelling.")
    ] = None
    hotwords: Annotated[str | None, typer.Option(help="Words to expect.")] = None
    align: Annotated[
        bool | None, typer.Option("--align/--no-align", help="Times for every word [--align].")
    ] = None
    aligner: Annotated[
        str | None,
        typer.Option(help="Hub name, folder, demo; none: Whisper's word times [by language]."),
    ] = None


class Captions:
    """How lines are laid out."""

    chars_per_line: Annotated[
        int | None,
        typer.Option(min=4, help="Of subtitles and captions [42; Korean 18, Japanese 16]."),
    ] = None
    lines: Annotated[
        int | None, typer.Option(min=1, max=4, help="Lines of a subtitle or caption [2].")
    ] = None
    longest: Annotated[
        float | None, typer.Option(help="Seconds a subtitle or caption is shown at most [7].")
    ] = None
