"""LayOut: lay out translations as readable subtitles, timed by the words that were spoken."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from reelmill.artifacts import (
    BrokenRule,
    CueSource,
    Sentence,
    Sentences,
    SubtitleCue,
    Subtitles,
    SubtitleTrack,
    Translations,
)
from reelmill.core.times import milliseconds
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.errors import InputError
from reelmill.export.transcript.cues import one_line
from reelmill.models.translation.flores import find_flores, short_code
from reelmill.stages.subtitles.cue_times import DesiredTiming, schedule, source_borders
from reelmill.stages.subtitles.line_breaks import Part, into_parts, least_parts, most_parts
from reelmill.stages.subtitles.rules import SubtitleRules, broken_rules, rules_for

#: The longest pause between two sentences that share a cue.
_TOGETHER_SECONDS = 1.0
#: The last part of a FLORES-200 code.
_BY_SCRIPT = {"Hang": "ko", "Jpan": "ja", "Hans": "zh", "Hant": "zh"}
#: A cue may end this long before its last word, which is better than two cues of a few letters.
_GONE_EARLY_SECONDS = 1.5


@dataclass(frozen=True)
class LayOut(FileStage):
    """Makes subtitles by the rules of each target language; given rules replace these.

    `bilingual`: each cue also has the lines of the original. Every broken rule is reported in the
    track, and no text is dropped to keep one.
    """

    name = "layout"
    version = 2
    display_name = "Laying out subtitles"
    commands = ("subtitle",)
    needs = (Sentences, Translations)
    produces = Subtitles
    corrected = True

    bilingual: bool = False
    characters_per_line: int | None = None
    characters_per_second: float | None = None
    lines: int = 2
    shortest: float = 5 / 6
    longest: float = 7.0
    gap: float = 1 / 12

    def run(self, context: StageContext, inputs: Inputs) -> Subtitles:
        sentences, translations = inputs[Sentences], inputs[Translations]
        tracks = []
        for language, translated in translations.targets.items():
            texts = [one.text for one in translated]
            if len(texts) != len(sentences.sentences):
                raise InputError(
                    f"{context.recording.path}: {len(texts)} translations for "
                    f"{len(sentences.sentences)} sentences; remove the artifact of the stage "
                    "translate so that it is made again"
                )
            layout = Layout(self.rules(language), self.rules(sentences.language))
            tracks.append(
                layout.track(
                    language,
                    sentences.sentences,
                    texts,
                    sentences.duration,
                    sentences.language if self.bilingual else None,
                )
            )
        return Subtitles(sentences.language, translations.model, sentences.duration, tracks)

    def rules(self, language: str) -> SubtitleRules:
        return rules_for(
            _written_like(language),
            self.characters_per_line,
            self.characters_per_second,
            lines=self.lines,
            shortest=self.shortest,
            longest=self.longest,
            gap=self.gap,
        )


@dataclass
class _Draft:
    """A cue before its times are decided."""

    timing: DesiredTiming
    lines: list[str]
    original: list[str]
    sources: list[CueSource]
    speaker: str | None
    torn: int


class Layout:
    """Lays out one language by its rules and those of the language spoken."""

    def __init__(self, rules: SubtitleRules, original_rules: SubtitleRules) -> None:
        self._rules = rules
        self._original_rules = original_rules

    def track(
        self,
        language: str,
        sentences: Sequence[Sentence],
        texts: Sequence[str],
        duration: float,
        original: str | None = None,
    ) -> SubtitleTrack:
        """The subtitles of `texts`, one text per sentence; with the original's lines if its
        language is given."""
        drafts = [
            draft
            for index, (sentence, text) in enumerate(zip(sentences, texts, strict=True))
            for draft in self._drafts(index, sentence, text, language, original)
        ]
        drafts.sort(key=lambda draft: draft.timing.start)  # the sort is stable
        drafts = list(self._together(drafts))
        times = schedule([draft.timing for draft in drafts], self._rules, duration)
        cues = [
            SubtitleCue(
                shown.start / 1000, shown.end / 1000, draft.lines, draft.sources, draft.original
            )
            for draft, shown in zip(drafts, times, strict=True)
        ]
        broken = list(broken_rules(cues, self._rules, self._original_rules, duration))
        for index, (draft, shown) in enumerate(zip(drafts, times, strict=True)):
            if shown.late > 1:
                broken.append(BrokenRule(index, "late", shown.late / 1000, 0.0))
            if draft.torn:
                broken.append(BrokenRule(index, "inside a word", draft.torn, 0))
        return SubtitleTrack(language, cues, sorted(broken, key=lambda one: one.cue))

    def _drafts(
        self, index: int, sentence: Sentence, text: str, language: str, original: str | None
    ) -> Iterator[_Draft]:
        """A sentence cut into as many cues as its length and duration need."""
        text, spoken = one_line(text), one_line(sentence.text) if original is not None else None
        if not text:
            return
        spoken = spoken or None
        count = self._count(sentence, text, spoken)
        parts = into_parts(text, count, self._rules, _written_like(language))
        beside: Sequence[Part | None] = [None] * count
        if spoken is not None:
            beside = into_parts(
                spoken, count, self._original_rules, _written_like(cast(str, original))
            )
        widths = [part.columns for part in parts]
        borders = source_borders(sentence.words, widths)
        times = _times(sentence, borders, widths)
        for number, (part, also) in enumerate(zip(parts, beside, strict=True)):
            first, stop = borders[number], max(borders[number : number + 2])
            if first == stop and sentence.words:
                first = max(0, first - 1)  # share the word that is being spoken
            reading = self._rules.reading_seconds(part.lines)
            yield _Draft(
                DesiredTiming(*times[number], reading=math.ceil(reading * 1000)),
                part.lines,
                also.lines if also else [],
                [CueSource(index, first, stop)],
                sentence.speaker,
                part.torn + (also.torn if also else 0),
            )

    def _count(self, sentence: Sentence, text: str, original: str | None) -> int:
        """The number of cues for a sentence; never so many that phrases would be cut."""
        too_long = sentence.end - sentence.start - _GONE_EARLY_SECONDS
        half_lines = 2 * self._rules.characters(text) // self._rules.characters_per_line
        count = max(
            least_parts(text, self._rules),
            min(math.ceil(too_long / self._rules.longest), int(half_lines)),
        )
        most = most_parts(text, self._rules)
        if original is not None:
            count = max(count, least_parts(original, self._original_rules))
            most = min(most, most_parts(original, self._original_rules))
        return max(1, min(count, most))

    def _together(self, drafts: Sequence[_Draft]) -> Iterator[_Draft]:
        """Join cues that would be too short with a neighbour, if both fit."""
        waiting: _Draft | None = None
        for index, draft in enumerate(drafts):
            following = drafts[index + 1].timing.start if index + 1 < len(drafts) else None
            if waiting is None:
                waiting = draft
            elif self._belong(waiting, draft, following):
                waiting = _merged(waiting, draft)
            else:
                yield waiting
                waiting = draft
        if waiting is not None:
            yield waiting

    def _belong(self, one: _Draft, other: _Draft, following: int | None) -> bool:
        shortest, gap = milliseconds(self._rules.shortest), milliseconds(self._rules.gap)
        hurried = other.timing.start - gap - one.timing.start < shortest
        if following is not None:
            hurried = hurried or following - gap - other.timing.start < shortest
        pause = other.timing.start - one.timing.end
        return (
            hurried
            and one.speaker == other.speaker
            and len(one.lines) + len(other.lines) <= self._rules.lines
            and len(one.original) + len(other.original) <= self._rules.lines
            and pause <= milliseconds(_TOGETHER_SECONDS)
            and max(one.timing.end, other.timing.end) - one.timing.start
            <= milliseconds(self._rules.longest)
        )


def _written_like(language: str) -> str:
    """The code by which rules are found: the language's, or that of the language whose script it
    uses."""
    flores = find_flores(language)
    if flores is None:
        return language
    return _BY_SCRIPT.get(flores[-4:]) or short_code(flores)


def _merged(one: _Draft, other: _Draft) -> _Draft:
    start, end = one.timing.start, max(one.timing.end, other.timing.end)
    return _Draft(
        DesiredTiming(start, end, one.timing.reading + other.timing.reading),
        one.lines + other.lines,
        one.original + other.original,
        one.sources + other.sources,
        one.speaker,
        one.torn + other.torn,
    )


def _times(
    sentence: Sentence, borders: Sequence[int], widths: Sequence[int]
) -> list[tuple[int, int]]:
    """When the words of each part are spoken, in milliseconds; parts that share a word share its
    time."""
    words = sentence.words
    shares = list(itertools.accumulate(widths, initial=0))
    span = sentence.end - sentence.start

    def moment(number: int) -> float:
        return sentence.start + span * shares[number] / max(1, shares[-1])

    times: list[tuple[int, int]] = []
    reached = 0.0
    for number, (first, stop) in enumerate(itertools.pairwise(borders)):
        alone = first < stop and borders.count(first) == 1
        reached = max(reached, words[first].start if alone else moment(number))
        end = words[stop - 1].end if first < stop else moment(number + 1)
        times.append((milliseconds(reached), milliseconds(max(reached, end))))
    return times
