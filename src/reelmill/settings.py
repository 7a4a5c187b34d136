"""Every setting, its default and its reason.

Command line > environment > the user's own config file (or `--config`) > default. Nothing that
lies among recordings is configuration, and what names a program to run is said on the command line.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from reelmill.core.paths import user_config
from reelmill.errors import UsageError

CONFIG_FILE = "reelmill.toml"
_ENVIRONMENT = "REELMILL_"
_PROGRAM = "names a program to run"
#: What is never read from a file or the environment, and why.
COMMAND_LINE_ONLY = {
    "python": _PROGRAM,
    "pyannote_model": _PROGRAM,  # its configuration names classes
    "stages": "names code to run",
    "adopt": "is a decision about one folder",
}


#: What settings, and values of them, were called in 0.1: understood until 0.3.
_OLD_NAMES = {"residency": "placement"}
_OLD_VALUES = {("placement", "turns"): "sequential"}


class Settings(BaseSettings):
    """`REELMILL_` and the name in capitals is the environment variable of each."""

    model_config = SettingsConfigDict(
        env_prefix=_ENVIRONMENT, extra="forbid", protected_namespaces=()
    )
    _origin: str | None = PrivateAttr(None)

    out: Path = Field(
        Path("analysis-results"), description="results go here; originals are never touched"
    )
    adopt: bool = Field(
        False, description="take what others left in the output folder's cache as it is"
    )
    model: str | None = Field(
        None, description="size, hub name, local folder or `demo`; by free memory when not given"
    )
    language: str | None = Field(None, description="detected per recording when not given")
    device: str = Field("auto", description="auto, cpu or cuda[:n]")
    compute_type: str = Field("auto", description="auto: float16 on CUDA, int8 on the CPU")
    batch_size: int = Field(20, ge=1, description="items in a first batch")
    max_batch: int = Field(32, ge=1, description="the most items a batch may grow to")
    workers: int | None = Field(
        None,
        ge=1,
        description="CPU processes; cores - 2 (faces: all cores), at most 18, when not given",
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="threads of a model on the CPU; cores by model workers when not given",
    )
    memory_limit: int = Field(
        80, ge=1, le=100, description="percent of the machine's memory past which a run stops"
    )
    worker_memory: int | None = Field(
        None,
        ge=256,
        description="MB of memory one CPU worker may take, past which its recording fails; when "
        "not given 1024 to 4096, so that all together have half of memory_limit",
    )
    stall_timeout: float = Field(
        300.0,
        gt=0,
        description="seconds a CPU task may go without progress before it is ended; one that "
        "computes all the while gets six times as long",
    )
    max_tracks: int = Field(
        64, ge=1, le=1000, description="tracks of sound and picture a recording may have"
    )
    max_pixels: int = Field(
        8192 * 8192, ge=1, description="pixels a picture may have: width times height"
    )
    max_silence: float = Field(
        24 * 3600.0,
        ge=0,
        description="seconds of silence put, all in all, where time stamps leave gaps in the sound",
    )
    max_stretch: float = Field(
        1000.0,
        ge=1,
        description="how many times as long as its sound a recording of over an hour may be, "
        "by its time stamps",
    )
    placement: Literal["auto", "resident", "sequential"] = Field(
        "auto", description="models loaded together, or one after the other; auto: by memory"
    )
    formats: Annotated[tuple[str, ...], NoDecode] = Field(
        ("json", "txt", "srt", "vtt", "tsv"), description="files written for each recording"
    )
    initial_prompt: str | None = Field(
        None, description="text the recognizer is told came before: names, spelling, style"
    )
    hotwords: str | None = Field(None, description="words the recognizer should expect")
    align: bool = Field(True, description="times for every word")
    aligner: str | None = Field(
        None,
        description="hub name, local folder, `demo`, or `none` for Whisper's own word times; by "
        "language when not given",
    )
    words: bool = Field(False, description="WebVTT captions whose words light up as they are said")
    beam_size: int = Field(5, ge=1, description="hypotheses kept while decoding")
    arena: int | None = Field(
        None,
        ge=8,
        description="MB of shared memory for items on their way to the models; when not given "
        "128, with a GPU 256",
    )
    engine: Literal["default", "whisperx"] = Field(
        "default", description="what recognizes and aligns: default, or whisperx as a whole"
    )
    python: Path | None = Field(
        None,
        description="interpreter or folder of the virtual environment that has WhisperX or "
        "pyannote.audio; this one's when not given",
    )
    diarizer: Literal["default", "pyannote", "none"] = Field(
        "default", description="who speaks when: default (no token, no PyTorch), pyannote or none"
    )
    pyannote_model: str = Field(
        "pyannote/speaker-diarization-community-1",
        description="pipeline of pyannote.audio: hub name (needs HF_TOKEN), folder, config file",
    )
    speakers: int | None = Field(
        None, ge=1, le=100, description="how many people speak; found when not given"
    )
    min_speakers: int = Field(1, ge=1, le=100, description="at least so many people speak")
    max_speakers: int = Field(10, ge=1, le=100, description="at most so many people speak")
    speaker_segmentation: str = Field(
        "default", description="another segmentation network: hub name or .onnx file"
    )
    speaker_encoder: str = Field(
        "default", description="another speaker encoder: hub name or .onnx file"
    )
    names: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="names of speakers, as A=Kim; kept for the output folder"
    )
    keep_audio: bool = Field(False, description="keep decoded sound in the cache after the run")
    stages: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="stages of other packages to add, by name"
    )
    stage_options: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="what is set of added stages, each as stage.option=value"
    )

    track: int | None = Field(
        None,
        ge=0,
        description="which audio track, from 0; when not given the main one, or where "
        "nobody speaks in that one the first in which somebody does",
    )
    to: Annotated[tuple[str, ...], NoDecode] = Field(
        ("ko",), min_length=1, description="languages to translate into"
    )
    translator: str | None = Field(
        None, description="name, hub name, local folder or `demo`; by free memory when not given"
    )
    translation_beam: int = Field(4, ge=1, description="hypotheses kept while translating")
    glossary: Path | None = Field(
        None, description="file of names and terms with the translations they are to have"
    )
    subtitle_formats: Annotated[tuple[str, ...], NoDecode] = Field(
        ("srt", "vtt", "ass", "smi", "json"), description="subtitle files written"
    )
    bilingual: bool = Field(False, description="the original's lines below the translation")
    mux: bool = Field(False, description="also a copy of each video with subtitle tracks")
    burn: bool = Field(False, description="also a copy with the subtitles in the picture")
    style: str = Field("", description="look in ass files and burned pictures: font=...,size=60")
    chars_per_line: int | None = Field(
        None, ge=4, description="by language when not given: 42; Korean 18, Japanese 16"
    )
    lines: int = Field(2, ge=1, le=4, description="lines of a subtitle or caption")
    reading_speed: float | None = Field(
        None, gt=0, description="characters a second; by language when not given: 17, Korean 12"
    )
    shortest: float = Field(5 / 6, gt=0, description="seconds a subtitle is shown at least")
    longest: float = Field(7.0, gt=0, description="seconds a subtitle or caption is shown at most")
    gap: float = Field(1 / 12, ge=0, description="seconds between subtitles: two pictures at 24")

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
    across: bool = Field(
        False, description="who is the same person in several of the videos: people.json"
    )
    layout: Literal["single", "dual", "split", "overlay"] = Field(
        "single",
        description="single: clips of one person each; dual: a video for each of two; split: both "
        "beside each other; overlay: the whole picture with boxes and names",
    )
    size: int | None = Field(
        None, ge=32, le=4320, description="shorter side of clips, pixels: 250, of split 1080"
    )
    aspect: str | None = Field(None, description="width:height of clips: 1:1, of split 16:9")
    clip: float | Literal["person"] = Field(
        10.0, description="seconds of a clip of layout single, or `person`: one clip a person"
    )
    target: str | None = Field(None, description="name or letter of the one person to be shown")
    top: int | None = Field(None, ge=1, description="at most so many persons, most seen first")
    min_share: float = Field(
        0.05, ge=0, le=1, description="share of a video for which a person must be seen to count"
    )
    face_share: float = Field(
        0.45, ge=0.1, le=1, description="height of the face as a share of a clip's shorter side"
    )
    preset: Literal[
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower",
        "veryslow",
    ] = Field("veryfast", description="x264's preset: from fast to small")  # fmt: skip
    quality: int = Field(21, ge=0, le=51, description="CRF of clips: 18 as the original, 28 rough")
    encoder: Literal["auto", "x264", "nvenc"] = Field(
        "auto", description="auto: the GPU's where it really works"
    )
    video_track: int | None = Field(
        None, ge=0, description="which picture of a video, from 0; the largest when not given"
    )
    detect_size: int = Field(
        360, ge=120, description="shorter side to which frames are reduced before faces are sought"
    )
    face_formats: Annotated[tuple[str, ...], NoDecode] = Field(
        ("json", "csv", "mot"), description="files of boxes written for each video"
    )

    @property
    def origin(self) -> str | None:
        """Which file said what, for the first lines of a run; None when none was read."""
        return self._origin

    @field_validator("formats", "subtitle_formats", "face_formats", "to", "stages", mode="before")
    @classmethod
    def _split_at_commas(cls, value: Any) -> Any:
        """`json,srt`, as on the command line, is what people write into the environment too."""
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    @field_validator("names", "stage_options", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        """One text of names, as in the environment; its commas are `parse_names`' business."""
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _speakers_fit(self) -> Settings:
        """A number found by counting beside the limits for counting is a contradiction only where
        somebody gave the limit: `--speakers 12` alone is more than 10, and right."""
        least, most, given = self.min_speakers, self.max_speakers, self.model_fields_set
        if least > most:
            default = "" if "max_speakers" in given else " (the default)"
            raise ValueError(
                f"--min-speakers {least} is more than --max-speakers {most}{default}: give "
                f"--max-speakers {least} or more, or a lower --min-speakers"
            )
        if self.speakers is None:
            return self
        for name, limit, word, beyond in (
            ("min_speakers", least, "less", self.speakers < least),
            ("max_speakers", most, "more", self.speakers > most),
        ):
            if name in given and beyond:
                option = f"--{name.replace('_', '-')}"
                raise ValueError(
                    f"--speakers {self.speakers} is {word} than {option} {limit}: leave {option} "
                    "away where the number is known, or --speakers where it is not"
                )
        return self


class FaceSettings(Settings):
    """Settings of `reelmill faces`: its items are runs of 36 frames, 25 MB each."""

    batch_size: int = Field(4, ge=1, description="items in a first batch")
    max_batch: int = Field(8, ge=1, description="the most items a batch may grow to")
    arena: int | None = Field(256, ge=8, description="MB of shared memory for runs of frames")


def load_settings(config: Path | None = None, **given: Any) -> Settings:
    """The settings in force.

    Args:
        config: the file to read instead of the user's own.
        given: what the command line said, None where it said nothing.

    Raises:
        UsageError: a value that does not fit, naming the setting; a file that cannot be read, or
            that names a program.
    """
    return _loaded(Settings, config, given)


def load_face_settings(config: Path | None = None, **given: Any) -> Settings:
    """As `load_settings`, for `reelmill faces`: where nothing says otherwise, its own defaults."""
    return _loaded(FaceSettings, config, given)


def _loaded(kind: type[Settings], config: Path | None, given: dict[str, Any]) -> Settings:
    file = config or user_config() / CONFIG_FILE
    said = {name: value for name, value in given.items() if value is not None}
    read = _read(kind, file, is_named=config is not None)
    environment = EnvSettingsSource(kind)()
    for name in COMMAND_LINE_ONLY:
        if name in read:
            raise UsageError(_only_on_the_command_line(str(file), name))
        if name in environment:
            raise UsageError(_only_on_the_command_line("the environment", name))
    try:
        settings = kind(**{**_renamed(read), **environment, **_renamed(said)})
    except ValidationError as error:
        below = {name for name in read if name not in environment and name not in said}
        raise UsageError("; ".join(_told(one, file, below) for one in error.errors())) from error
    settings._origin = _origin_line(file, read)
    return settings


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    """Settings under today's names, and with today's names of values."""
    named = {_OLD_NAMES.get(name, name): value for name, value in values.items()}
    return {
        name: _OLD_VALUES.get((name, value), value) if isinstance(value, str) else value
        for name, value in named.items()
    }


def _read(kind: type[Settings], file: Path, *, is_named: bool) -> dict[str, Any]:
    """What a file says; the user's own need not be there."""
    try:
        if not file.exists() and not is_named:
            return {}
        file.open("rb").close()  # a file that is named and not there says so
        return dict(TomlConfigSettingsSource(kind, file).toml_data)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UsageError(f"{file}: not a file of settings ({error})") from error


def _only_on_the_command_line(where: str, name: str) -> str:
    option = f"--{name.replace('_', '-')}"
    return f"{where}: {name} {COMMAND_LINE_ONLY[name]}; give {option} on the command line instead"


def _origin_line(file: Path, read: Collection[str]) -> str | None:
    """Which file was read; also that one in the current folder was not."""
    lines = [f"settings from {file}: {', '.join(sorted(read))}"] if read else []
    here = Path(CONFIG_FILE)
    if here.is_file() and not (file.exists() and file.samefile(here)):
        lines.append(f"{here.absolute()} is not read; --config {here} would read it")
    return "; ".join(lines) or None


def _told(problem: ErrorDetails, file: Path, below: Collection[str]) -> str:
    """A setting's problem with its name, and the file when it came from there; what is wrong
    between several settings names them itself."""
    name = ".".join(map(str, problem["loc"]))
    if not name:
        return str(problem["ctx"]["error"])
    where = f"{file}: " if problem["loc"][0] in below else ""
    return f"{where}{name}: {problem['msg']}"
