"""What reports say about a recording, and what its reader should know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar

from reelmill.artifacts.names import PathBelow

_Entry = TypeVar("_Entry")

#: `info`: worth knowing. `warning`: a part of the result is missing, guessed or uncertain. `grave`:
#: the result is incomplete, and the exit code says so.
Severity = Literal["info", "warning", "grave"]


@dataclass
class Finding:
    """One thing that was found in a recording: what a stage looks for, or damage, a guess,
    something left out, a limit that was reached.

    Attributes:
        label: what it is, in a word or two: `music`, `truncated`.
        start, end: seconds of the original; None where it concerns the whole recording.
        score: how sure the stage is, 0 to 1; None where it has no such measure.
        speaker: whose it is, where that is known.
        text: the words concerned, or in plain words what a reader should know.
        severity: how much it matters for those who rely on the result.
    """

    label: str
    start: float | None = None
    end: float | None = None
    score: float | None = None
    speaker: str | None = None
    text: str = ""
    severity: Severity = "info"

    def as_values(self) -> list[Any]:
        """The values as plain JSON types, in the order of the fields."""
        return [getattr(self, name) for name in _OF_FINDING]


@dataclass
class ExportedFile:
    """A file written for people: its path below the output folder, its SHA-256 and its size in
    bytes.
    """

    path: PathBelow
    sha256: str
    size: int


@dataclass(slots=True)
class RecordingSummary:
    """What stages found out about a recording, for reports.

    Attributes:
        media_seconds: its length.
        language: the language spoken.
        outputs: results worth a link, by their paths below the output folder.
        exported: all files written for people.
        removed: files of an earlier run that were taken away.
        notes: in plain words, what whoever reads its results should know.
        findings: damage, guesses and what was left out, with their times.
    """

    media_seconds: float | None = None
    language: str | None = None
    outputs: list[str] = field(default_factory=list)
    exported: list[ExportedFile] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def count(self, severity: Severity) -> int:
        """The number of findings with that severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The values as plain JSON types, without empty ones."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {
            name: [vars(one).copy() for one in value] if name in _OF_DATACLASSES else value
            for name, value in found.items()
            if value not in (None, [])
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> RecordingSummary:
        """Read the values that `as_json` gave.

        Raises:
            ValueError, TypeError, KeyError: `values` are something else.
        """
        made = cls(**values)
        if made.exported:
            made.exported = [ExportedFile(**one) for one in values["exported"]]
        if made.findings:
            made.findings = [Finding(**one) for one in values["findings"]]
        return made


_OF_DATACLASSES = ("exported", "findings")
_OF_FINDING = tuple(one.name for one in fields(Finding))
_LISTS = ("outputs", "exported", "removed", "notes", "findings")
#: The summary of most results. It is shared, so it must not be changed.
NOTHING = RecordingSummary()


def summed_up(summaries: Iterable[RecordingSummary]) -> RecordingSummary:
    """One summary of what several stages say: later ones have the last word, lists come
    together, each entry once.
    """
    total = RecordingSummary()
    for summary in summaries:
        if summary is NOTHING:
            continue
        if summary.media_seconds is not None:
            total.media_seconds = summary.media_seconds
        if summary.language is not None:
            total.language = summary.language
        for name in _LISTS:
            if more := getattr(summary, name):
                _add(getattr(total, name), more)
    return total


def _add(before: list[_Entry], more: list[_Entry]) -> None:
    before.extend(entry for entry in more if entry not in before)
