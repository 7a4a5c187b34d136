"""Settings of every command: output, machine, limits, added stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PrivateAttr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from reelmill.core.paths import DEFAULT_OUT

ENVIRONMENT = "REELMILL_"


def _split_at_commas(value: Any) -> Any:
    """Split a text like `json,srt`, which users write in the environment as on the command line."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def _one_or_many(value: Any) -> Any:
    """Make a single text a list without splitting it; the code that reads it handles its commas."""
    return (value,) if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_at_commas)]
OneOrMany = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_one_or_many)]


def _channel_choice(value: Any) -> Any:
    text = str(value).strip().lower()
    if text in ("auto", "mix", "split") or (text.isdecimal() and int(text) > 0):
        return text
    raise ValueError("give auto, mix, split, or the number of a channel, counted from 1")


ChannelChoice = Annotated[str, BeforeValidator(_channel_choice)]


def _without_credentials(value: Any) -> Any:
    """Settings are kept in records, and addresses are shown."""
    parts = urlsplit(str(value))
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "an address has no user, password or parameters; give credentials by the environment "
            "or profile of each machine (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE), "
            "another server by AWS_ENDPOINT_URL"
        )
    return value


Address = Annotated[str, BeforeValidator(_without_credentials)]


class BaseFields(BaseSettings):
    """The environment variable of a setting is `REELMILL_` and its name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT, extra="forbid", protected_namespaces=(), defer_build=True
    )
    _origin: str | None = PrivateAttr(None)

    out: Path = Field(DEFAULT_OUT, description="folder for results; originals are never touched")
    adopt: bool = Field(
        False, description="trust and reuse results made with another key or by version 0.1"
    )
    claim_lease: float = Field(
        120.0,
        ge=1,
        description="seconds after which a worker of --claim that gave no sign of life is gone",
    )
    store: Address | None = Field(
        None,
        description="where machines of --on that share no folder leave recordings and results: "
        "s3://BUCKET/PREFIX or another address that fsspec knows",
    )
    device: str = Field("auto", description="auto, cpu or cuda[:n]")
    compute_type: str = Field("auto", description="auto: float16 on CUDA, int8 on the CPU")
    batch_size: int = Field(20, ge=1, description="items in the first batch")
    max_batch: int | None = Field(
        None,
        ge=1,
        description="largest number of items in a batch; default: 32, with a GPU two for each GB "
        "of its memory that is free",
    )
    workers: int | None = Field(
        None,
        ge=1,
        description="CPU worker processes; default: cores - 2 (faces: all cores), at most 18",
    )
    threads: int | None = Field(
        None,
        ge=1,
        description="threads per model on the CPU; default: cores divided by model workers",
    )
    memory_limit: int = Field(
        80, ge=1, le=100, description="percentage of memory above which a run stops"
    )
    worker_memory: int | None = Field(
        None,
        ge=256,
        description="MB of memory one CPU worker may use before its recording fails; default: "
        "1024 to 4096, so that all workers together have half of memory_limit",
    )
    stall_timeout: float = Field(
        300.0,
        gt=0,
        description="seconds a CPU task may make no progress before it is ended; a task that "
        "keeps computing gets six times as long",
    )
    max_tracks: int = Field(
        64, ge=1, le=1000, description="most audio and video tracks a recording may have"
    )
    max_pixels: int = Field(
        8192 * 8192, ge=1, description="most pixels a frame may have, width times height"
    )
    max_silence: float = Field(
        24 * 3600.0,
        ge=0,
        description="most silence, in seconds, filled into gaps between time stamps of the audio",
    )
    max_stretch: float = Field(
        1000.0,
        ge=1,
        description="for recordings over an hour: largest ratio of the length by time stamps to "
        "the length of the audio",
    )
    placement: Literal["auto", "resident", "sequential"] = Field(
        "auto", description="load models together or one after the other; auto: by memory"
    )
    arena: int | None = Field(
        None,
        ge=8,
        description="MB of shared memory for items on their way to the models; default: 128, for "
        "faces up to 256 by the number of CPU workers, with a GPU 256, or more for large batches",
    )
    keep_audio: bool = Field(False, description="keep decoded audio in the cache after the run")
    track: int | None = Field(
        None,
        ge=0,
        description="audio track, counted from 0; default: the main one, or the first with speech "
        "where nobody speaks in the main one",
    )
    channels: ChannelChoice = Field(
        "auto",
        description="auto: by measurement, each on its own where people have a channel each; mix: "
        "averaged; split: each on its own; a number: that one alone, counted from 1",
    )
    pages: bool = Field(True, description="write a review page for each recording")
    listening_copies: bool = Field(
        False, description="write a small copy of the sound that every browser plays"
    )
    lang: Literal["en", "ko"] | None = Field(
        None, description="language of the pages; default: by locale"
    )
    stages: CommaSeparated = Field((), description="stages from other packages to add, by name")
    stage_options: OneOrMany = Field(
        (), description="options of added stages, each as stage.option=value"
    )

    @property
    def origin(self) -> str | None:
        """The file that gave settings, and which, for the first lines of a run; None without a
        file."""
        return self._origin
