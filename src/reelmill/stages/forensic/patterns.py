"""FindPatterns: every occurrence of patterns of language in a transcript."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from reelmill.artifacts import Artifact, Finding, PatternMatch, PatternMatches, Transcript
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.models.whisper.languages import language_name
from reelmill.stages.forensic.matching.files import PatternFile
from reelmill.stages.forensic.matching.languages import (
    has_patterns,
    lacking,
    made_with,
    matcher_of,
)
from reelmill.stages.forensic.matching.matcher import Hit, Matcher
from reelmill.stages.forensic.matching.turns import TurnText, turn_texts
from reelmill.stages.transcript.layers import Layers, corrected_inputs

#: A sentence longer than this is quoted around the matched words only.
_LONGEST_QUOTE = 300
_AROUND = 120


@dataclass(frozen=True)
class FindPatterns(FileStage):
    """Finds what the shipped pattern files and those of the user describe.

    `added` are the user's. `languages` limits the search; empty: all that have patterns. `shipped`
    is the digest of the package's files, `analysers` what texts are cut with.
    """

    name: ClassVar[str] = "patterns"
    version: ClassVar[int] = 8
    display_name = "Finding patterns of language"
    commands = ("voice",)
    enabled_by = ("forensic", True)
    needs = (Transcript,)
    produces: ClassVar[type[Artifact]] = PatternMatches
    corrected: ClassVar[bool] = True

    added: tuple[PatternFile, ...] = ()
    languages: tuple[str, ...] = ()
    shipped: str = ""
    analysers: tuple[str, ...] = ()
    #: What people corrected; part of the key of each recording by itself.
    layers: Layers = field(default_factory=Layers, metadata={"affects_result": False})

    def own_key(self, recording: Recording) -> str:
        return self.layers.key(recording.name)

    def run(self, context: StageContext, inputs: Inputs) -> PatternMatches:
        matches: list[PatternMatch] = []
        unsearched: dict[str, TurnText] = {}
        searched: set[str] = set()
        given = corrected_inputs(context.recording, inputs, self.layers)
        for turn in turn_texts(given.labelled):
            if self.languages and turn.language not in self.languages:
                continue
            if self._why_not(turn.language):
                unsearched.setdefault(turn.language, turn)
                continue
            searched.add(turn.language)
            matches += matches_in(turn, matcher_of(turn.language, self.added))
        matches.sort(key=lambda match: (match.start, match.end, match.pattern))
        left_out = [
            Finding("not searched", text=self._why_not(language), severity="warning")
            for language in unsearched
        ]
        found = [match.finding() for match in matches if match.counts]
        languages = sorted(searched)
        return PatternMatches([*left_out, *found], self._made_with(languages), matches, languages)

    def _why_not(self, language: str) -> str:
        """Why a language is not searched, and what helps; empty where it is."""
        name = language_name(language)
        if not has_patterns(language, self.added):
            return f"{name} was not searched for patterns: no pattern file is in {name}"
        problem = lacking(language)
        return f"{name} was not searched for patterns: {problem}" if problem else ""

    def _made_with(self, searched: list[str]) -> str:
        own = [f"{file.name} {file.digest[:12]}" for file in self.added]
        used = [made_with(language) for language in searched]
        return "; ".join([f"patterns {self.shipped[:12]}", *own, *used])


def matches_in(turn: TurnText, matcher: Matcher) -> Iterator[PatternMatch]:
    """The matches in what one speaker says, in order."""
    for hit in matcher.find(turn.text, turn.rests):
        start, end, probability = turn.times(hit.start, hit.end)
        yield PatternMatch(
            category=hit.pattern.category,
            pattern=hit.pattern.id,
            why=hit.pattern.why,
            language=turn.language,
            start=start,
            end=end,
            quote=quote(turn.text, hit),
            words=turn.text[hit.start : hit.end],
            speaker=turn.speaker,
            probability=probability,
            negated=hit.negated,
            quoted=hit.quoted,
            conditional=hit.conditional,
            question=hit.question,
            by_reading=hit.by_reading,
            slots=[f"{slot.replace('_', ' ')}: {turn.text[at:to]}" for slot, at, to in hit.slots],
        )


def quote(text: str, hit: Hit) -> str:
    """The sentence of a hit; of a very long one the words around it."""
    first, last = hit.first, hit.last
    if last - first > _LONGEST_QUOTE:
        first = max(first, text.rfind(" ", first, max(hit.start - _AROUND, first)) + 1)
        stop = text.find(" ", min(hit.end + _AROUND, last), last)
        last = last if stop < 0 else stop
        first = max(first, hit.start - 2 * _AROUND)
        last = min(last, hit.end + 2 * _AROUND)
    said = text[first:last].strip()
    closing = text[last : last + 1]
    said += closing if closing and closing in ".?!。？！" else ""
    before = "… " if first > hit.first else ""
    after = " …" if last < hit.last else ""
    return f"{before}{said}{after}"
