"""The names of speakers and persons that the user gives, kept for the output folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from pathlib import Path

from reelmill.export.names import SpeakerName, parse_names, recordings_named
from reelmill.pipelines.choices import remember, remembered
from reelmill.settings import Settings


def speaker_names(settings: Settings, out: Path, kept: str = "names") -> tuple[SpeakerName, ...]:
    """The names given now and earlier. A named speaker keeps the name in this output folder, where
    names are stored under `kept`.

    Raises UsageError for a name that is not written correctly.
    """
    given = parse_names(settings.names)
    if given:
        return keep_names(out, given, kept)
    return _known(out, kept)


def keep_names(
    out: Path, given: Iterable[SpeakerName], kept: str = "names"
) -> tuple[SpeakerName, ...]:
    """Keep names for an output folder in addition to those it has, and return all. An empty name
    takes an earlier one back, for one recording also a name for all."""
    merged = {(one.recording, one.label): one for one in (*_known(out, kept), *given)}
    for_all = {one.label for one in merged.values() if one.name and one.recording is None}
    named = tuple(
        one for one in merged.values() if one.name or (one.recording and one.label in for_all)
    )
    remember(out, kept, json.dumps([astuple(one) for one in named]))
    return named


def _known(out: Path, kept: str) -> tuple[SpeakerName, ...]:
    return tuple(SpeakerName(*entry) for entry in json.loads(remembered(out, kept, lambda: "[]")))


def named_in_vain(settings: Settings, paths: Iterable[Path]) -> Iterator[str]:
    """A remark about names given for recordings that the run does not have."""
    there = {path.name for path in paths}
    for name in recordings_named(parse_names(settings.names)):
        if name not in there:
            yield f"--names {name}: no recording of this run has that file name"
