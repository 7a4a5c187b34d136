"""Options of `reelmill faces` alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reelmill.cli.options import shared, voice

Inputs = Annotated[
    list[Path], typer.Argument(help="Videos: folders (searched recursively), files, 'patterns*'.")
]


class Clips(shared.Encoding):
    """What is cut, and how it is encoded."""

    layout: Annotated[
        str | None,
        typer.Option(help="single (one person per clip), dual, split or overlay [single]."),
    ] = None
    size: Annotated[
        int | None,
        typer.Option(help="Shorter side of clips, pixels [250; split and follow: 1080]."),
    ] = None
    aspect: Annotated[
        str | None,
        typer.Option(
            help="Width:height [1:1; split: 16:9; follow: 9:16]; --follow takes several: 9:16,1:1."
        ),
    ] = None
    follow: Annotated[
        str | None,
        typer.Option(help="speaker: instead of clips, make one video that follows whoever speaks."),
    ] = None
    clip: Annotated[
        str | None,
        typer.Option(
            help="Length of a clip, s, or `person` for one clip per person; layout single [10]."
        ),
    ] = None
    face_share: Annotated[
        float | None,
        typer.Option(help="Face height as a share of the clip's shorter side [0.45; follow: 0.3]."),
    ] = None
    face_formats: Annotated[
        str | None,
        typer.Option("--formats", help="Formats for boxes, comma-separated [json,csv,mot]."),
    ] = None


class Persons:
    """Who gets clips, and the names of persons."""

    target: Annotated[
        str | None, typer.Option(help="Only this person, by name or by letter on the page.")
    ] = None
    top: Annotated[
        int | None, typer.Option(min=1, help="Most people to show, those seen longest first [all].")
    ] = None
    min_share: Annotated[
        float | None,
        typer.Option(help="Leave out people seen for less than this share of the video [0.05]."),
    ] = None
    min_face: Annotated[
        float | None,
        typer.Option(help="Faces less high than this share of the picture are left out [0]."),
    ] = None
    ignore_still: Annotated[
        bool | None,
        typer.Option("--ignore-still", help="Leave out faces that never move: posters."),
    ] = None
    people: Annotated[
        Path | None,
        typer.Option(
            help="Folder of pictures of named people: Kim.jpg, or Kim/1.jpg, Kim/2.jpg, ..."
        ),
    ] = None
    across: Annotated[
        bool | None,
        typer.Option("--across", help="Find the same people across videos and write people.json."),
    ] = None


class Networks:
    """The networks that find faces and tell people apart."""

    detector: Annotated[
        str | None,
        typer.Option(
            help="Face detector: mtcnn, facenet-pytorch, or the .onnx file of a YuNet or "
            "SCRFD [mtcnn]."
        ),
    ] = None
    identity: Annotated[
        str | None,
        typer.Option(
            help="Tell people apart by face (dlib, vggface2, or weights: file, URL, hub name) "
            "or by clothes (appearance) [dlib]."
        ),
    ] = None
    identity_threshold: Annotated[
        float | None,
        typer.Option(
            help="Similarity from which faces are one person [dlib 0.65, vggface2 0.6, "
            "appearance 0.7]."
        ),
    ] = None
    active_speaker: Annotated[
        str | None,
        typer.Option(
            help="Detect who is speaking on screen: lr-asd (3 MB, downloaded at first use) or a "
            "file of its weights."
        ),
    ] = None


class Speech:
    """Transcripts and captions of what is said."""

    transcript: Annotated[
        bool | None,
        typer.Option("--transcript", help="Also write transcripts with the speakers' names."),
    ] = None
    captions: Annotated[
        bool | None,
        typer.Option("--captions", help="Burn in what is said, word by word."),
    ] = None


class Picture:
    """Which video track is searched, and at what size."""

    video_track: Annotated[
        int | None, typer.Option(min=0, help="Video track, counted from 0 [largest picture].")
    ] = None
    detect_size: Annotated[
        int | None, typer.Option(help="Shorter side of frames during face detection [360].")
    ] = None


class Machine(shared.Machine):
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Runs of 36 frames in the first batch [4].")
    ] = None
    arena: Annotated[
        int | None,
        typer.Option(min=8, help="Shared memory for frames, MB [128-256, by cores; GPU: 256]."),
    ] = None


GROUPS = (
    shared.Output, Clips, Persons, Networks, Speech, voice.Speakers, shared.Recognition,
    shared.Sound, Picture, voice.Engines, Machine, shared.Models, shared.Limits, shared.AddedStages,
    shared.Pages, shared.Sharing, shared.Run,
)  # fmt: skip
