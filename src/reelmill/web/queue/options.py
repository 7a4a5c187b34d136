"""The options that a run may be given by people who use the server.

They are those of the commands that neither name files or programs of the machine nor decide how its
processes work.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from reelmill.errors import UsageError
from reelmill.export.subtitles import DEFAULT_SUBTITLE_FORMATS
from reelmill.export.subtitles.registry import parse_subtitle_formats
from reelmill.export.transcript import DEFAULT_FORMATS
from reelmill.export.transcript.registry import known_formats, parse_formats
from reelmill.models.files.catalog import CATALOG, DEMO, ModelKind
from reelmill.web.errors import Refused
from reelmill.web.settings import WebSettings

TaskName = Literal["voice", "subtitle", "faces"]
#: ISO 639-1, or -3 where there is no shorter one.
_Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
_Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
_Format = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{2,30}$")]
_Count = Annotated[int, Field(ge=1, le=100)]

#: The formats that the page offers first.
FORMATS = (*DEFAULT_FORMATS, *(name for name in ("rttm", "docx") if name in known_formats()))
SUBTITLE_FORMATS = DEFAULT_SUBTITLE_FORMATS


class RunOptions(BaseModel):
    """Options of a run. What is not given is as for the command; `docs/voice.md`,
    `docs/subtitle.md` and `docs/faces.md` say what each does."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    model: _Name | None = Field(None, description="Recognizer; see `GET /choices`.")
    language: _Language | None = Field(None, description="Language spoken; detected if not given.")
    speakers: _Count | None = Field(None, description="Number of speakers; detected if not given.")
    min_speakers: _Count | None = None
    max_speakers: _Count | None = None
    diarizer: Literal["default", "none"] | None = Field(None, description="Who speaks when.")
    channels: Annotated[str, StringConstraints(pattern=r"^(auto|mix|split|[1-9]\d?)$")] | None = (
        Field(None, description="auto, mix, split, or the number of a channel.")
    )
    align: bool | None = Field(None, description="Time every word.")
    formats: list[_Format] | None = Field(None, description="Files written for each recording.")
    initial_prompt: Annotated[str, StringConstraints(max_length=2000)] | None = None
    hotwords: Annotated[str, StringConstraints(max_length=2000)] | None = None
    words: bool | None = Field(None, description="Highlight each word in WebVTT captions.")
    events: bool | None = Field(None, description="Write [laughter], [music] and the like.")
    inaudible: bool | None = Field(None, description="Write [inaudible].")
    forensic: bool | None = Field(None, description="Measure voices, find patterns of language.")
    listening_copies: bool | None = Field(None, description="Copies that every browser plays.")
    lang: Literal["en", "ko"] | None = Field(None, description="Language of the result pages.")
    to: list[_Language] | None = Field(None, description="subtitle: languages to translate into.")
    translator: _Name | None = Field(None, description="subtitle: translator; see `GET /choices`.")
    subtitle_formats: list[_Format] | None = Field(None, description="subtitle: files written.")
    bilingual: bool | None = Field(None, description="subtitle: the original below.")
    mux: bool | None = Field(None, description="subtitle: also copies with subtitle tracks.")
    transcript: bool | None = Field(None, description="faces: transcripts too.")
    layout: Literal["single", "dual", "split", "overlay"] | None = Field(
        None, description="faces: what clips show."
    )

    def given(self) -> dict[str, Any]:
        """The options that were given, for a run."""
        return self.model_dump(exclude_none=True)


def checked(options: RunOptions, settings: WebSettings) -> dict[str, Any]:
    """The options for a run, with the server's own where none is given.

    Raises:
        Refused: a format is none of ours, or a model is not one of those that may be chosen. Naming
            any other would load, or download, whatever somebody put there.
    """
    given = options.given()
    if settings.model is not None:
        given.setdefault("model", settings.model)
    _check_formats(given)
    kinds: tuple[tuple[str, ModelKind], ...] = (("model", "whisper"), ("translator", "translator"))
    for name, kind in kinds:
        chosen = given.get(name)
        if chosen is not None and chosen not in models(kind, settings):
            raise Refused(
                422,
                "unknown_model",
                f"{chosen} is not one of the models here; GET /choices lists them, and the "
                "server's --allow-model adds one",
            )
    if given.get("translator") is None and settings.model == DEMO:
        given["translator"] = DEMO
    return given


def _check_formats(given: dict[str, Any]) -> None:
    """Raise Refused where a format is none of ours."""
    try:
        parse_formats(given.get("formats", DEFAULT_FORMATS))
        parse_subtitle_formats(given.get("subtitle_formats", SUBTITLE_FORMATS))
    except UsageError as error:
        raise Refused(422, "bad_options", str(error)) from error


def models(kind: ModelKind, settings: WebSettings) -> list[str]:
    """The models that a run may choose."""
    own = [settings.model] if kind == "whisper" and settings.model is not None else []
    return list(dict.fromkeys([*own, *_catalog(kind), *settings.models]))


@cache
def _catalog(kind: ModelKind) -> tuple[str, ...]:
    return tuple(entry.name for entry in CATALOG.values() if entry.kind == kind)
