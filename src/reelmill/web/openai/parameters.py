"""The parameters of a request: read, checked, and as settings of a run."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from reelmill.errors import UsageError
from reelmill.models.whisper.languages import parse_languages
from reelmill.web.openai.errors import ApiError, invalid
from reelmill.web.openai.limits import EndpointLimits

Task = Literal["transcribe", "translate"]
Format = Literal["json", "text", "srt", "vtt", "verbose_json", "diarized_json"]
Granularity = Literal["word", "segment"]

_OF_BOTH = frozenset({"file", "model", "prompt", "response_format", "temperature"})
_OF_TRANSCRIPTIONS = _OF_BOTH | {
    "language", "languages", "keywords", "stream", "timestamp_granularities", "chunking_strategy",
    "include", "known_speaker_names", "known_speaker_references",
}  # fmt: skip
_LISTS = frozenset(
    {
        "languages", "keywords", "timestamp_granularities", "include", "known_speaker_names",
        "known_speaker_references",
    }
)  # fmt: skip
_STREAMED: tuple[Format, ...] = ("json", "text", "diarized_json")
_MOST_SPEAKERS = 4
_LONGEST_NAME = 100
#: What `server_vad` may set, with the most of each, and the setting it is here.
_VAD = {
    "threshold": (1.0, "speech_threshold"),
    "prefix_padding_ms": (2000, "speech_padding_ms"),
    "silence_duration_ms": (10_000, "speech_silence_ms"),
}


@dataclass(frozen=True)
class Sample:
    """A sample of a known speaker's voice."""

    name: str
    data: bytes


@dataclass(frozen=True)
class RunSettings:
    """What decides a transcript. Requests that ask for the same share a run.

    `detection`: settings of speech detection that are not the usual ones, by name. `has_times`:
    words and segments get the times at which they are spoken. `previews`: text is told as it is
    recognized.
    """

    model: str
    languages: tuple[str, ...] = ()
    prompt: str | None = None
    keywords: tuple[str, ...] = ()
    translate: bool = False
    temperature: float = 0.0
    detection: tuple[tuple[str, float], ...] = ()
    has_times: bool = False
    has_speakers: bool = False
    samples: tuple[Sample, ...] = ()
    previews: bool = False


@dataclass(frozen=True)
class Parameters:
    """What a request asks for."""

    task: Task
    model: str
    format: Format
    stream: bool
    granularities: frozenset[Granularity]
    languages: tuple[str, ...]
    prompt: str | None
    keywords: tuple[str, ...]
    temperature: float
    detection: tuple[tuple[str, float], ...]
    samples: tuple[Sample, ...]

    def settings(self, model: str) -> RunSettings:
        """The settings of the run; `model` as Reelmill calls it."""
        is_timed = self.stream or self.format not in ("json", "text")
        return RunSettings(
            model,
            self.languages,
            self.prompt,
            self.keywords,
            self.task == "translate",
            self.temperature,
            self.detection,
            is_timed,
            self.format == "diarized_json",
            self.samples,
            self.stream and self.format != "diarized_json",
        )


def read_parameters(
    fields: Mapping[str, Sequence[str]], task: Task, limits: EndpointLimits
) -> Parameters:
    """Check the parameters of a request.

    Raises:
        ApiError: one is missing, unknown, or not valid; it names it.
    """
    given = _Given(fields, task)
    form = given.choice("response_format", "json", _formats(task))
    parameters = Parameters(
        task,
        given.required("model"),
        form,
        given.flag("stream"),
        _granularities(given, form),
        _languages(given),
        _prompt(given, limits),
        _keywords(given, limits),
        _temperature(given),
        _detection(given, fields),
        _samples(given, form, limits),
    )
    if given.list("include"):
        raise invalid(
            "log probabilities of tokens are not available here; use response_format "
            "verbose_json, whose segments have avg_logprob",
            "include",
        )
    if parameters.stream and form not in _STREAMED:
        raise invalid(
            f"response_format {form} cannot be streamed; use json, text or diarized_json, or "
            "leave out stream",
            "stream",
        )
    return parameters


class _Given:
    """The parameters by name. Each that is not a list comes once."""

    def __init__(self, fields: Mapping[str, Sequence[str]], task: Task) -> None:
        known = _OF_TRANSCRIPTIONS if task == "transcribe" else _OF_BOTH
        for name, values in fields.items():
            plain = name.partition("[")[0]
            if plain not in known:
                raise invalid(
                    f"Unknown parameter: '{name[:100]}'.", name[:100], "unknown_parameter"
                )
            if len(values) > 1 and name not in _LISTS:
                raise invalid(f"{name} is given {len(values)} times; give it once", name)
        self._fields = fields

    def text(self, name: str) -> str | None:
        """The value; None where it is not given or empty."""
        values = self._fields.get(name)
        return values[0] if values and values[0] else None

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise invalid(
                f"Missing required parameter: '{name}'.", name, "missing_required_parameter"
            )
        return value

    def list(self, name: str) -> list[str]:
        return [value for value in self._fields.get(name, ()) if value]

    def choice(self, name: str, default: Format, known: Sequence[Format]) -> Format:
        value = self.text(name) or default
        for one in known:
            if one == value:
                return one
        raise invalid(
            f"Invalid value: '{value[:100]}'. Supported values are: {', '.join(known)}.",
            name,
            "invalid_value",
        )

    def flag(self, name: str) -> bool:
        value = (self.text(name) or "false").lower()
        if value not in ("true", "false", "1", "0"):
            raise invalid(f"{name} is true or false, not '{value[:100]}'", name, "invalid_value")
        return value in ("true", "1")


def _formats(task: Task) -> Sequence[Format]:
    known: tuple[Format, ...] = get_args(Format)
    return known if task == "transcribe" else [one for one in known if one != "diarized_json"]


def _granularities(given: _Given, form: Format) -> frozenset[Granularity]:
    found: set[Granularity] = set()
    asked = given.list("timestamp_granularities")
    for value in asked:
        for one in get_args(Granularity):
            if value == one:
                found.add(one)
        if value not in found:
            raise invalid(
                f"Invalid value: '{value[:100]}'. Supported values are: word, segment.",
                "timestamp_granularities",
                "invalid_value",
            )
    if asked and form != "verbose_json":
        raise invalid(
            "timestamp_granularities needs response_format verbose_json", "timestamp_granularities"
        )
    return frozenset(found or {"segment"})


def _languages(given: _Given) -> tuple[str, ...]:
    one, several = given.text("language"), given.list("languages")
    if one is not None and several:
        raise invalid("give language or languages, not both", "languages")
    name = "language" if one is not None else "languages"
    try:
        found = [parse_languages(text, name) for text in ([one] if one else several)]
    except UsageError as error:
        raise invalid(str(error), name, "invalid_language") from error
    codes = tuple(code for codes in found for code in codes)
    if one is not None and len(codes) > 1:
        raise invalid("language takes one language; use languages for several", "language")
    return codes


def _prompt(given: _Given, limits: EndpointLimits) -> str | None:
    text = " ".join((given.text("prompt") or "").split()).replace("\0", "")
    if len(text) > limits.prompt:
        raise invalid(
            f"prompt has {len(text)} characters, and at most {limits.prompt} are accepted; the "
            "model reads only the last 223 tokens",
            "prompt",
            "string_above_max_length",
        )
    return text or None


def _keywords(given: _Given, limits: EndpointLimits) -> tuple[str, ...]:
    words = tuple(" ".join(one.split()).replace("\0", "") for one in given.list("keywords"))
    if sum(map(len, words)) > limits.prompt:
        raise invalid(
            f"keywords have more than {limits.prompt} characters", "keywords",
            "string_above_max_length",
        )  # fmt: skip
    return tuple(one for one in words if one)


def _temperature(given: _Given) -> float:
    text = given.text("temperature") or "0"
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise invalid(
            f"temperature is a number from 0 to 1, not '{text[:100]}'",
            "temperature",
            "invalid_value",
        )
    return value


def _detection(given: _Given, fields: Mapping[str, Sequence[str]]) -> tuple[tuple[str, float], ...]:
    """The settings in `chunking_strategy`: `auto`, or an object of type `server_vad`, as JSON or as
    `chunking_strategy[type]`."""
    text, values = given.text("chunking_strategy"), {}
    if text not in (None, "auto"):
        try:
            values = json.loads(text or "")
        except ValueError:
            values = {"type": text}
    for name, given_values in fields.items():
        if name.startswith("chunking_strategy["):
            values[name.partition("[")[2].rstrip("]")] = given_values[0]
    if not values:
        return ()
    try:
        return _vad(values)
    except (AttributeError, KeyError, TypeError, ValueError):
        most = ", ".join(f"{name} (0 to {most:g})" for name, (most, _) in _VAD.items())
        raise invalid(
            f"chunking_strategy is auto, or an object of type server_vad with {most}",
            "chunking_strategy",
            "invalid_value",
        ) from None


def _vad(values: dict[str, object]) -> tuple[tuple[str, float], ...]:
    """Raises some error for what is not valid."""
    found = []
    for name, value in values.items():
        if name == "type" and value == "server_vad":
            continue
        most, setting = _VAD[name]
        number = float(str(value))
        if not 0 <= number <= most:
            raise ValueError(name)
        found.append((setting, number if name == "threshold" else round(number)))
    if "type" not in values:
        raise KeyError("type")
    return tuple(sorted(found))


def _samples(given: _Given, form: Format, limits: EndpointLimits) -> tuple[Sample, ...]:
    names, references = given.list("known_speaker_names"), given.list("known_speaker_references")
    if not names and not references:
        return ()
    if form != "diarized_json":
        raise invalid(
            "known speakers need response_format diarized_json, the only one with speakers",
            "known_speaker_names",
        )
    if len(names) != len(references):
        raise invalid(
            f"{len(names)} known_speaker_names and {len(references)} known_speaker_references: "
            "give one sample for each name",
            "known_speaker_references",
        )
    if len(names) > _MOST_SPEAKERS:
        raise invalid(f"at most {_MOST_SPEAKERS} known speakers", "known_speaker_names")
    if len({*names}) < len(names) or max(map(len, names)) > _LONGEST_NAME:
        raise invalid(
            f"known_speaker_names must differ and have at most {_LONGEST_NAME} characters",
            "known_speaker_names",
        )
    return tuple(
        Sample(name, _decoded(reference, limits))
        for name, reference in zip(names, references, strict=True)
    )


def _decoded(reference: str, limits: EndpointLimits) -> bytes:
    """The sound in a data URL."""
    head, comma, content = reference.partition(",")
    if not head.startswith("data:") or not comma or not head.endswith(";base64"):
        raise invalid(
            "known_speaker_references are data URLs, such as data:audio/wav;base64,UklGR...",
            "known_speaker_references",
        )
    if len(content) * 3 // 4 > limits.sample:
        raise ApiError(
            413,
            f"a sample of a known speaker has at most {limits.sample >> 20} MB",
            param="known_speaker_references",
            code="file_too_large",
        )
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error as error:
        raise invalid(f"a data URL is not base64: {error}", "known_speaker_references") from error
