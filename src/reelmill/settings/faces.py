"""Settings of finding people and of cutting videos to them: those of `reelmill faces`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from reelmill.settings.base import BaseFields, CommaSeparated


class FacesFields(BaseFields):
    """Who is looked for, and what is cut."""

    detector: str = Field(
        "mtcnn",
        description="what finds faces: mtcnn (shipped), facenet-pytorch (its own MTCNN, extra "
        "`faces`), or the .onnx file of a YuNet or SCRFD",
    )
    identity: str = Field(
        "dlib",
        description="how people are told apart: by their faces with dlib (shipped), vggface2, or a "
        "file, address or hub name of facenet-pytorch's weights; or by their clothes: appearance",
    )
    identity_threshold: float | None = Field(
        None,
        gt=0,
        le=1,
        description="likeness of one person: 0.65 by face (vggface2 0.6), 0.7 by clothes",
    )
    people: Path | None = Field(
        None,
        description="folder of pictures of known people, who give persons their names: Kim.jpg, or "
        "Kim/1.jpg and so on",
    )
    active_speaker: str | None = Field(
        None,
        description="who is seen to speak, and when: lr-asd (fetched at first use, 3 MB), or the "
        "file of its weights",
    )
    transcript: bool = Field(
        False, description="also what is said, as transcripts with the names of who says it"
    )
    across: bool = Field(
        False, description="who is the same person in several of the videos: people.json"
    )
    video_track: int | None = Field(
        None, ge=0, description="which picture of a video, from 0; the largest when not given"
    )
    detect_size: int = Field(
        360, ge=120, description="shorter side to which frames are reduced before faces are sought"
    )
    layout: Literal["single", "dual", "split", "overlay"] = Field(
        "single",
        description="single: clips of one person each; dual: a video for each of two; split: both "
        "beside each other; overlay: the whole picture with boxes and names",
    )
    size: int | None = Field(
        None,
        ge=32,
        le=4320,
        description="shorter side of clips, pixels: 250, of split and follow 1080",
    )
    aspect: str | None = Field(
        None,
        description="width:height of clips: 1:1, of split 16:9; with follow 9:16, or several",
    )
    follow: Literal["speaker"] | None = Field(
        None,
        description="one video that shows whoever speaks, in shots, instead of clips of persons",
    )
    captions: bool = Field(
        False, description="what is said burned into the clips, word by word; implies transcript"
    )
    clip: float | Literal["person"] = Field(
        10.0, description="seconds of a clip of layout single, or `person`: one clip a person"
    )
    target: str | None = Field(None, description="name or letter of the one person to be shown")
    top: int | None = Field(None, ge=1, description="at most so many persons, most seen first")
    min_share: float = Field(
        0.05, ge=0, le=1, description="share of a video for which a person must be seen to count"
    )
    face_share: float | None = Field(
        None,
        ge=0.1,
        le=1,
        description="height of the face as a share of a clip's shorter side: 0.45, with follow 0.3",
    )
    preset: Literal[
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower",
        "veryslow",
    ] = Field("veryfast", description="x264's preset: from fast to small")  # fmt: skip
    quality: int = Field(21, ge=0, le=51, description="CRF of clips: 18 as the original, 28 rough")
    encoder: Literal["auto", "x264", "nvenc"] = Field(
        "auto", description="auto: the GPU's where it really works"
    )
    face_formats: CommaSeparated = Field(
        ("json", "csv", "mot"), description="files of boxes written for each video"
    )
