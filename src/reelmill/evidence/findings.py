"""What a verification found, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from reelmill.core.printable import printable

Role = Literal["original", "result", "record"]
What = Literal["changed", "touched", "missing", "unreadable", "contradiction", "new"]

_WORDS: dict[What, str] = {
    "changed": "CHANGED",
    "touched": "TIME CHANGED (content is the same)",
    "missing": "MISSING",
    "unreadable": "UNREADABLE",
    "contradiction": "RECORDS DISAGREE",
    "new": "not in the manifest",
}
_MOST_NEW = 20


@dataclass(frozen=True)
class Finding:
    """One thing that is not as recorded. `name` is relative to the output folder."""

    role: Role
    what: What
    name: str
    details: tuple[str, ...] = ()

    @property
    def harmless(self) -> bool:
        """New files beside the results change nothing that was recorded."""
        return self.what == "new"

    def lines(self) -> list[str]:
        head = f"{_WORDS[self.what]}: {self.role} {printable(self.name)}"
        return [head, *(f"    {detail}" for detail in self.details)]


@dataclass
class Verification:
    """What was checked and what was found."""

    out: Path
    originals: int = 0
    results: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(finding.harmless for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 when all is as recorded, else 1."""
        return 0 if self.ok else 1

    def lines(self) -> list[str]:
        """The report for people: what is wrong first, the verdict last."""
        wrong = [finding for finding in self.findings if not finding.harmless]
        new = [finding for finding in self.findings if finding.harmless]
        lines = [line for finding in wrong for line in finding.lines()]
        lines += [line for finding in new[:_MOST_NEW] for line in finding.lines()]
        if len(new) > _MOST_NEW:
            lines.append(f"... and {len(new) - _MOST_NEW} more files not in the manifest")
        checked = f"{_count(self.originals, 'original')} and {_count(self.results, 'result')}"
        if self.ok:
            return [*lines, f"OK: {checked} are as recorded."]
        by_role = [
            f"{_count(sum(f.role == role for f in wrong), role)}"
            for role in ("original", "result", "record")
            if any(f.role == role for f in wrong)
        ]
        return [*lines, f"NOT AS RECORDED: {', '.join(by_role)} (of {checked})."]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
