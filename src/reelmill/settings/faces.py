"""Settings of `reelmill faces`: finding people and cutting videos to them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from reelmill.settings.base import BaseFields, CommaSeparated


class FacesFields(BaseFields):
    """Settings for finding people and cutting clips."""

    detector: str = Field(
        "mtcnn",
        description="face detector: mtcnn (shipped), facenet-pytorch (its own MTCNN, extra "
        "`faces`), or the .onnx file of a YuNet or SCRFD",
    )
    identity: str = Field(
        "dlib",
        description="how people are told apart: by face with dlib (shipped), vggface2, or a file, "
        "URL or hub name of facenet-pytorch's weights; or by clothes with appearance",
    )
    identity_threshold: float | None = Field(
        None,
        gt=0,
        le=1,
        description="similarity from which two faces count as one person; default: 0.65 by face "
        "(vggface2 0.6), 0.7 by clothes",
    )
    people: Path | None = Field(
        None,
        description="folder of pictures of known people, used to name persons: Kim.jpg, or "
        "Kim/1.jpg, Kim/2.jpg, ...; for voice, of samples of their speech",
    )
    active_speaker: str | None = Field(
        None,
        description="network that detects who is speaking on screen: lr-asd (3 MB, downloaded at "
        "first use), or a file of its weights",
    )
    transcript: bool = Field(False, description="also write transcripts with the speakers' names")
    across: bool = Field(
        False,
        description="find the same people across the videos and write people.json, or across the "
        "recordings and write speakers.json",
    )
    video_track: int | None = Field(
        None, ge=0, description="video track, counted from 0; default: the largest picture"
    )
    detect_size: int = Field(
        360, ge=120, description="shorter side to which frames are reduced for face detection"
    )
    min_face: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="height of a face, as a share of the picture's, below which it is left out",
    )
    ignore_still: bool = Field(
        False, description="leave out faces that never move: posters, pictures on a wall"
    )
    layout: Literal["single", "dual", "split", "overlay"] = Field(
        "single",
        description="single: clips of one person each; dual: one video for each of two people; "
        "split: both side by side; overlay: the whole picture with boxes and names",
    )
    size: int | None = Field(
        None,
        ge=32,
        le=4320,
        description="shorter side of clips in pixels; default: 250, for split and follow 1080",
    )
    aspect: str | None = Field(
        None,
        description="width:height of clips; default: 1:1, for split 16:9, for follow 9:16; follow "
        "takes several",
    )
    follow: Literal["speaker"] | None = Field(
        None,
        description="instead of clips, make one video that follows whoever speaks",
    )
    captions: bool = Field(
        False, description="burn what is said into the clips, word by word; implies transcript"
    )
    clip: float | Literal["person"] = Field(
        10.0,
        description="length of a clip in seconds, or `person`: one clip per person; layout "
        "single only",
    )
    target: str | None = Field(None, description="name or letter of the only person to show")
    top: int | None = Field(
        None, ge=1, description="most people to show, those seen longest first; default: all"
    )
    min_share: float = Field(
        0.05, ge=0, le=1, description="leave out people seen for less than this share of a video"
    )
    face_share: float | None = Field(
        None,
        ge=0.1,
        le=1,
        description="face height as a share of the clip's shorter side; default: 0.45, with follow "
        "0.3",
    )
    preset: Literal[
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower",
        "veryslow",
    ] = Field("veryfast", description="x264 preset: fast encoding or small files")  # fmt: skip
    quality: int = Field(
        21, ge=0, le=51, description="CRF of clips: 18 looks like the original, 28 is coarse"
    )
    encoder: Literal["auto", "x264", "nvenc"] = Field(
        "auto", description="auto: the GPU's encoder where it works, otherwise x264"
    )
    face_formats: CommaSeparated = Field(
        ("json", "csv", "mot"), description="formats for the boxes of each video"
    )
