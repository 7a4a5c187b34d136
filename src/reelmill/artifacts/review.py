"""What the review pages show besides the results of other stages."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.exports import Exports

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    UInt8 = npt.NDArray[np.uint8]


@dataclass
class Waveform(Artifact):
    """The outline of a recording's sound: the largest amplitude in each of equal stretches of time.

    `peaks` is base64 of one byte a stretch, the square root of the amplitude on a scale from 0 to
    255: a quiet voice beside a loud one is then still seen. `rate`: stretches per second.
    """

    schema: ClassVar[str] = "waveform/1"
    rate: float
    peaks: str

    @classmethod
    def of(cls, heights: UInt8, rate: float) -> Waveform:
        return cls(rate, base64.b64encode(heights.tobytes()).decode("ascii"))

    def heights(self) -> UInt8:
        """The counterpart of `of`, shape (stretches,)."""
        import numpy as np

        return np.frombuffer(base64.b64decode(self.peaks), np.uint8)


@dataclass
class ListeningCopies(Exports):
    """Small copies of the sound that browsers play, with the times of the original."""

    schema: ClassVar[str] = "listening-copies/1"


@dataclass
class ReviewLine:
    """A line that the index page finds: what is said at `start` (s), or a finding's text."""

    start: float | None
    text: str
    speaker: str | None = None
    kind: Literal["speech", "translation", "finding"] = "speech"


@dataclass
class ReviewPage(Exports):
    """The page of a recording, and what the index of the folder shows and searches of it.

    `labels` counts the findings of stages by label, `doubtful` the words with a low probability.
    """

    schema: ClassVar[str] = "review-page/1"
    speakers: list[str] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    doubtful: int = 0
    lines: list[ReviewLine] = field(default_factory=list)


@dataclass
class SubtitleReviewPage(ReviewPage):
    """The page of a recording that was subtitled."""

    schema: ClassVar[str] = "subtitle-review-page/1"
