"""Read the JSON results in an output folder as lines with times, for searching.

The files may come from anywhere, so every field is checked. A file that is not ours has no lines;
one of ours that is damaged is an error.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from reelmill.core.json_text import parse_json
from reelmill.core.opening import open_unlinked
from reelmill.core.walk import walk
from reelmill.errors import InputError

#: The kind of a line: speech, a translation, or a finding of a stage.
Kind = Literal["speech", "translation", "finding"]
_SCHEMAS = ("reelmill.transcript/1", "reelmill.subtitles/1")
_SCHEMA_BYTES = tuple(schema.encode() for schema in _SCHEMAS)
#: A run's list of failures, in its manifest as results are.
_FAILURES = "failed_files.json"
#: Where a result says what it is.
_HEAD_BYTES = 4096
#: Ten times the transcript of a whole day.
_LARGEST_BYTES = 1 << 28
_NOT_OF_LINES = {"translations": True, "language": True, "channel": True}


class Word(BaseModel):
    """A word and its times, in seconds of the original; `score` is its probability."""

    word: str
    start: float
    end: float | None = None
    score: float | None = None


class Line(BaseModel):
    """A segment or a finding. Times are in seconds of the original, None if it has none."""

    kind: Kind
    text: str
    start: float | None = None
    end: float | None = None
    speaker: str | None = None
    #: A finding's label, or a translation's language.
    label: str | None = None
    words: list[Word] = []


class _Translation(BaseModel):
    text: str = ""


class SaidSegment(BaseModel):
    """A segment of a transcript or a sentence of subtitles."""

    start: float
    end: float
    text: str
    speaker: str | None = None
    language: str | None = None
    channel: str | None = None
    words: list[Word] = []
    translations: dict[str, _Translation] = {}


class _Finding(BaseModel):
    label: str
    text: str = ""
    start: float | None = None
    end: float | None = None
    speaker: str | None = None


class _Source(BaseModel):
    name: str
    sha256: str = ""


class Result(BaseModel):
    """The searchable part of a JSON result; `made` is its schema."""

    made: str = Field(alias="schema")
    source: _Source
    language: str = ""
    segments: list[SaidSegment] = []
    sentences: list[SaidSegment] = []
    findings: list[_Finding] = []

    def lines(self) -> Iterator[Line]:
        """All lines of a result."""
        for one in (*self.segments, *self.sentences):
            said = Line(kind="speech", **one.model_dump(exclude=_NOT_OF_LINES))
            yield said
            for language, translation in one.translations.items():
                changes = {"kind": "translation", "text": translation.text, "label": language}
                yield said.model_copy(update={**changes, "words": []})
        for found in self.findings:
            yield Line(kind="finding", **found.model_dump())


def result_files(out: Path) -> Iterator[Path]:
    """The JSON files below an output folder, without its cache. Links are not followed."""
    for at, folders, files in walk(out):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if name.endswith(".json") and not name.startswith(".") and name != _FAILURES:
                yield Path(at, name)


def read_result(path: Path, *, is_ours: bool = False) -> Result | None:
    """Read a result to be searched; None if the file is something else.

    Args:
        path: the file.
        is_ours: it is known to be a result, whatever its content is by now.

    Raises:
        InputError: it cannot be read, or it is a result, or looks like one, and is damaged.
    """
    content = _content(path)
    try:
        values: Any = parse_json(content)
    except ValueError as error:
        if is_ours or any(schema in content[:_HEAD_BYTES] for schema in _SCHEMA_BYTES):
            raise InputError(f"{path}: damaged, and not searched (not JSON)") from error
        return None
    schema = values.get("schema") if isinstance(values, dict) else None
    if is_ours and not str(schema).startswith("reelmill."):
        raise InputError(f"{path}: damaged, and not searched (no schema)")
    if schema not in _SCHEMAS:
        return None
    try:
        return Result.model_validate(values)
    except (ValidationError, RecursionError) as error:
        raise InputError(f"{path}: damaged, and not searched ({_first(error)})") from error


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
    return "nested too deeply"


def _content(path: Path) -> bytes:
    try:
        with os.fdopen(open_unlinked(path), "rb") as file:
            if os.fstat(file.fileno()).st_size > _LARGEST_BYTES:
                raise InputError(f"{path}: too large for a transcript, and not searched")
            return file.read()
    except OSError as error:
        why = "a link" if error.errno == errno.ELOOP else error.strerror
        raise InputError(f"{path}: not searched ({why})") from error
