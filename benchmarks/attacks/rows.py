"""A row of the table, and its outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.attacks.sandbox import Ran, Sandbox

#: For each exit code, how a command ended.
_ENDS = {0: "done", 1: "some failed", 2: "refused", 3: "stopped", None: "HUNG"}


@dataclass
class Outcome:
    """The outcome of an attack.

    `forged`: results of the attacker's that were adopted. `missed`: disagreements with the evidence
    that `verify` did not report. `anchors`: those that only a hash kept elsewhere can show.
    `skipped`: why it was not tried here.
    """

    told: str
    ok: bool
    forged: int = 0
    missed: int = 0
    anchors: list[str] = field(default_factory=list)
    skipped: str | None = None


@dataclass(frozen=True)
class Row:
    """An attack: `number` as in the table of attacks (w: weak, h: held), `right` the right outcome,
    `seconds` its time limit, `issue` the issue that its fix belongs to."""

    number: str
    attack: str
    how: str
    right: str
    seconds: float
    issue: int
    attempt: Callable[[Sandbox], Outcome]


ROWS: dict[str, Row] = {}


def row(
    number: int | str, attack: str, *, how: str, right: str, seconds: float = 60.0, issue: int = 12
) -> Callable[[Callable[[Sandbox], Outcome]], Callable[[Sandbox], Outcome]]:
    """Put a function into the table."""

    def enter(attempt: Callable[[Sandbox], Outcome]) -> Callable[[Sandbox], Outcome]:
        name = str(number)
        assert name not in ROWS, f"two rows {name}"
        ROWS[name] = Row(name, attack, how, right, seconds, issue, attempt)
        return attempt

    return enter


@dataclass
class Cases:
    """The cases of a row; the row is ok when each of them is."""

    box: Sandbox
    outcome: Outcome = field(default_factory=lambda: Outcome("", True))
    _bad: list[str] = field(default_factory=list)
    _good: list[str] = field(default_factory=list)

    def case(self, name: str, ok: bool, told: str = "", **counts: int) -> None:
        """One case; `counts` are added to the outcome's (`forged`, `missed`)."""
        text = f"{name}: {self.box.told(told)}" if told else name
        (self._good if ok else self._bad).append(text)
        self.outcome.ok &= ok
        for count, value in counts.items():
            setattr(self.outcome, count, getattr(self.outcome, count) + value)

    def end(self) -> Outcome:
        """The outcome: what went wrong first."""
        self.outcome.told = "; ".join([*self._bad, *self._good])
        return self.outcome


def ended(box: Sandbox, ran: Ran) -> str:
    """How a command ended, with the last thing it said."""
    how = _ENDS.get(ran.exit_code, f"exit code {ran.exit_code}")
    return f"{how}: {box.told(ran.last_line)}" if ran.exit_code else how


def orderly(ran: Ran) -> bool:
    """Whether a command ended by itself with one of its exit codes."""
    return ran.exit_code in (0, 1, 2, 3)


@dataclass
class Tried:
    """A tried row: the outcome, and what the harness itself observed."""

    row: Row
    outcome: Outcome
    seconds: float
    harmed: list[str]
    programs: int
    tracebacks: int

    @property
    def verdict(self) -> str:
        if self.outcome.skipped is not None:
            return "not tried"
        return "ok" if self.ok else "FAIL"

    @property
    def ok(self) -> bool:
        whole = not self.harmed and not self.programs and not self.tracebacks
        return whole and self.outcome.ok and not self.outcome.forged and not self.outcome.missed

    @property
    def told(self) -> str:
        """The outcome, including what the attempt itself did not check."""
        if self.outcome.skipped is not None:
            return self.outcome.skipped
        parts = [self.outcome.told]
        if self.harmed:
            more = f" and {len(self.harmed) - 2} more" if len(self.harmed) > 2 else ""
            parts.append(f"NOT OURS AND {', '.join(self.harmed[:2])}{more}")
        if self.programs:
            parts.append("A FOREIGN PROGRAM RAN")
        if self.tracebacks:
            parts.append(f"{self.tracebacks} tracebacks shown")
        return "; ".join(part for part in parts if part)

    def as_json(self) -> dict[str, Any]:
        return {
            "row": self.row.number,
            "attack": self.row.attack,
            "how": self.row.how,
            "outcome": self.told,
            "verdict": self.verdict,
            "right": self.row.right,
            "issue": self.row.issue,
            "seconds": round(self.seconds, 1),
            "changed": self.harmed,
            "programs": self.programs,
            "forged": self.outcome.forged,
            "missed": self.outcome.missed,
            "anchors": self.outcome.anchors,
        }
