"""JoinSentences: join the recognizer's segments into sentences for the translator."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from reelmill.artifacts import (
    Segment,
    Sentence,
    Sentences,
    Transcript,
    Word,
)
from reelmill.core.recording import Recording
from reelmill.core.text import UNSPACED, joined, phrases
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.stages.transcript.layers import Layers, corrected_inputs
from reelmill.stages.translation.sentence_ends import evidence, is_marked, usual_pause

#: After this many characters without a mark, no marks are expected (a full-width one counts as
#: two).
_UNMARKED_AFTER = 160
#: The evidence that ends a sentence: in text without marks, and where a single mark is missing.
_ENOUGH_UNMARKED, _ENOUGH_MARKED = 1.0, 1.75
_INSIDE_END = re.compile(r"(?<=[。！？])(?=[^\W\d_])|(?<=[!?])(?=[^\x00-\x7f\W])")


@dataclass(frozen=True)
class JoinSentences(FileStage):
    """Ends sentences at marks, changes of speaker and long pauses, regardless of segments.
    Sentences of separate channels are never joined.

    Where the recognizer wrote no marks, pauses and the forms of words decide. A sentence longer
    than `longest_seconds` or `longest_characters` (half that in full-width scripts) is cut at the
    most likely place, because translators lose the end of very long ones.

    Where words are missing or do not fit the text, their times are interpolated within their
    segment and marked as such.
    """

    name = "sentences"
    version = 4
    display_name = "Joining sentences"
    commands = ("subtitle",)
    needs = (Transcript,)
    produces = Sentences
    corrected = True
    feeds_models = True

    long_pause: float = 3.0
    longest_seconds: float = 20.0
    longest_characters: int = 240
    #: What people corrected; part of the key of each recording by itself.
    layers: Layers = field(default_factory=Layers, metadata={"affects_result": False})

    def own_key(self, recording: Recording) -> str:
        return self.layers.key(recording.name)

    def run(self, context: StageContext, inputs: Inputs) -> Sentences:
        given = corrected_inputs(context.recording, inputs, self.layers)
        transcript = given.transcript
        found: list[Sentence] = []
        for channel in dict.fromkeys(segment.channel for segment in transcript.segments):
            said = [segment for segment in transcript.segments if segment.channel == channel]
            for language, group in itertools.groupby(said, key=transcript.language_of):
                words = [word for segment in group for word in timed_words(segment, language)]
                other = None if language == transcript.language else language
                found += [
                    replace(sentence, language=other)
                    for sentence in _Joining(self, words, language).sentences()
                ]
        found.sort(key=lambda sentence: sentence.start)  # of several channels
        return Sentences(
            transcript.language,
            transcript.duration,
            found,
            transcript.model,
            [*transcript.findings, *given.findings],
        )


def timed_words(segment: Segment, language: str) -> list[Word]:
    """A segment's words with all of its text; marks are part of the word before them.

    If words are missing or differ from the text, its phrases are returned, with times interpolated
    by length.
    """
    text = " ".join(segment.text.split())
    if not text:
        return []
    return _located(segment, text) or _interpolated(segment, text, language)


def _located(segment: Segment, text: str) -> list[Word]:
    """The segment's words, each with the text up to the next one; empty if they do not fit."""
    found: list[tuple[int, Word]] = []
    at, lowered = 0, text.casefold()
    if len(lowered) != len(text):  # case folding changes the length of some letters
        lowered = text
    for word in segment.words:
        said = word.text.strip()
        position = lowered.find(said.casefold(), at) if said else -1
        if not said:
            continue
        if position < 0 or any(c.isalnum() for c in text[at:position]):
            return []
        found.append((position, word))
        at = position + len(said)
    if not found or any(c.isalnum() for c in text[at:]):
        return []
    starts = [0, *(position for position, _ in found[1:]), len(text)]
    return [
        replace(word, text=text[start:stop].strip(), speaker=word.speaker or segment.speaker)
        for (_, word), start, stop in zip(found, starts, starts[1:], strict=False)
    ]


def _interpolated(segment: Segment, text: str, language: str) -> list[Word]:
    parts = phrases(text) if language in UNSPACED else text.split()
    ends = list(itertools.accumulate(len(part.strip()) for part in parts))
    span = max(0.0, segment.end - segment.start)
    times = [segment.start, *(segment.start + span * end / ends[-1] for end in ends)]
    return [
        Word(round(start, 3), round(end, 3), part.strip(), 0.0, "interpolated", segment.speaker)
        for part, start, end in zip(parts, times, times[1:], strict=False)
    ]


class _Joining:
    """Joins the words of a recording into sentences."""

    def __init__(self, settings: JoinSentences, words: Sequence[Word], language: str) -> None:
        self._settings = settings
        self._language = language
        self._words = [piece for word in words for piece in _at_marks(word)]
        self._pauses = [
            max(0.0, after.start - word.end) for word, after in itertools.pairwise(self._words)
        ]
        self._usual = usual_pause(self._pauses)

    def sentences(self) -> Iterator[Sentence]:
        for first, stop in self._stretches():
            words = self._words[first:stop]
            yield Sentence(
                start=words[0].start,
                end=max(word.end for word in words),
                text=self._text(first, stop),
                words=words,
                speaker=words[0].speaker,
            )

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """The first word and the end of each sentence."""
        certain = [i for i in range(1, len(self._words)) if self._surely(i)]
        enough = _ENOUGH_MARKED if self._has_marks() else _ENOUGH_UNMARKED
        likely = [i for i in range(1, len(self._words)) if self._evidence(i) >= enough]
        borders = sorted({0, *certain, *likely, len(self._words)})
        for first, stop in itertools.pairwise(borders):
            yield from self._not_too_long(first, stop)

    def _surely(self, index: int) -> bool:
        """Whether a sentence certainly ends before the word at `index`, by mark, speaker or long
        pause."""
        before, after = self._words[index - 1], self._words[index]
        if before.speaker != after.speaker and before.speaker and after.speaker:
            return True
        pause = self._pauses[index - 1]
        if pause >= self._settings.long_pause:
            return True
        return is_marked(self._tail(index), after.text, pause)

    def _has_marks(self) -> bool:
        """Whether the recognizer wrote any marks here."""
        marks = sum(self._surely_marked(i) for i in range(1, len(self._words) + 1))
        characters = sum(len(word.text) for word in self._words)
        wide = 2 if self._language in UNSPACED or self._language == "ko" else 1
        return marks > 0 and characters * wide / marks <= _UNMARKED_AFTER

    def _surely_marked(self, index: int) -> bool:
        following = self._words[index].text if index < len(self._words) else ""
        return is_marked(self._tail(index), following, self._settings.long_pause)

    def _evidence(self, index: int) -> float:
        pause = self._pauses[index - 1]
        return evidence(self._tail(index), pause, self._usual, self._language)

    def _tail(self, index: int) -> str:
        """The last few words before `index`, in which marks and word forms are searched."""
        return self._text(max(0, index - 4), index)

    def _text(self, first: int, stop: int) -> str:
        text = ""
        for word in self._words[first:stop]:
            text = joined(text, word.text, self._language)
        return text

    def _not_too_long(self, first: int, stop: int) -> Iterator[tuple[int, int]]:
        """The stretch, cut at the most likely places until no part is too long."""
        if stop - first < 2 or not self._too_long(first, stop):
            yield first, stop
            return
        middle, half = (first + stop) / 2, (stop - first) / 2

        def worth(index: int) -> float:
            return self._evidence(index) - abs(index - middle) / half

        cut = max(range(first + 1, stop), key=worth)
        yield from self._not_too_long(first, cut)
        yield from self._not_too_long(cut, stop)

    def _too_long(self, first: int, stop: int) -> bool:
        words = self._words[first:stop]
        wide = 2 if self._language in UNSPACED or self._language == "ko" else 1
        characters = wide * sum(len(word.text) for word in words)
        seconds = words[-1].end - words[0].start
        limits = self._settings
        return seconds > limits.longest_seconds or characters > limits.longest_characters


def _at_marks(word: Word) -> Iterator[Word]:
    """A word cut after marks inside it, which recognizers without words produce."""
    parts = [part for part in _INSIDE_END.split(word.text) if part]
    if len(parts) < 2:
        yield word
        return
    span, done, total = word.end - word.start, 0, len(word.text)
    for part in parts:
        start = word.start + span * done / total
        done += len(part)
        end = word.start + span * done / total
        yield replace(
            word, text=part, start=round(start, 3), end=round(end, 3), timing="interpolated"
        )
