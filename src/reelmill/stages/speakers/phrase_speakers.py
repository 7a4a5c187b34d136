"""Who said which phrase: a speaker changes only between phrases, and not for a stray one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from reelmill.artifacts import Segment, Word
from reelmill.core.text import is_answer, phrases, unmarked_ends
from reelmill.stages.speakers.speakers_at import SpeakersAt

#: A single phrase keeps a speaker of its own if that speaker is heard for at least this share of it
#: and the neighbour for at most the rest, and if it is separated by a pause of this many seconds or
#: the end of a sentence, or is this long.
_SURE_SHARE, _PARTING_PAUSE, _LONG = 0.8, 0.2, 0.6
#: An aligner's score of a word that is likely to be somewhere else.
_DOUBTFUL_SCORE = 0.5
#: A sentence begun with so few phrases has not paused yet.
_BEGINNING = 2
_SENTENCE_END = tuple(".?!。？！…؟।")
_DECIMALS = 3


@dataclass
class _Phrase:
    """Words said without a change of the speaker; `begins` and `ends` a sentence or a segment."""

    words: list[Word]
    begins: bool
    ends: bool
    name: str | None = None

    @property
    def text(self) -> str:
        return _text(self.words)

    @property
    def start(self) -> float:
        return self.words[0].start

    @property
    def end(self) -> float:
        return self.words[-1].end


def attributed(segments: Sequence[Segment], speakers: SpeakersAt) -> list[list[Word]]:
    """The words of each segment with their speakers, who can change only between phrases.

    Phrases are words in scripts with spaces, and bunsetsu or the like in Japanese, Chinese and
    Thai. A single phrase between two of one person's, at the end of that person's sentence or at
    its beginning, is theirs too, unless the evidence for another speaker is strong. Segments of
    channels, and words without times, have none of this.
    """
    of_segments = [_phrases(segment) if segment.channel is None else [] for segment in segments]
    phrases = [phrase for some in of_segments for phrase in some]
    before: str | None = None
    for phrase in phrases:
        phrase.name = before = speakers.at(phrase.start, phrase.end, before)
    for first, after in _stray_beginnings(phrases, speakers):
        for phrase in phrases[first:after]:
            phrase.name = phrases[after].name
        _move_to_turn(phrases[first - 1 : after], phrases[after], speakers)
    for index, phrase in enumerate(phrases):
        for other in _claims(phrases, index):
            if other != phrase.name and not _sure(phrases, index, other, speakers):
                phrase.name = other
                break
    return [
        [replace(word, speaker=phrase.name) for phrase in some for word in phrase.words]
        for some in of_segments
    ]


def _stray_beginnings(
    phrases: Sequence[_Phrase], speakers: SpeakersAt
) -> Iterator[tuple[int, int]]:
    """Where the beginning of somebody's sentence is timed within what somebody else says: while
    both speak, or right behind that and with a pause before the rest of the sentence, which nobody
    makes after so few words. Where the same person goes on, the aligner must have doubted it too.
    Numbers of the first phrase and of the one behind the last."""
    for first in range(1, len(phrases)):
        if not phrases[first].begins:
            continue
        for after in range(first + 1, min(first + _BEGINNING, len(phrases) - 2) + 1):
            beginning, rest = phrases[first:after], phrases[after : after + 2]
            if rest[0].ends or any(map(_ends_with, beginning, phrases[first + 1 :])):
                break
            if rest[0].name != rest[1].name:
                continue
            pause_before = phrases[first].start - phrases[first - 1].end
            pause_behind = rest[0].start - beginning[-1].end
            is_parted = pause_before < _PARTING_PAUSE <= pause_behind
            if rest[0].name == beginning[0].name:
                is_stray = is_parted and _is_doubtful(phrases[first - 1 : after])
            else:
                beside = range(first, after)
                is_stray = is_parted or not any(
                    _sure(phrases, index, rest[0].name, speakers) for index in beside
                )
            if is_stray:
                yield first, after
                break


def _is_doubtful(stray: Sequence[_Phrase]) -> bool:
    """Whether the aligner hardly heard the beginning of a sentence, or the word before it, where it
    timed them."""
    before, *beginning = stray
    words = [before.words[-1], *(word for phrase in beginning for word in phrase.words)]
    aligned = all(word.timing == "aligned" for word in words)
    return aligned and min(word.score for word in words) < _DOUBTFUL_SCORE


def _ends_with(phrase: _Phrase, following: _Phrase) -> bool:
    """Whether a sentence ends with a phrase. Where a pause cuts a segment in two, it goes on in
    small letters."""
    goes_on = not _ends_sentence(phrase.words) and following.words[0].text.strip()[:1].islower()
    return phrase.ends and not goes_on


def _move_to_turn(stray: Sequence[_Phrase], rest: _Phrase, speakers: SpeakersAt) -> None:
    """Time the beginning of a sentence, if it is timed before its speaker is heard, from where
    their turn begins. The word behind it covers it there, and both share its time by length. What
    it covered is the end of the word before it, the last one of the first phrase."""
    before, *beginning = stray
    name, start, end = rest.name or "", beginning[0].start, beginning[-1].end
    heard = rest.words[0]
    begins = speakers.begins(name, heard.start, heard.end)
    if begins is None or begins < end:
        return
    if name != before.name and name in speakers.seconds(start, begins):
        return
    if start - before.end < _PARTING_PAUSE:
        before.words[-1] = replace(before.words[-1], end=end)
    letters = [len(word.text) for phrase in beginning for word in phrase.words]
    share = (heard.end - begins) * sum(letters) / (sum(letters) + len(heard.text))
    until = max(heard.start, begins + share)
    rest.words[0] = replace(heard, start=round(until, _DECIMALS))
    reached = begins
    for phrase in beginning:
        for index, word in enumerate(phrase.words):
            start, reached = reached, reached + (until - begins) * len(word.text) / sum(letters)
            phrase.words[index] = replace(
                word,
                start=round(start, _DECIMALS),
                end=round(reached, _DECIMALS),
                timing="interpolated",
            )


def _phrases(segment: Segment) -> list[_Phrase]:
    units = list(_units(segment.words, segment.text))
    texts = [_text(unit) for unit in units]
    ends = [
        _ends_sentence(unit) or not after or len(text) in unmarked_ends(text + after)
        for unit, (text, after) in zip(units, pairwise([*texts, ""]), strict=True)
    ]
    begins = [True, *ends][: len(units)]
    return [_Phrase(*parts) for parts in zip(units, begins, ends, strict=True)]


def _claims(phrases: Sequence[_Phrase], index: int) -> Iterator[str | None]:
    """Other speakers a phrase may be of: of the rest of its sentence, or of those around it."""
    phrase = phrases[index]
    before = phrases[index - 1].name if index else None
    after = phrases[index + 1].name if index + 1 < len(phrases) else None
    is_between = index > 0 and index + 1 < len(phrases) and before == after
    if is_between or (phrase.ends and not phrase.begins):
        yield before
    if phrase.begins and (not phrase.ends or is_answer(phrase.text)):
        yield after


def _units(words: Sequence[Word], text: str) -> Iterator[list[Word]]:
    """The words of each phrase; a word that reaches into the next phrase ends there."""
    ends = _phrase_ends(text)
    unit: list[Word] = []
    reached, place = 0, 0
    for word in words:
        unit.append(word)
        reached += len("".join(word.text.split()))
        while place < len(ends) and ends[place] < reached:
            place += 1
        if place == len(ends) or ends[place] == reached:
            yield unit
            unit = []
    if unit:
        yield unit


def _phrase_ends(text: str) -> list[int]:
    """The number of characters, without white space, up to the end of each phrase. A phrase of a
    single character, such as BudouX makes of the first one of "はい", is joined to the next."""
    ends = []
    length = reached = 0
    for phrase in phrases(text):
        length += len("".join(phrase.split()))
        if length - reached > 1 or " " in phrase:
            ends.append(length)
            reached = length
    return ends


def _text(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words).strip()


def _ends_sentence(unit: Sequence[Word]) -> bool:
    return unit[-1].text.strip().endswith(_SENTENCE_END)


def _sure(phrases: Sequence[_Phrase], index: int, other: str | None, speakers: SpeakersAt) -> bool:
    """Whether a phrase certainly belongs to its speaker and not to `other`, who speaks beside
    it."""
    phrase = phrases[index]
    heard = speakers.seconds(phrase.start, phrase.end)
    length = max(phrase.end - phrase.start, 1e-3)
    if phrase.name is None or heard.get(phrase.name, 0.0) < _SURE_SHARE * length:
        return False
    if heard.get(other or "", 0.0) > (1 - _SURE_SHARE) * length:
        return False
    pause = 0.0
    if index:
        pause = phrase.start - phrases[index - 1].end
    if index + 1 < len(phrases):
        pause = max(pause, phrases[index + 1].start - phrase.end)
    is_answer = index > 0 and phrase.begins and phrase.ends
    return pause >= _PARTING_PAUSE or length >= _LONG or is_answer
