"""What a user knows about a case and no recording says: `--case case.toml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from reelmill.artifacts import Span
from reelmill.core.toml import read_toml
from reelmill.errors import UsageError

_TEXTS = ("number", "court", "title", "client", "date", "place", "medium")
_OF_A_SPEAKER = ("name", "role")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")


@dataclass(frozen=True)
class Party:
    """A speaker: `label` as the transcript has it; `role` is position or relation."""

    label: str
    name: str | None = None
    role: str | None = None


@dataclass(frozen=True)
class Case:
    """A case as its file describes it. What the file does not say is None or empty.

    Attributes:
        number: of the case, as the court writes it.
        court, title: the court, and what the case is about.
        client: who asked for the record.
        date, place, medium: when, where and on what was recorded.
        speakers: who they are.
        excerpts: the spans to be written, in seconds; everything if empty.
        recordings: what differs for single recordings, by file name.
    """

    number: str | None = None
    court: str | None = None
    title: str | None = None
    client: str | None = None
    date: str | None = None
    place: str | None = None
    medium: str | None = None
    speakers: tuple[Party, ...] = ()
    excerpts: tuple[Span, ...] = ()
    recordings: tuple[tuple[str, Case], ...] = ()

    def of(self, recording: str) -> Case:
        """The case with what is said about one recording, by its file name."""
        own = dict(self.recordings).get(recording)
        if own is None:
            return replace(self, recordings=())
        texts = {name: getattr(own, name) or getattr(self, name) for name in _TEXTS}
        labels = {party.label for party in own.speakers}
        speakers = (*own.speakers, *(one for one in self.speakers if one.label not in labels))
        return Case(**texts, speakers=speakers, excerpts=own.excerpts or self.excerpts)

    def named(self, names: Mapping[str, str]) -> Case:
        """The case with speakers under the names they have in the transcript, by their labels."""
        speakers = (replace(one, label=names.get(one.label, one.label)) for one in self.speakers)
        return replace(
            self,
            speakers=tuple(speakers),
            recordings=tuple((name, own.named(names)) for name, own in self.recordings),
        )

    def party(self, label: str | None) -> Party | None:
        """The speaker of that label; None if the file does not name one."""
        return next((one for one in self.speakers if one.label == label), None)


def read_case(path: Path) -> Case:
    """Read the file of a case.

    Raises:
        UsageError: it cannot be read, is no TOML, or has something that no case has; the message
            names the file and the entry.
    """
    values = read_toml(path)
    recordings = _table(path, "recordings", values.pop("recordings", {}))
    case = _case(path, "", values)
    own = tuple(
        (name, _case(path, f"recordings.{name}.", _table(path, f"recordings.{name}", one)))
        for name, one in recordings.items()
    )
    return replace(case, recordings=own)


def _case(path: Path, at: str, values: Mapping[str, Any]) -> Case:
    known = {*_TEXTS, "speakers", "excerpts"}
    if unknown := sorted(set(values) - known):
        listed = ", ".join((*_TEXTS, "speakers", "excerpts", *(() if at else ("recordings",))))
        raise UsageError(f"{path}: unknown entry {at}{unknown[0]}; there are: {listed}")
    texts: dict[str, Any] = {
        name: _text(path, at + name, values[name]) for name in _TEXTS if name in values
    }
    parties = _table(path, f"{at}speakers", values.get("speakers", {}))
    spans = values.get("excerpts", [])
    if not isinstance(spans, list):
        raise UsageError(f'{path}: {at}excerpts: give a list, as ["00:01:00-00:02:30"]')
    return Case(
        **texts,
        speakers=tuple(_party(path, f"{at}speakers", *one) for one in parties.items()),
        excerpts=tuple(_span(path, f"{at}excerpts", one) for one in spans),
    )


def _party(path: Path, at: str, label: str, values: Any) -> Party:
    known = _table(path, f"{at}.{label}", values)
    if unknown := sorted(set(known) - set(_OF_A_SPEAKER)):
        raise UsageError(f"{path}: unknown entry {at}.{label}.{unknown[0]}; there are: name, role")
    return Party(
        label, **{name: _text(path, f"{at}.{label}.{name}", known[name]) for name in known}
    )


def _table(path: Path, at: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {at}: give a table, as [{at}]")
    return dict(value)


def _text(path: Path, at: str, value: Any) -> str:
    """A text, number or TOML date as one line of text."""
    if isinstance(value, datetime):
        return value.isoformat(" ", "minutes" if value.second == 0 else "seconds")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{path}: {at}: give a text")
    return " ".join(str(value).split())


def _span(path: Path, at: str, value: Any) -> Span:
    start, _, end = str(value).partition("-")
    first, last = _seconds(start), _seconds(end)
    if first is None or last is None or last <= first:
        raise UsageError(
            f"{path}: {at}: {value!r} is not a span: give START-END, as 00:01:00-00:02:30"
        )
    return Span(first, last)


def _seconds(text: str) -> float | None:
    if (found := _CLOCK.fullmatch(text.strip())) is None:
        return None
    hours, minutes, seconds = found.groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
