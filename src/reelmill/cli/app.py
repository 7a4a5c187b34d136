"""One command per user task; no logic."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from reelmill import __version__
from reelmill.commands.signals import stop_when_told, work_is_over
from reelmill.core.garbage import collect_seldom
from reelmill.core.printable import printable
from reelmill.errors import ReelmillError

#: Click's own error, which Typer has inside, under a name that changed between its releases.
_CommandLineError: Any = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
)

EXIT_USAGE = 2

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # it would take the defaults in [brackets] for markup
    help="Turns folders of recordings into what people need from them.",
)
models_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Models: list, pull, where they lie."
)
app.add_typer(models_app, name="models")

Out = Annotated[
    Path | None, typer.Option("-o", "--out", help="Results go here [analysis-results].")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only the exit code speaks.")]
AsJson = Annotated[bool, typer.Option("--json", help="Events as lines of JSON on stdout.")]
Fresh = Annotated[
    bool,
    typer.Option("--fresh/--resume", help="Compute everything anew, or continue [--resume]."),
]
Adopt = Annotated[
    bool | None,
    typer.Option("--adopt", help="Take earlier work of others, or of version 0.1.0, as it is."),
]
Config = Annotated[
    Path | None, typer.Option("--config", help="File of settings [the user's own reelmill.toml].")
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda[:n] [auto].")]
ComputeType = Annotated[
    str | None, typer.Option(help="float16, int8, ... [float16 on CUDA, int8 on CPU].")
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="CPU processes [cores - 2, faces: all cores; at most 18].")
]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of a model on the CPU.")]
InitialPrompt = Annotated[
    str | None, typer.Option(help="Text said to come before: names, spelling.")
]
Hotwords = Annotated[str | None, typer.Option(help="Words to expect.")]
Align = Annotated[
    bool | None, typer.Option("--align/--no-align", help="Times for every word [--align].")
]
Aligner = Annotated[
    str | None,
    typer.Option(help="Hub name, folder, demo; none: Whisper's word times [by language]."),
]
MemoryLimit = Annotated[
    int | None, typer.Option(min=1, max=100, help="Percent of memory to stop at [80].")
]
WorkerMemory = Annotated[
    int | None, typer.Option(min=256, help="MB one CPU worker may take [1024-4096, by memory].")
]
StallTimeout = Annotated[
    float | None, typer.Option(help="Seconds a CPU task may go without progress [300].")
]
Track = Annotated[
    int | None, typer.Option(min=0, help="Audio track, from 0 [the main one, or one with speech].")
]
MaxTracks = Annotated[
    int | None, typer.Option(min=1, max=1000, help="Tracks a recording may have [64].")
]
MaxPixels = Annotated[
    int | None, typer.Option(min=1, help="Pixels a picture may have [67108864: 8192 x 8192].")
]
MaxSilence = Annotated[
    float | None, typer.Option(help="Seconds of gaps in a sound, all in all [86400].")
]
MaxStretch = Annotated[
    float | None, typer.Option(help="Length by its sound, of over an hour, at most [1000].")
]
Placement = Annotated[
    str | None, typer.Option(help="Models loaded: auto, resident, sequential [by memory].")
]
#: The name that `--placement` had in 0.1; it goes with 0.3.
Residency = Annotated[str | None, typer.Option("--residency", hidden=True)]
Arena = Annotated[
    int | None, typer.Option(min=8, help="MB of shared memory for items [128, with a GPU 256].")
]
AddedStages = Annotated[
    str | None,
    typer.Option(help="Stages of other packages to add, comma-separated (`reelmill stage list`)."),
]
StageOption = Annotated[
    list[str] | None,
    typer.Option("--stage-option", help="Set of an added stage: stage.option=value; many times."),
]
KeepAudio = Annotated[
    bool | None, typer.Option("--keep-audio", help="Keep decoded sound in the cache.")
]

CharsPerLine = Annotated[
    int | None,
    typer.Option(min=4, help="Of subtitles and captions [42; Korean 18, Japanese 16]."),
]
Lines = Annotated[
    int | None, typer.Option(min=1, max=4, help="Lines of a subtitle or caption [2].")
]
Longest = Annotated[
    float | None, typer.Option(help="Seconds a subtitle or caption is shown at most [7].")
]


@app.command()
def voice(
    inputs: Annotated[
        list[Path], typer.Argument(help="Folders (with all in them), files, 'patterns*'.")
    ],
    out: Out = None,
    model: Annotated[
        str | None,
        typer.Option(help="Size, hub name, local folder or `demo` [by free memory]."),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="ISO code, as ko [detected per recording].")
    ] = None,
    track: Track = None,
    device: Device = None,
    compute_type: ComputeType = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Windows in a first batch [20].")
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    worker_memory: WorkerMemory = None,
    stall_timeout: StallTimeout = None,
    max_tracks: MaxTracks = None,
    max_pixels: MaxPixels = None,
    max_silence: MaxSilence = None,
    max_stretch: MaxStretch = None,
    formats: Annotated[
        str | None, typer.Option(help="Comma-separated [json,txt,srt,vtt,tsv].")
    ] = None,
    initial_prompt: InitialPrompt = None,
    hotwords: Hotwords = None,
    align: Align = None,
    aligner: Aligner = None,
    chars_per_line: CharsPerLine = None,
    lines: Lines = None,
    longest: Longest = None,
    words: Annotated[
        bool | None, typer.Option("--words", help="VTT whose words light up as they are said.")
    ] = None,
    memory_limit: MemoryLimit = None,
    placement: Placement = None,
    residency: Residency = None,
    arena: Arena = None,
    engine: Annotated[
        str | None, typer.Option(help="Recognizer and aligner: default, whisperx [default].")
    ] = None,
    python: Annotated[
        Path | None, typer.Option(help="Environment that has WhisperX or pyannote.audio [this].")
    ] = None,
    diarizer: Annotated[
        str | None, typer.Option(help="Who speaks when: default, pyannote, none [default].")
    ] = None,
    pyannote_model: Annotated[
        str | None, typer.Option(help="Its pipeline: hub name (HF_TOKEN), folder [community-1].")
    ] = None,
    speakers: Annotated[
        int | None, typer.Option(min=1, help="How many people speak [found].")
    ] = None,
    min_speakers: Annotated[int | None, typer.Option(min=1, help="At least so many [1].")] = None,
    max_speakers: Annotated[int | None, typer.Option(min=1, help="At most so many [10].")] = None,
    speaker_segmentation: Annotated[
        str | None, typer.Option(help="Another segmentation network: hub name, .onnx file.")
    ] = None,
    speaker_encoder: Annotated[
        str | None, typer.Option(help="Another speaker encoder: hub name, .onnx file.")
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Option(help="A=Kim,B=Lee, or 'call 1.m4a:A=Kim'; also afterwards."),
    ] = None,
    keep_audio: KeepAudio = None,
    config: Config = None,
    stages: AddedStages = None,
    stage_options: StageOption = None,
    adopt: Adopt = None,
    fresh: Fresh = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Transcribe recordings: text with times, language, evidence that nothing was touched."""
    given = _given(locals())
    from reelmill.commands.voice import run_voice

    raise typer.Exit(run_voice(inputs, given, fresh=fresh, quiet=quiet, as_json=as_json))


@app.command()
def subtitle(
    inputs: Annotated[
        list[Path], typer.Argument(help="Videos or sound: folders, files, 'patterns*'.")
    ],
    out: Out = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Languages, comma-separated, as ko,en [ko].")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--from", help="Language spoken, as ja; auto [auto].")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Recognizer: size, hub name, folder, `demo` [by memory].")
    ] = None,
    translator: Annotated[
        str | None, typer.Option(help="Translator: name, hub name, folder, `demo` [by memory].")
    ] = None,
    glossary: Annotated[
        Path | None, typer.Option(help="Names and their translations: lines of name<TAB>name.")
    ] = None,
    formats: Annotated[
        str | None, typer.Option(help="Comma-separated [srt,vtt,ass,smi,json].")
    ] = None,
    bilingual: Annotated[
        bool | None, typer.Option("--bilingual", help="The original below the translation.")
    ] = None,
    mux: Annotated[
        bool | None, typer.Option("--mux", help="Also a copy with subtitle tracks.")
    ] = None,
    burn: Annotated[
        bool | None, typer.Option("--burn", help="Also a copy with subtitles in the picture.")
    ] = None,
    style: Annotated[
        str | None, typer.Option(help="As font=Nanum Gothic,size=54,colour=#ffff00.")
    ] = None,
    track: Track = None,
    chars_per_line: CharsPerLine = None,
    lines: Lines = None,
    reading_speed: Annotated[
        float | None, typer.Option(help="Characters a second [17; Korean 12, Japanese 7].")
    ] = None,
    shortest: Annotated[float | None, typer.Option(help="Seconds at least [0.83].")] = None,
    longest: Longest = None,
    gap: Annotated[float | None, typer.Option(help="Seconds between subtitles [0.083].")] = None,
    keep_audio: KeepAudio = None,
    placement: Placement = None,
    residency: Residency = None,
    device: Device = None,
    compute_type: ComputeType = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Items in a first batch [20].")
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    worker_memory: WorkerMemory = None,
    stall_timeout: StallTimeout = None,
    max_tracks: MaxTracks = None,
    max_pixels: MaxPixels = None,
    max_silence: MaxSilence = None,
    max_stretch: MaxStretch = None,
    initial_prompt: InitialPrompt = None,
    hotwords: Hotwords = None,
    align: Align = None,
    aligner: Aligner = None,
    arena: Arena = None,
    config: Config = None,
    stages: AddedStages = None,
    stage_options: StageOption = None,
    adopt: Adopt = None,
    fresh: Fresh = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Subtitles in another language: recognized, translated, laid out to be read."""
    given = _given(locals(), formats="subtitle_formats")
    from reelmill.commands.subtitle import run_subtitle

    raise typer.Exit(run_subtitle(inputs, given, fresh=fresh, quiet=quiet, as_json=as_json))


@app.command()
def faces(
    inputs: Annotated[
        list[Path], typer.Argument(help="Videos: folders (with all in them), files, 'patterns*'.")
    ],
    out: Out = None,
    layout: Annotated[
        str | None,
        typer.Option(help="single (clips of one person), dual, split, overlay [single]."),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Shorter side of clips, pixels [250; split 1080].")
    ] = None,
    aspect: Annotated[
        str | None, typer.Option(help="Width:height of clips, as 9:16 [1:1; split 16:9].")
    ] = None,
    clip: Annotated[
        str | None,
        typer.Option(help="Seconds of a clip, or `person`: one each; layout single [10]."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(help="Only this person: name, or letter as in the page.")
    ] = None,
    top: Annotated[
        int | None, typer.Option(min=1, help="At most so many persons, most seen first.")
    ] = None,
    min_share: Annotated[
        float | None, typer.Option(help="Who is seen for less of a video is left out [0.05].")
    ] = None,
    face_share: Annotated[
        float | None, typer.Option(help="Height of the face in a clip's shorter side [0.45].")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="x264's: ultrafast to veryslow [veryfast].")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(help="CRF: 18 as the original, 28 rough [21].")
    ] = None,
    encoder: Annotated[
        str | None, typer.Option(help="auto (the GPU's where it works), x264, nvenc [auto].")
    ] = None,
    formats: Annotated[
        str | None, typer.Option(help="Files of boxes, comma-separated [json,csv,mot].")
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            help="What finds faces: mtcnn, facenet-pytorch, or the .onnx file of a YuNet or "
            "SCRFD [mtcnn]."
        ),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option(
            help="How people are told apart: by face with dlib, vggface2 or weights (file, "
            "address, hub name), or by clothes: appearance [dlib]."
        ),
    ] = None,
    identity_threshold: Annotated[
        float | None,
        typer.Option(help="Likeness of one person [faces 0.65, vggface2 0.6, clothes 0.7]."),
    ] = None,
    people: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures that name people: Kim.jpg, or Kim/1.jpg and so on."),
    ] = None,
    active_speaker: Annotated[
        str | None,
        typer.Option(
            help="Tell who is seen to speak, and when: lr-asd (fetched at first use, 3 MB), or the "
            "file of its weights."
        ),
    ] = None,
    across: Annotated[
        bool | None,
        typer.Option("--across", help="Who is the same person in several videos: people.json."),
    ] = None,
    video_track: Annotated[
        int | None, typer.Option(min=0, help="Which picture, from 0 [the largest].")
    ] = None,
    detect_size: Annotated[
        int | None, typer.Option(help="Shorter side of frames when faces are sought [360].")
    ] = None,
    device: Device = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Runs of 36 frames in a first batch [4].")
    ] = None,
    workers: Workers = None,
    threads: Threads = None,
    worker_memory: WorkerMemory = None,
    stall_timeout: StallTimeout = None,
    max_tracks: MaxTracks = None,
    max_pixels: MaxPixels = None,
    max_silence: MaxSilence = None,
    max_stretch: MaxStretch = None,
    memory_limit: MemoryLimit = None,
    arena: Annotated[
        int | None, typer.Option(min=8, help="MB of shared memory for frames [256].")
    ] = None,
    config: Config = None,
    stages: AddedStages = None,
    stage_options: StageOption = None,
    adopt: Adopt = None,
    fresh: Fresh = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Cut videos to the people in them: clips, who is seen when, boxes for every frame."""
    given = _given(locals(), formats="face_formats")
    from reelmill.commands.faces import run_faces

    raise typer.Exit(run_faces(inputs, given, fresh=fresh, quiet=quiet, as_json=as_json))


@app.command()
def stage(
    name: Annotated[str, typer.Argument(help="A stage's name, or `list`.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Results of the stages before it (.cache/artifacts/...json)."),
    ] = None,
    command: Annotated[
        str | None, typer.Option("--of", help="voice, subtitle, faces [the first that has it].")
    ] = None,
    out: Out = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the command, as --set to=ko; many times."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Recognizer.")] = None,
    translator: Annotated[str | None, typer.Option(help="Translator.")] = None,
    to: Annotated[str | None, typer.Option("--to", help="Languages, as ko,en.")] = None,
    device: Device = None,
    config: Config = None,
) -> None:
    """One step alone, from the results before it; says where its own result lies."""
    from reelmill.commands.stage import run_stage_command

    named = {"out": out, "model": model, "translator": translator, "to": to, "device": device}
    named["config"] = config
    raise typer.Exit(run_stage_command(name, files or [], command, named, setting or []))


@app.command()
def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="Results go here.")] = Path(
        "reelmill-demo"
    ),
    fresh: Fresh = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """See it work on what is shipped: calls (one broken on purpose), a film, a video of people."""
    from reelmill.commands.demo import run_demo

    raise typer.Exit(run_demo(out, fresh=fresh, quiet=quiet, as_json=as_json))


@app.command()
def verify(
    out: Annotated[Path, typer.Argument(help="A folder of results.")] = Path("analysis-results"),
    strict: Annotated[
        bool, typer.Option("--strict", help="Files that are not on record are wrong too.")
    ] = False,
    manifest_sha256: Annotated[
        str | None,
        typer.Option(help="The SHA-256 that the run printed at its end and you kept elsewhere."),
    ] = None,
) -> None:
    """Check originals and results against the evidence, and say what changed."""
    from reelmill.commands.verify import run_verify

    raise typer.Exit(run_verify(out, strict=strict, manifest_sha256=manifest_sha256))


@app.command()
def key() -> None:
    """Show the key by which your earlier work is known again, and how a team can share it."""
    from reelmill.commands.key import run_key

    raise typer.Exit(run_key())


@app.command()
def doctor(out: Out = None) -> None:
    """Look at this machine: what is there, what is missing, what to do about it."""
    from reelmill.commands.voice import run_doctor

    raise typer.Exit(run_doctor(out or Path("analysis-results")))


@models_app.command("list")
def models_list() -> None:
    """Known and cached models, and where they lie."""
    from reelmill.commands.voice import run_models_list

    raise typer.Exit(run_models_list())


@models_app.command("pull")
def models_pull(
    name: Annotated[str, typer.Argument(help="A size, hub name, or aligner:ko.")],
) -> None:
    """Fetch a model, so that later runs need no network."""
    from reelmill.commands.voice import run_models_pull

    raise typer.Exit(run_models_pull(name))


def _given(options: dict[str, Any], **settings: str) -> dict[str, Any]:
    """A command's parameters by the names of the settings; what is empty was not given."""
    return {
        settings.get(name, name): None if value in ([], "") else value
        for name, value in options.items()
        if name not in ("inputs", "fresh", "quiet", "as_json")
    }


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if show:
        typer.echo(f"reelmill {__version__}")
        raise typer.Exit


def main() -> None:
    """The command line: an error of ours is one line and exit code 2."""
    collect_seldom()
    stop_when_told()
    try:
        sys.exit(app(standalone_mode=False))
    except ReelmillError as error:
        print(f"reelmill: {printable(str(error))}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except OSError as error:
        if not _was_given(error.filename, sys.argv[1:]):
            raise
        print(f"reelmill: {printable(f'{error.filename}: {error.strerror}')}", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    except _CommandLineError as error:
        error.message = "\n".join(map(printable, error.message.split("\n")))
        error.show()
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(EXIT_USAGE)
    finally:
        work_is_over()


def _was_given(path: object, arguments: Sequence[str]) -> bool:
    """Whether the system refused a file or folder that the command line names, or one below it."""
    if not isinstance(path, (str, os.PathLike)):
        return False
    full = os.path.abspath(path)
    given = [os.path.abspath(one.partition("=")[2] or one) for one in arguments]
    return any(full == one or full.startswith(f"{one.rstrip(os.sep)}{os.sep}") for one in given)
