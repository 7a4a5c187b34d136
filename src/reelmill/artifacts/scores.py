"""How much of each kind was found in a recording, as numbers that open into their findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.summary import RecordingSummary

#: What can make a part of a score count less.
Doubt = Literal["word probability", "overlap", "noise"]


@dataclass
class Lowered:
    """Why a part counts less: what was measured, and the factor that follows from it (0 to 1).

    `measured`: lowest probability of the matched words (0 to 1), share of the time in which
    somebody else talks, or level of speech above the noise in dB.
    """

    by: Doubt
    measured: float
    factor: float


@dataclass
class ScorePart:
    """A finding that counts towards a score.

    Attributes:
        source: the stage whose finding it is: `patterns`, `acoustics`.
        label: what it is: a pattern's id, or the kind of an episode.
        start, end: seconds of the original.
        speaker: whose it is; None where speakers are not told apart.
        text: the quote, or the measure in words.
        full_points: what such a finding counts.
        points: what this one counts: `full_points` times the factors of `lowered`.
        lowered: why it counts less; empty where it counts in full.
    """

    source: str
    label: str
    start: float
    end: float
    speaker: str | None
    text: str
    full_points: float
    points: float
    lowered: list[Lowered] = field(default_factory=list)


@dataclass
class CategoryScore:
    """The score of one category, 0 to 100: 0 where nothing was found.

    Attributes:
        category: as in the findings: `threat`; `voice` for what is heard, not said.
        score: None where it cannot be told; `why_none` says why.
        formula: how the score follows from its parts, with the numbers put in.
        weight: how much of it goes into the overall score.
        parts: the findings it is made of.
    """

    category: str
    score: float | None
    why_none: str
    formula: str
    weight: float
    parts: list[ScorePart] = field(default_factory=list)


@dataclass
class SpeakerScores:
    """The scores of what one speaker says, or of the whole recording (`speaker` None).

    `overall` is None where it cannot be told; `why_none` says why. `formula` has the numbers.
    `speech_seconds`: what there was to find something in.
    """

    speaker: str | None
    speech_seconds: float
    overall: float | None
    why_none: str
    formula: str
    categories: list[CategoryScore] = field(default_factory=list)


@dataclass
class Scores(Artifact):
    """How much was found, from 0 to 100, for the recording and for each of its speakers.

    A score counts findings. It is not a probability, and says nothing about intentions or whether
    anybody tells the truth. `weights_from` names the file of weights and its SHA-256.
    """

    schema: ClassVar[str] = "scores/1"
    weights_from: str
    recording: SpeakerScores
    speakers: list[SpeakerScores] = field(default_factory=list)
    #: What was not there to be counted, in plain words.
    notes: list[str] = field(default_factory=list)

    @property
    def overall(self) -> float | None:
        """The overall score of the recording."""
        return self.recording.overall

    @property
    def categories(self) -> Sequence[CategoryScore]:
        """The scores of the recording by category."""
        return self.recording.categories

    def summary(self) -> RecordingSummary:
        """A line with the overall score and the categories in which something was found."""
        if self.overall is None:
            return RecordingSummary(notes=[f"score: none ({self.recording.why_none})", *self.notes])
        found = ", ".join(
            f"{one.category} {one.score:.0f}" for one in self.categories if one.score and one.parts
        )
        line = f"score: {self.overall:.0f} of 100" + (f" ({found})" if found else "")
        return RecordingSummary(notes=[line, *self.notes])
