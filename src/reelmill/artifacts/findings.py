"""What a stage found in a recording beside its transcript or persons, each thing at its time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, ClassVar

from reelmill.artifacts.base import Artifact


@dataclass
class Finding:
    """One thing that was found.

    Attributes:
        label: what it is, in a word or two: `music`, `threat`.
        start, end: seconds of the original.
        score: how sure the stage is, 0 to 1; None where it has no such measure.
        speaker: whose it is, where that is known.
        text: the words concerned, or why it was found.
    """

    label: str
    start: float
    end: float
    score: float | None = None
    speaker: str | None = None
    text: str = ""


@dataclass
class Findings(Artifact):
    """Base of the results of stages that find things; each stage derives its own.

    They are in the JSON under `findings`, by the stage's `source`, and counted on the report page.
    """

    schema: ClassVar[str] = ""
    #: The name under which they are in the JSON: the stage's.
    source: ClassVar[str] = ""

    findings: list[Finding] = field(default_factory=list)
    #: What made them: a model's name and digest, a file of patterns.
    made_with: str = ""

    def facts(self) -> dict[str, Any]:
        counts = Counter(finding.label for finding in self.findings)
        found = ", ".join(f"{count} × {label}" for label, count in counts.most_common())
        return {"notes": [f"{self.source}: {found or 'nothing found'}"]}
