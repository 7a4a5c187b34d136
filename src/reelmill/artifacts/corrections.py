"""Corrections by people: edits over a transcript, which itself stays as the machine made it.

`corrected` applies them. Each edit has its time and the former text, so it is applied to another
version of the text only if that still says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar

from reelmill.artifacts.edited_words import (
    edited,
    find_words,
    joined,
    letters,
    replace_words,
    spaced,
)
from reelmill.artifacts.speech import Segment, Transcript, Turn, Word

SCHEMA = "reelmill.corrections/1"

#: `words`: what is said between two times. `name`: what a speaker is called, everywhere. `speaker`:
#: who speaks between two times. `merge`: segments become one. `split`: a segment ends, and another
#: begins.
EditKind = Literal["words", "name", "speaker", "merge", "split"]

TranscriptT = TypeVar("TranscriptT", bound=Transcript)

#: How far from its time the place of an edit is searched for after the text was made anew, in
#: seconds.
_REACH_S = 3.0
_EPSILON_S = 0.01
_SHORTEST_TURN_S = 0.15


@dataclass(frozen=True)
class Edit:
    """One correction.

    Attributes:
        kind: see `EditKind`.
        start: where it begins, in seconds of the original.
        end: where it ends.
        was: the former text, or the former label of a speaker.
        now: the new text or label. For `split` and `merge`: who speaks, empty for no change.
        by: the person.
        at: when, in UTC.
    """

    kind: EditKind
    start: float
    end: float
    was: str = ""
    now: str = ""
    by: str = ""
    at: str = ""


@dataclass(frozen=True)
class TranslationEdit:
    """Another translation of a sentence, in its subtitles.

    Attributes:
        language: of the translation, as the user named it.
        start, end: when the sentence is said, in seconds of the original.
        was: the former translation.
        now: the new one; may be empty.
        by: the person.
        at: when, in UTC.
    """

    language: str
    start: float
    end: float
    was: str
    now: str
    by: str = ""
    at: str = ""


@dataclass
class CorrectionLayer:
    """All edits of a recording, in the order in which they were made.

    Attributes:
        recording: the name of its results.
        source: SHA-256 of the original's content.
        machine: the key of the transcript that the edits were made on.
        edits: of the transcript, applied one after the other.
        translations: of the translations that its subtitles show, likewise.
    """

    recording: str
    source: str
    machine: str
    edits: list[Edit] = field(default_factory=list)
    translations: list[TranslationEdit] = field(default_factory=list)


@dataclass(frozen=True)
class Corrected(Generic[TranscriptT]):
    """A corrected transcript. `unfit` are the edits that no longer fit its text; they were not
    applied."""

    transcript: TranscriptT
    turns: list[Turn]
    unfit: list[Edit] = field(default_factory=list)


def corrected(
    transcript: TranscriptT, layer: CorrectionLayer, turns: Sequence[Turn] = ()
) -> Corrected[TranscriptT]:
    """Apply a layer.

    Args:
        transcript: as the machine made it.
        layer: the edits.
        turns: who speaks when, for transcripts with speakers.

    Returns:
        Copies. Words and segments that a person changed are `EditedWord` and `EditedSegment`, and
        know what the machine wrote.
    """
    work = _Work(list(transcript.segments), list(turns), transcript)
    unfit = [edit for edit in layer.edits if not work.apply(edit)]
    return Corrected(replace(transcript, segments=work.segments), work.turns, unfit)


def renamed(layer: CorrectionLayer) -> Mapping[str, str]:
    """What speakers are called by people, by the label."""
    return {edit.was: edit.now for edit in layer.edits if edit.kind == "name"}


class _Work:
    """Segments and turns while they are being edited."""

    def __init__(self, segments: list[Segment], turns: list[Turn], of: Transcript) -> None:
        self.segments = segments
        self.turns = turns
        self._of = of

    def apply(self, edit: Edit) -> bool:
        """Apply an edit, and return whether it fits."""
        kinds = {
            "words": self._words,
            "name": self._name,
            "speaker": self._speaker,
            "merge": self._merge,
            "split": self._split,
        }
        return kinds[edit.kind](edit)

    def _words(self, edit: Edit) -> bool:
        """The segment that has the words, nearest in time."""
        near = sorted(
            (number for number, one in enumerate(self.segments) if _distance(one, edit) < _REACH_S),
            key=lambda number: -_overlap(self.segments[number], edit),
        )
        for number in near:
            segment = self.segments[number]
            found = find_words(segment, edit.start, edit.end, edit.was)
            if found is not None:
                language = self._of.language_of(segment)
                self.segments[number] = replace_words(segment, *found, edit.was, edit.now, language)
                return True
        return False

    def _name(self, edit: Edit) -> bool:
        def name(label: str | None) -> str | None:
            return edit.now if label == edit.was else label

        known = {one.speaker for one in self.segments} | {one.speaker for one in self.turns}
        self.segments = [
            replace(
                one,
                speaker=name(one.speaker),
                words=[replace(word, speaker=name(word.speaker)) for word in one.words],
            )
            for one in self.segments
        ]
        self.turns = [replace(one, speaker=name(one.speaker) or one.speaker) for one in self.turns]
        return edit.was in known

    def _speaker(self, edit: Edit) -> bool:
        chosen = [n for n, one in enumerate(self.segments) if _is_mostly_in(one, edit)]
        if not any((self.segments[n].speaker or "") == edit.was for n in chosen):
            return False
        for number in chosen:
            if (self.segments[number].speaker or "") == edit.was:
                self.segments[number] = _of_speaker(self.segments[number], edit.now)
        self.turns = _moved(self.turns, edit)
        return True

    def _merge(self, edit: Edit) -> bool:
        chosen = [n for n, one in enumerate(self.segments) if _is_mostly_in(one, edit)]
        channels = {self.segments[n].channel for n in chosen}
        if len(chosen) < 2 or len(channels) > 1 or chosen[-1] - chosen[0] != len(chosen) - 1:
            return False
        parts = [self.segments[n] for n in chosen]
        speaker = edit.now or parts[0].speaker
        text = joined([one.text for one in parts], spaced(self._of.language_of(parts[0])))
        if edit.was and letters(edit.was) != letters(text):
            return False
        words = [word for one in parts for word in one.words]
        whole = replace(parts[0], end=parts[-1].end, text=text, words=words)
        self.segments[chosen[0] : chosen[-1] + 1] = [
            whole if speaker is None else _of_speaker(whole, speaker)
        ]
        if speaker is not None:
            self.turns = _merged(self.turns, whole.start, whole.end, speaker)
        return True

    def _split(self, edit: Edit) -> bool:
        for number, one in enumerate(self.segments):
            if not one.start <= edit.start <= one.end or not one.words:
                continue
            at = next((n for n, word in enumerate(one.words) if _middle(word) >= edit.start), 0)
            if not at or (edit.was and letters(one.words[at].text) != letters(edit.was)):
                continue
            first, second = _cut(one, at, spaced(self._of.language_of(one)))
            self.turns = _split_turns(self.turns, second.start, second.end, one.speaker, edit.now)
            self.segments[number : number + 1] = [
                first,
                _of_speaker(second, edit.now) if edit.now else second,
            ]
            return True
        return False


def _cut(segment: Segment, at: int, has_spaces: bool) -> tuple[Segment, Segment]:
    """A segment in two, before the word `at`."""
    sides = []
    for words in (segment.words[:at], segment.words[at:]):
        text = joined([word.text for word in words], has_spaces)
        sides.append(replace(segment, text=text, words=words))
    first, second = sides
    border = segment.words[at].start
    return replace(first, end=segment.words[at - 1].end), replace(second, start=border)


def _of_speaker(segment: Segment, speaker: str) -> Segment:
    """The segment with another speaker. It keeps the speaker assigned by the machine."""
    words = [replace(word, speaker=speaker) for word in segment.words]
    known = edited(segment)
    before = segment.speaker if known.machine_speaker is None else known.machine_speaker
    return replace(known, speaker=speaker, words=words, machine_speaker=before)


def _moved(turns: Sequence[Turn], edit: Edit) -> list[Turn]:
    """The turns, with those between two times given from one speaker to another."""
    found = []
    for turn in turns:
        start, end = max(turn.start, edit.start), min(turn.end, edit.end)
        # remainders of a turn at its ends are dropped
        start = turn.start if start - turn.start < _SHORTEST_TURN_S else start
        end = turn.end if turn.end - end < _SHORTEST_TURN_S else end
        if turn.speaker != edit.was or end - start < _EPSILON_S:
            found.append(turn)
            continue
        parts = [
            replace(turn, end=start),
            replace(turn, start=start, end=end, speaker=edit.now),
            replace(turn, start=end),
        ]
        found += [part for part in parts if part.duration >= _EPSILON_S]
    return found


def _merged(turns: Sequence[Turn], start: float, end: float, speaker: str) -> list[Turn]:
    """The turns, with those of a speaker between two times as one."""
    inside = [one for one in turns if one.end > start and one.start < end]
    own = [one for one in inside if one.speaker == speaker]
    if not own:
        return list(turns)
    first, last = min(one.start for one in own), max(one.end for one in own)
    left = [one for one in turns if one not in own]
    return sorted([*left, replace(own[0], start=first, end=last)], key=lambda one: one.start)


def _split_turns(
    turns: Sequence[Turn], start: float, end: float, was: str | None, now: str
) -> list[Turn]:
    """The turns, with that of a speaker cut where another segment begins."""
    found = []
    for turn in turns:
        inside = turn.start + _EPSILON_S < start < turn.end - _EPSILON_S
        if turn.speaker != was or not inside:
            found.append(turn)
            continue
        found += [replace(turn, end=start), replace(turn, start=start)]
    if now and was is not None:
        return _moved(found, Edit("speaker", start, end, was, now))
    return found


def _middle(span: Segment | Word) -> float:
    return (span.start + span.end) / 2


def _overlap(segment: Segment, edit: Edit) -> float:
    """Seconds that both have in common; negative: the seconds between them."""
    return min(segment.end, edit.end) - max(segment.start, edit.start)


def _distance(segment: Segment, edit: Edit) -> float:
    return max(0.0, -_overlap(segment, edit))


def _is_mostly_in(segment: Segment, edit: Edit) -> bool:
    return edit.start - _EPSILON_S <= _middle(segment) <= edit.end + _EPSILON_S
