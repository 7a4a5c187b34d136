"""What patterns of language were found in a transcript: threats, demands, denials and so on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from reelmill.artifacts.findings import Findings
from reelmill.artifacts.summary import Finding

#: What may be said of an occurrence.
MARKS = ("negated", "quoted", "conditional", "question")


@dataclass
class PatternMatch:
    """One occurrence of a pattern in what one speaker says.

    Attributes:
        category: what it is an example of: `threat`, `money-demand`.
        pattern: the id of the pattern, as `en/threat/kill`; of a user's file `FILE/CATEGORY/ID`.
        why: why its words count as that, as the pattern's file says.
        language: the language of the words, as ISO 639-1.
        start, end: from the first to the last matched word, in seconds of the original.
        quote: the sentence or clause around the matched words.
        words: the matched words as the transcript has them.
        speaker: who says it; None where speakers are not told apart.
        probability: the lowest probability of the matched words, 0 to 1; None where words have
            none.
        negated: it is said not to be so: "I won't hurt you".
        quoted: it is given as somebody's words: "he said he would kill me".
        conditional: it depends on something: "pay or I'll tell everyone".
        question: it is asked, not said.
        by_reading: the words are those of the pattern by their sound alone; the transcript writes
            them otherwise.
        slots: the words that the lists of the pattern's form stand for, by the name of the list:
            `agent: My brother`, `harm verb: break`.
    """

    category: str
    pattern: str
    why: str
    language: str
    start: float
    end: float
    quote: str
    words: str
    speaker: str | None = None
    probability: float | None = None
    negated: bool = False
    quoted: bool = False
    conditional: bool = False
    question: bool = False
    by_reading: bool = False
    slots: list[str] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        """Whether the speaker means it. Negated and quoted matches do not count: they are kept, but
        are not findings."""
        return not (self.negated or self.quoted)

    @property
    def marks(self) -> list[str]:
        """The names of the marks it has, such as `conditional`."""
        return [name for name in MARKS if getattr(self, name)]

    def finding(self) -> Finding:
        """The finding for exports, pages and search: the quote, then marks, pattern and reason."""
        sound = ["by its sound"] if self.by_reading else []
        slots = [", ".join(self.slots)] if self.slots else []
        about = "; ".join([*self.marks, *sound, f"{self.pattern}: {self.why}", *slots])
        return Finding(
            self.category,
            self.start,
            self.end,
            self.probability,
            self.speaker,
            f"{self.quote} [{about}]",
        )


@dataclass
class PatternMatches(Findings):
    """Every occurrence of every pattern in a transcript, in order of time.

    `matches` has all of them. `findings` has those that count, as `PatternMatch.finding` gives
    them, and says where nothing could be searched. `made_with` names the pattern files with their
    digests and the analysers with their versions. `searched` are the languages that were searched.
    """

    schema: ClassVar[str] = "patterns/1"
    source: ClassVar[str] = "patterns"

    matches: list[PatternMatch] = field(default_factory=list)
    searched: list[str] = field(default_factory=list)

    def of(self, category: str) -> list[PatternMatch]:
        """The matches of a category that count."""
        return [match for match in self.matches if match.category == category and match.counts]
