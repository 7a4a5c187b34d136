"""Reads records that somebody may have made to mislead, so every field is checked."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from reelmill.core.opening import open_unlinked
from reelmill.core.recording import FileState
from reelmill.errors import InputError, reason
from reelmill.evidence.custody.chain import Head
from reelmill.evidence.paths import is_plain
from reelmill.evidence.record import EVIDENCE, SCHEMA, Evidence, Originals, ResultRecord

#: Ten times what a hundred thousand recordings need.
_LARGEST_BYTES = 1 << 30
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MD5 = re.compile(r"[0-9a-f]{32}")


def read_record(path: Path) -> bytes:
    """Read `evidence.json` or the manifest.

    Raises:
        InputError: it is not there, is a link or no regular file, is far too large, or cannot be
            read.
    """
    try:
        with os.fdopen(open_unlinked(path), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode):
                raise InputError(f"{path}: not a regular file")
            if facts.st_size > _LARGEST_BYTES:
                raise InputError(
                    f"{path}: {facts.st_size:,} bytes is too large for a record of Reelmill"
                )
            return file.read()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise InputError(f"{path}: a link; a record must be a regular file") from error
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def read_evidence(out: Path) -> Evidence:
    """Read the evidence of the runs on `out`.

    Raises:
        InputError: it is not there, cannot be read, is damaged or of another schema.
    """
    path = out / EVIDENCE
    return parse_evidence(path, read_record(path))


def parse_evidence(path: Path, data: bytes) -> Evidence:
    """Parse the evidence in `data`, the content of `path`.

    Raises:
        InputError: it is damaged or of another schema.
    """
    try:
        content = json.loads(data, object_pairs_hook=_object)
        if content["schema"] != SCHEMA:
            raise InputError(f"{path}: written by another version ({content['schema']})")
        return Evidence(
            Originals({_name(n): _original(one) for n, one in content["originals"].items()}),
            {_name(n, inside=True): _result(entry) for n, entry in content["results"].items()},
            _head(content.get("custody")),
        )
    except RecursionError as error:
        raise InputError(f"{path}: damaged (nested too deeply); was it edited?") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: damaged ({reason(error)}); was it edited?") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a name appears twice")
    return values


def _name(name: str, *, inside: bool = False) -> str:
    if not is_plain(name, inside=inside):
        raise ValueError(f"{name!r} is not a field of this record")
    return name


def _original(entry: Any) -> dict[str, Any]:
    """An entry of `Evidence.originals`. Fields that later versions add are kept."""
    _state(entry["before"])
    if entry["after"] is not None:
        _state(entry["after"])
    for text in (entry["before_at"], entry["after_at"]):
        if text is not None and not isinstance(text, str):
            raise TypeError(f"{text!r} is not a time")
    for names in (entry["differences"], entry.get("links", [])):
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"{names!r} is not a list of texts")
    for earlier in entry.get("earlier", []):
        _original(earlier)
    return dict(entry)


def _state(values: Any) -> FileState:
    state = FileState(values["sha256"], values["md5"], values["size"], values["mtime_ns"])
    _digest(_SHA256, state.sha256)
    _digest(_MD5, state.md5)
    _integer(state.size, least=0)
    _integer(state.mtime_ns)
    return state


def _result(values: Any) -> ResultRecord:
    record = ResultRecord(values["sha256"], values["size"])
    _digest(_SHA256, record.sha256)
    _integer(record.size, least=0)
    return record


def _head(values: Any) -> Head | None:
    if values is None:
        return None
    _integer(values["entries"], least=1)
    _digest(_SHA256, values["head"])
    return Head(values["entries"], values["head"])


def _digest(form: re.Pattern[str], text: Any) -> None:
    if not isinstance(text, str) or form.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a hash")


def _integer(value: Any, least: int | None = None) -> None:
    if type(value) is not int or (least is not None and value < least):
        raise TypeError(f"{value!r} is not a whole number")
