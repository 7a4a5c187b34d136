"""What travels between a submitter and its workers: sealed JSON, and nothing else.

Every message is checked against its schema, is small, and is sealed with the key that the machines
share for results (`REELMILL_KEY_FILE`), so that somebody who can only reach the broker can neither
make workers do anything nor report results. A recording is named by a path below a root that the
worker has under a name of its own; a model by its name and by the digest of the stage that uses it.
There are no secrets in messages, and pickle is used nowhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from reelmill.core.keys import Seal
from reelmill.errors import InputError
from reelmill.scale.executor import (
    MOST_RECORDINGS,
    MOST_SHARES,
    MOST_TEXT,
    Checked,
    Name,
    RecordingEnded,
    RecordingMissed,
    ResultRefused,
    Seconds,
    Sha256,
    ShardDone,
    ShardFailed,
    ShardLost,
    ShardProgressed,
    ShardStarted,
    Text,
)

#: The most bytes of a message.
MOST_BYTES = 1 << 20
_MOST_PROMPT = 20_000
_PURPOSE_TASK, _PURPOSE_EVENT = "shard", "shard event"

_TRAVELLING = """
    across active_speaker align aligner aspect beam_size bilingual burn captions channels
    chars_per_line clip compute_type detect_size detector diarizer emotion_model encoder engine
    events face_formats face_share follow forensic formats gap hotwords identity identity_threshold
    ignore_still inaudible initial_prompt lang language layout lines listening_copies longest
    max_pixels max_silence max_speakers max_stretch max_tracks min_face min_share min_speakers
    model mux mux_default pages pattern_languages preset pyannote_model quality reading_speed
    second_opinion shortest size speaker_encoder speaker_segmentation speakers speech_padding_ms
    speech_silence_ms speech_threshold stage_options stages style
    subtitle_formats target temperature text_classifier to top track transcript translation_beam
    translator video_track words
"""
#: Settings that may travel: those that results depend on, and that mean the same everywhere. Those
#: of the machine (devices, memory, processes) are the worker's own; files of the submitter's have
#: no meaning elsewhere.
TRAVELLING = frozenset(_TRAVELLING.split())
#: Of these, those that are read as they are. All others that name something must not be paths.
_PROSE = frozenset({"initial_prompt", "hotwords", "style", "target"})


class MessageError(InputError):
    """A message that is not one of ours. It is refused and never tried again."""


def _relative(path: str) -> str:
    """Raise ValueError unless `path` is a plain path below a folder."""
    parts = path.split("/")
    if path.startswith("/") or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise ValueError("not a path below a root")
    return path


def _no_path(value: Any) -> Any:
    """Raise ValueError for a text that could name a file of the worker's."""
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str) and (
            text.startswith(("/", "~", ".", "\\")) or ".." in PurePosixPath(text).parts
        ):
            raise ValueError(f"{text!r} looks like a path; name it instead")
    return value


def _settings(values: dict[str, Any]) -> dict[str, Any]:
    for name, value in values.items():
        if name not in TRAVELLING:
            raise ValueError(f"the setting {name} is the worker's own")
        if name not in _PROSE:
            _no_path(value)
    return values


RelativePath = Annotated[str, Field(min_length=1, max_length=MOST_TEXT), AfterValidator(_relative)]
_Plain = (
    bool
    | Annotated[int, Field(ge=-(1 << 53), le=1 << 53)]
    | Annotated[float, Field(allow_inf_nan=False)]
    | Annotated[str, Field(max_length=_MOST_PROMPT)]
    | None
)
_Setting = _Plain | Annotated[list[_Plain], Field(max_length=200)]


@dataclass(frozen=True)
class Place(Checked):
    """A file or folder: a path below a root. Each machine says where its roots are."""

    root: Name
    path: RelativePath


@dataclass(frozen=True)
class ShardRecording(Checked):
    """A recording of a shard.

    Attributes:
        place: where it is.
        size: in bytes; a file of another size is another file.
        sha256: of its content if it is to be had from the store; None if it is below a root.
    """

    place: Place
    size: Annotated[int, Field(ge=0, le=1 << 60)]
    sha256: Sha256 | None = None


@dataclass(frozen=True)
class Work(Checked):
    """What is to be done with recordings, the same for all shards of a job.

    Attributes:
        task: `voice`, `subtitle` or `faces`.
        settings: those that results depend on.
        digests: of each stage that workers execute, by name: its version, settings and model. A
            worker whose stages have other digests would make other results, and refuses.
        out: the output folder; None if results go to the store.
        priority: from 0 to 9; higher ones go first.
    """

    task: Name
    settings: Annotated[dict[Name, _Setting], Field(max_length=200), AfterValidator(_settings)]
    digests: Annotated[dict[Name, Text], Field(min_length=1, max_length=200)]
    out: Place | None
    priority: Annotated[int, Field(ge=0, le=9)] = 0


@dataclass(frozen=True)
class ShardTask(Checked):
    """A shard for a worker.

    Attributes:
        job: the identity of all work on an output folder with these settings.
        submission: changes when a job that was cancelled is submitted again.
        shard: identifies the shard; the same when it is sent again.
        work: what is to be done.
        recordings: with what.
        cost: how many seconds one worker is expected to need.
        attempt: how often the shard was sent, counted from 1.
        share: which share this is of a recording on which several workers work at the same time,
            counted from 0; None for recordings that one worker does.
    """

    job: Name
    submission: Name
    shard: Name
    work: Work
    recordings: Annotated[list[ShardRecording], Field(min_length=1, max_length=MOST_RECORDINGS)]
    cost: Seconds = 0.0
    attempt: Annotated[int, Field(ge=1, le=1000)] = 1
    share: Annotated[int, Field(ge=0, lt=MOST_SHARES)] | None = None
    kind: Literal["shard"] = "shard"


@dataclass(frozen=True)
class _Sealed(Checked):
    mac: Sha256


@dataclass(frozen=True)
class _SealedTask(ShardTask, _Sealed):
    pass


AnyEvent = (
    ShardStarted
    | ShardProgressed
    | RecordingEnded
    | RecordingMissed
    | ResultRefused
    | ShardDone
    | ShardFailed
    | ShardLost
)


@dataclass(frozen=True)
class _SealedEvents(_Sealed):
    events: Annotated[
        list[Annotated[AnyEvent, Field(discriminator="kind")]],
        Field(min_length=1, max_length=MOST_RECORDINGS),
    ]


_Message = TypeVar("_Message")
_TASKS, _EVENTS = TypeAdapter(_SealedTask), TypeAdapter(_SealedEvents)


def packed_task(task: ShardTask, seal: Seal) -> str:
    """The message for a worker.

    Raises:
        MessageError: it would break a limit.
    """
    return _packed(asdict(task), _PURPOSE_TASK, seal)


def unpacked_task(text: object, seal: Seal) -> ShardTask:
    """A shard from a message.

    Raises:
        MessageError: it is too long, not sealed with the key, or does not fit the schema.
    """
    found = _unpacked(text, _PURPOSE_TASK, _TASKS, seal)
    return ShardTask(**{name: getattr(found, name) for name in ShardTask.__dataclass_fields__})


def packed_events(events: Sequence[AnyEvent], seal: Seal) -> list[str]:
    """The messages for the submitter: one, or several where one would be too long. Raises
    MessageError as `packed_task` does."""
    try:
        return [_packed({"events": [asdict(event) for event in events]}, _PURPOSE_EVENT, seal)]
    except MessageError:
        if len(events) == 1:
            raise
        half = len(events) // 2
        return packed_events(events[:half], seal) + packed_events(events[half:], seal)


def unpacked_events(text: object, seal: Seal) -> list[AnyEvent]:
    """What a worker reports. Raises MessageError as `unpacked_task` does."""
    return _unpacked(text, _PURPOSE_EVENT, _EVENTS, seal).events


def shortened_reason(text: str) -> str:
    """A text for people that fits into an event."""
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def _packed(content: dict[str, Any], purpose: str, seal: Seal) -> str:
    data = seal.signed(purpose, content)
    if len(data) > MOST_BYTES:
        raise MessageError(f"a message of {len(data):,} bytes; at most {MOST_BYTES:,} may be sent")
    return data.decode("utf-8", "replace")


def _unpacked(text: object, purpose: str, kind: TypeAdapter[_Message], seal: Seal) -> _Message:
    if not isinstance(text, str):
        raise MessageError(f"not a message: {type(text).__name__} instead of text")
    data = text.encode("utf-8", "replace")
    if len(data) > MOST_BYTES:
        raise MessageError(f"a message of {len(data):,} bytes; at most {MOST_BYTES:,} are read")
    if not seal.is_signed(purpose, data):
        raise MessageError(
            "not sealed with the key of this machine; share one key: name its file in "
            "REELMILL_KEY_FILE on all machines"
        )
    try:
        return kind.validate_json(data)
    except (ValidationError, RecursionError) as error:
        raise MessageError(f"not as its schema demands: {_first(error)}") from error


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "nested too deeply"
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:100] for part in problem["loc"])
    return f"{where}: {problem['msg'][:300]}"
