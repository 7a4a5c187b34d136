"""What a stage found in a recording at certain times, besides its transcript or persons."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import ClassVar

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.summary import Finding, RecordingSummary


@dataclass
class Findings(Artifact):
    """Base of the results of stages that find things. Each stage derives its own class.

    Findings are in the JSON under `findings`, by the stage's `source`, and are counted on the
    report page. Those of severity `warning` or `grave` also appear there with time and text and are
    counted in the closing lines of the run. A grave finding makes the exit code 1.
    """

    schema: ClassVar[str] = ""
    #: The key of these findings in the JSON: the name of the stage.
    source: ClassVar[str] = ""
    #: Whether they are about the text as the machine recognized it, also where people corrected it.
    of_machine_text: ClassVar[bool] = False

    findings: list[Finding] = field(default_factory=list)
    #: What produced them: a model's name and digest, or a file of patterns.
    made_with: str = ""

    def summary(self) -> RecordingSummary:
        """A note that counts what was found, by label, and the findings of severity `warning` or
        `grave`, which are reported like Reelmill's own.
        """
        counts = Counter(finding.label for finding in self.findings)
        found = ", ".join(f"{count} × {label}" for label, count in counts.most_common())
        notes = [f"{self.source}: {found}"] if found else []
        return RecordingSummary(
            notes=notes, findings=[one for one in self.findings if one.severity != "info"]
        )
