"""What the settings of every command have in common: output, machine, limits, added stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ENVIRONMENT = "REELMILL_"


def _split_at_commas(value: Any) -> Any:
    """`json,srt`, as on the command line, is what people write into the environment too."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


def _one_or_many(value: Any) -> Any:
    """One text, as in the environment, stays whole: whoever reads it knows what its commas are."""
    return (value,) if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_at_commas)]
OneOrMany = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_one_or_many)]


def _channel_choice(value: Any) -> Any:
    text = str(value).strip().lower()
    if text in ("auto", "mix", "split") or (text.isdecimal() and int(text) > 0):
        return text
    raise ValueError("give auto, mix, split, or the number of a channel, counted from 1")


ChannelChoice = Annotated[str, BeforeValidator(_channel_choice)]


class BaseFields(BaseSettings):
    """`REELMILL_` and the name in capitals is the environment variable of each."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT, extra="forbid", protected_namespaces=()
    )
    _origin: str | None = PrivateAttr(None)

    out: Path = Field(
        Path("analysis-results"), description="results go here; originals are never touched"
    )
    adopt: bool = Field(
        False, description="take what others left in the output folder's cache as it is"
    )
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
    arena: int | None = Field(
        None,
        ge=8,
        description="MB of shared memory for items on their way to the models; when not given "
        "128, with a GPU 256",
    )
    keep_audio: bool = Field(False, description="keep decoded sound in the cache after the run")
    track: int | None = Field(
        None,
        ge=0,
        description="which audio track, from 0; when not given the main one, or where "
        "nobody speaks in that one the first in which somebody does",
    )
    channels: ChannelChoice = Field(
        "auto",
        description="auto: by measurement, each on its own where people have a channel each; mix: "
        "averaged; split: each on its own; a number: that one alone, counted from 1",
    )
    stages: CommaSeparated = Field((), description="stages of other packages to add, by name")
    stage_options: OneOrMany = Field(
        (), description="what is set of added stages, each as stage.option=value"
    )

    @property
    def origin(self) -> str | None:
        """Which file said what, for the first lines of a run; None when none was read."""
        return self._origin
