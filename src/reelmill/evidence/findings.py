"""The findings of a verification, and the report about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from reelmill.core.printable import printable
from reelmill.evidence.custody.chain import CUSTODY, Head
from reelmill.evidence.manifest import MANIFEST

Role = Literal["original", "result", "artifact", "record", "bag file"]
What = Literal["changed", "touched", "linked", "missing", "unreadable", "contradiction", "new"]

_WORDS: dict[What, str] = {
    "changed": "CHANGED",
    "touched": "TIME CHANGED (content is the same)",
    "linked": "BEHIND A LINK",
    "missing": "MISSING",
    "unreadable": "UNREADABLE",
    "contradiction": "RECORDS DISAGREE",
    "new": "not in the manifest",
}
_MOST_NEW = 20


@dataclass(frozen=True)
class Finding:
    """One difference from the record. `name` is relative to the output folder."""

    role: Role
    what: What
    name: str
    details: tuple[str, ...] = ()

    def lines(self) -> list[str]:
        head = f"{_WORDS[self.what]}: {self.role} {printable(self.name)}"
        return [head, *(f"    {printable(detail)}" for detail in self.details)]


@dataclass
class Verification:
    """What was checked and what was found.

    New files beside the results do not change anything recorded, so they count as wrong only with
    `strict`. `manifest_sha256` is the hash of the manifest itself, None when it cannot be read.
    `anchored` means that it equals the hash the user kept.
    """

    out: Path
    strict: bool = False
    originals: int = 0
    results: int = 0
    findings: list[Finding] = field(default_factory=list)
    manifest_sha256: str | None = None
    anchored: bool = False
    custody: Head | None = None
    #: Of the log: the entry whose hash the user kept, how many carry another key's mark, and how
    #: many lines a killed run left unfinished.
    custody_anchor: int | None = None
    custody_others: int = 0
    custody_torn: int = 0
    #: What was checked besides: signatures, time stamps, a bag.
    checked: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self._wrong()

    @property
    def exit_code(self) -> int:
        """0 when everything is as recorded, else 1."""
        return 0 if self.ok else 1

    def lines(self) -> list[str]:
        """The report for people: differences first, the verdict last."""
        wrong = self._wrong()
        new = [finding for finding in self.findings if finding.what == "new"]
        others = [finding for finding in wrong if finding.what != "new"]
        lines = [line for finding in others for line in finding.lines()]
        lines += [line for finding in new[:_MOST_NEW] for line in finding.lines()]
        if len(new) > _MOST_NEW:
            lines.append(f"... and {len(new) - _MOST_NEW:,} more files not in the manifest")
        lines += [*self._manifest_lines(), *self._custody_lines(), *self.checked]
        checked = f"{_count(self.originals, 'original')} and {_count(self.results, 'result')}"
        if not wrong:
            return [*lines, f"OK: {checked} are as recorded."]
        by_role = [
            f"{_count(sum(f.role == role for f in wrong), role)}"
            for role in get_args(Role)
            if any(f.role == role for f in wrong)
        ]
        return [*lines, f"NOT AS RECORDED: {', '.join(by_role)} (of {checked})."]

    def _manifest_lines(self) -> list[str]:
        if self.manifest_sha256 is None:
            return []
        if self.anchored:
            kept = "as given"
        else:
            kept = "compare it with your copy, or give that to --manifest-sha256"
        return [f"SHA-256 of {MANIFEST}: {self.manifest_sha256} ({kept})"]

    def _custody_lines(self) -> list[str]:
        if self.custody is None:
            return []
        number = self.custody_anchor
        kept = (
            "compare it with the one you kept (--custody-head)"
            if number is None
            else f"the hash you gave is that of entry {number}"
        )
        lines = [f"{CUSTODY}: {self.custody.words} ({kept})"]
        if self.custody_others:
            lines.append(
                f"    {_count(self.custody_others, 'entry')} marked with another key than yours: "
                "their hashes were checked, their marks cannot be"
            )
        if self.custody_torn:
            lines.append(
                f"    {_count(self.custody_torn, 'line')} left unfinished by a run that was killed"
            )
        return lines

    def _wrong(self) -> list[Finding]:
        return [finding for finding in self.findings if self.strict or finding.what != "new"]


def _count(number: int, noun: str) -> str:
    nouns = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else nouns}"
