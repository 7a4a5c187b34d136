"""Options of `reelmill faces` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.options import shared, voice

Inputs = Annotated[
    list[Path], typer.Argument(help="Videos: folders (with all in them), files, 'patterns*'.")
]


class Clips:
    """What is cut, and how it is encoded."""

    layout: Annotated[
        str | None,
        typer.Option(help="single (clips of one person), dual, split, overlay [single]."),
    ] = None
    size: Annotated[
        int | None, typer.Option(help="Shorter side of clips, pixels [250; split, follow 1080].")
    ] = None
    aspect: Annotated[
        str | None,
        typer.Option(help="Width:height, as 9:16 [1:1; split 16:9; follow 9:16; 9:16,1:1 both]."),
    ] = None
    follow: Annotated[
        str | None,
        typer.Option(help="speaker: one video of whoever speaks, in shots, in place of clips."),
    ] = None
    clip: Annotated[
        str | None,
        typer.Option(help="Seconds of a clip, or `person`: one each; layout single [10]."),
    ] = None
    face_share: Annotated[
        float | None,
        typer.Option(help="Height of the face in a clip's shorter side [0.45; follow 0.3]."),
    ] = None
    preset: Annotated[
        str | None, typer.Option(help="x264's: ultrafast to veryslow [veryfast].")
    ] = None
    quality: Annotated[int | None, typer.Option(help="CRF: 18 as the original, 28 rough [21].")] = (
        None
    )
    encoder: Annotated[
        str | None, typer.Option(help="auto (the GPU's where it works), x264, nvenc [auto].")
    ] = None
    face_formats: Annotated[
        str | None,
        typer.Option("--formats", help="Box files, comma-separated [json,csv,mot]."),
    ] = None


class Persons:
    """Whose clips, and who is who."""

    target: Annotated[
        str | None, typer.Option(help="Only this person: name, or letter as in the page.")
    ] = None
    top: Annotated[
        int | None, typer.Option(min=1, help="At most so many persons, most seen first.")
    ] = None
    min_share: Annotated[
        float | None, typer.Option(help="Who is seen for less of a video is left out [0.05].")
    ] = None
    people: Annotated[
        Path | None,
        typer.Option(help="Folder of pictures that name people: Kim.jpg, or Kim/1.jpg and so on."),
    ] = None
    across: Annotated[
        bool | None,
        typer.Option("--across", help="Who is the same person in several videos: people.json."),
    ] = None


class Networks:
    """What finds faces, and tells people apart."""

    detector: Annotated[
        str | None,
        typer.Option(
            help="What finds faces: mtcnn, facenet-pytorch, or the .onnx file of a YuNet or "
            "SCRFD [mtcnn]."
        ),
    ] = None
    identity: Annotated[
        str | None,
        typer.Option(
            help="How people are told apart: by their faces (dlib, vggface2, or other weights: "
            "file, address, hub name) or by their clothes (appearance) [dlib]."
        ),
    ] = None
    identity_threshold: Annotated[
        float | None,
        typer.Option(help="Likeness of one person [dlib 0.65, vggface2 0.6, appearance 0.7]."),
    ] = None
    active_speaker: Annotated[
        str | None,
        typer.Option(
            help="Tell who is seen to speak, and when: lr-asd (fetched at first use, 3 MB), or the "
            "file of its weights."
        ),
    ] = None


class Speech:
    """What is made of what is said."""

    transcript: Annotated[
        bool | None,
        typer.Option("--transcript", help="Also transcripts, with the names of who speaks."),
    ] = None
    captions: Annotated[
        bool | None,
        typer.Option("--captions", help="What is said in the picture, word by word."),
    ] = None


class Picture:
    """Which picture is searched."""

    video_track: Annotated[
        int | None, typer.Option(min=0, help="Which picture, from 0 [the largest].")
    ] = None
    detect_size: Annotated[
        int | None, typer.Option(help="Shorter side of frames when faces are sought [360].")
    ] = None


class Machine(shared.Machine):
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Runs of 36 frames in a first batch [4].")
    ] = None
    arena: Annotated[
        int | None, typer.Option(min=8, help="MB of shared memory for frames [256].")
    ] = None


GROUPS = (
    shared.Output, Clips, Persons, Networks, Speech, voice.Speakers, shared.Recognition,
    shared.Sound, Picture, voice.Engines, Machine, shared.Models, shared.Limits, shared.AddedStages,
    shared.Run,
)  # fmt: skip
