"""Options of several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[
    Path | None, typer.Option("-o", "--out", help="Folder for results [analysis-results].")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file [reelmill.toml in your config folder]."),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu or cuda[:n] [auto].")]


Broker = Annotated[
    str | None,
    typer.Option(
        envvar="REELMILL_BROKER",
        show_envvar=False,
        help="Redis or RabbitMQ: redis://HOST:6379/0 [REELMILL_BROKER].",
    ),
]
Roots = Annotated[
    list[str] | None,
    typer.Option(
        "--roots",
        help="Folder that all machines have, or NAME=FOLDER; repeatable [REELMILL_ROOTS].",
    ),
]
Store = Annotated[
    str | None,
    typer.Option(help="Instead of a shared folder: s3://BUCKET/PREFIX [REELMILL_STORE]."),
]


class Output:
    """Where results go, and which earlier results are reused."""

    out: Out = None
    config: Config = None
    adopt: Annotated[
        bool | None,
        typer.Option("--adopt", help="Trust and reuse results made with another key or by 0.1."),
    ] = None


class Pages:
    """The pages on which people look at results."""

    lang: Annotated[
        str | None, typer.Option(help="Language of the pages: en or ko [by locale].")
    ] = None


class ReviewPages(Pages):
    """Pages, with one for each recording."""

    pages: Annotated[
        bool | None,
        typer.Option("--pages/--no-pages", help="Write a review page per recording [--pages]."),
    ] = None
    listening_copies: Annotated[
        bool | None,
        typer.Option("--listening-copies", help="Write small copies that every browser plays."),
    ] = None


class Run:
    """How a run begins and what it prints. These are not settings."""

    fresh: Annotated[
        bool,
        typer.Option("--fresh/--resume", help="Start over, or continue [--resume]."),
    ] = False
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print nothing; report through the exit code."),
    ] = False
    as_json: Annotated[
        bool, typer.Option("--json", help="Print events as JSON lines on stdout.")
    ] = False


class Sharing:
    """How several commands divide the work on one folder. These are not settings."""

    claim: Annotated[
        bool,
        typer.Option("--claim", help="Share the work with others that run the same command."),
    ] = False
    shard: Annotated[
        str | None, typer.Option(help="Do the I-th of N parts of the work, as in 3/8.")
    ] = None
    on: Annotated[
        str | None, typer.Option("--on", help="Let other machines work: celery or ray.")
    ] = None
    broker: Broker = None
    address: Annotated[
        str | None, typer.Option(help="With --on ray: the cluster [RAY_ADDRESS, or this machine].")
    ] = None
    actor_cores: Annotated[
        int | None, typer.Option(min=1, help="With --on ray: cores of each actor [a node's].")
    ] = None
    roots: Roots = None
    store: Store = None
    priority: Annotated[
        int, typer.Option(min=0, max=9, help="With --on: higher goes first [0].")
    ] = 0


class Machine:
    """Devices, processes and memory."""

    device: Device = None
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Items in the first batch [20].")
    ] = None
    max_batch: Annotated[
        int | None,
        typer.Option(min=1, help="Most items in a batch [32; GPU: 2 per free GB; faces: 8]."),
    ] = None
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="CPU worker processes [cores - 2; faces: all; at most 18]."),
    ] = None
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads per model on the CPU [cores left over].")
    ] = None
    memory_limit: Annotated[
        int | None, typer.Option(min=1, max=100, help="Stop above this percentage of memory [80].")
    ] = None
    worker_memory: Annotated[
        int | None,
        typer.Option(min=256, help="Memory limit per CPU worker, MB [1024-4096, by memory]."),
    ] = None
    stall_timeout: Annotated[
        float | None, typer.Option(help="Longest time a CPU task may make no progress, s [300].")
    ] = None
    arena: Annotated[
        int | None,
        typer.Option(min=8, help="Shared memory for items, MB [128; with a GPU 256 or more]."),
    ] = None


class Models:
    """How models of speech and text are loaded."""

    compute_type: Annotated[
        str | None, typer.Option(help="float16, int8, ... [CUDA: float16; CPU: int8].")
    ] = None
    placement: Annotated[
        str | None, typer.Option(help="Load models: resident, sequential or auto [auto].")
    ] = None
    #: The name that `--placement` had in 0.1; it goes with 0.3.
    residency: Annotated[str | None, typer.Option("--residency", hidden=True)] = None


class Limits:
    """Limits on a single recording."""

    max_tracks: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Most tracks a recording may have [64].")
    ] = None
    max_pixels: Annotated[
        int | None,
        typer.Option(min=1, help="Most pixels a frame may have [67108864 = 8192 x 8192]."),
    ] = None
    max_silence: Annotated[
        float | None, typer.Option(help="Longest total silence filled into gaps, s [86400].")
    ] = None
    max_stretch: Annotated[
        float | None,
        typer.Option(help="Largest ratio of stated to decoded length, over 1 h [1000]."),
    ] = None


class SoundLimits(Limits):
    """Limits on a single recording whose sound is transcribed."""

    max_duration: Annotated[
        float | None, typer.Option(help="Longest recording, in seconds [no limit].")
    ] = None


class AddedStages:
    """Stages from other packages."""

    stages: Annotated[
        str | None,
        typer.Option(
            help="Stages from other packages to add, comma-separated (see `reelmill stage list`)."
        ),
    ] = None
    stage_options: Annotated[
        list[str] | None,
        typer.Option(
            "--stage-option", help="Option of an added stage: stage.option=value; repeatable."
        ),
    ] = None


class Sound:
    """Which audio is read, and whether it is kept."""

    track: Annotated[
        int | None,
        typer.Option(min=0, help="Audio track, counted from 0 [main, or first with speech]."),
    ] = None
    channels: Annotated[
        str | None,
        typer.Option(
            help="auto (each person's channel alone), mix, split, or a number from 1 [auto]."
        ),
    ] = None
    keep_audio: Annotated[
        bool | None, typer.Option("--keep-audio", help="Keep decoded audio in the cache.")
    ] = None


class Recognition:
    """The recognizer and what it is told."""

    model: Annotated[
        str | None, typer.Option(help="Size, hub name, local folder or `demo` [by free memory].")
    ] = None
    language: Annotated[
        str | None, typer.Option(help="Language spoken, e.g. ko or Korean [detected].")
    ] = None
    initial_prompt: Annotated[
        str | None, typer.Option(help="Preceding text that shows names and spelling.")
    ] = None
    hotwords: Annotated[str | None, typer.Option(help="Words and names to expect.")] = None
    replacements: Annotated[
        Path | None,
        typer.Option(help="Words to replace afterwards: CSV, TSV (from,to) or TOML."),
    ] = None
    align: Annotated[
        bool | None, typer.Option("--align/--no-align", help="Time every word [--align].")
    ] = None
    aligner: Annotated[
        str | None,
        typer.Option(
            help="Hub name, folder or demo; none: Whisper's own word times [by language]."
        ),
    ] = None


class Encoding:
    """How pictures are encoded."""

    preset: Annotated[
        str | None, typer.Option(help="x264 preset, ultrafast to veryslow [veryfast].")
    ] = None
    quality: Annotated[
        int | None, typer.Option(help="CRF: 18 looks like the original, 28 is coarse [21].")
    ] = None
    encoder: Annotated[
        str | None, typer.Option(help="auto (the GPU where it works), x264 or nvenc [auto].")
    ] = None


class Captions:
    """How lines are laid out. Captions of `voice` stay longer than their words only where asked."""

    chars_per_line: Annotated[
        int | None,
        typer.Option(min=4, help="Characters per caption line [42; Korean 18, Japanese 16]."),
    ] = None
    lines: Annotated[
        int | None, typer.Option(min=1, max=4, help="Lines per subtitle or caption [2].")
    ] = None
    longest: Annotated[
        float | None, typer.Option(help="Longest time a caption is shown, s [7].")
    ] = None
    reading_speed: Annotated[
        float | None, typer.Option(help="Most characters per second [17; Korean 12, Japanese 7].")
    ] = None
    shortest: Annotated[
        float | None, typer.Option(help="Shortest time a subtitle is shown, s [0.83].")
    ] = None
    gap: Annotated[
        float | None, typer.Option(help="Shortest gap between subtitles, s [0.083].")
    ] = None
