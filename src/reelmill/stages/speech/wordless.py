"""Speech that has no words: found by the times of the words around it, and heard again alone.

Where people take turns, Whisper leaves out whole sentences of a window. Attention then spreads the
words beside them over their sound: a word lasts for seconds, or nothing is timed there. What is
heard in such a stretch alone is put in its place, and the words timed within it get times that
words can have.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import accumulate

from reelmill.artifacts import RecognizedWindow, Segment, Word
from reelmill.core.word_places import cut_text
from reelmill.models.whisper.prompts import says
from reelmill.stages.speech.doubts import LOW_LOGPROB, letters, mean_logprob
from reelmill.stages.speech.phantoms import phantoms_in
from reelmill.stages.speech.windows import OriginalTimes, Pieces

#: A longer word, in seconds, has other speech within it.
_LONGEST_WORD = 1.2
#: Speech of so many seconds without words is heard again. Words timed within it count as so long.
_SHORTEST, _USUAL_WORD = 0.7, 0.3
#: Up to so many first words of a sentence are taken for its beginning, which attention spreads over
#: what was left out before it.
_BEGINNING = 2
#: Words of which this share of the letters agree are the same ones.
_ALIKE = 0.6
#: What was left out has at least so many letters; what is shorter may be a misheard word.
_FEWEST_LETTERS = 4
#: Words before and after a stretch whose repetition is no news.
_NEIGHBOURS = 8
_DECIMALS = 3


@dataclass(frozen=True)
class Wordless:
    """A stretch of a window, in seconds of the original, and the numbers of the window's words that
    are timed within it: from `first` to before `after`."""

    start: float
    end: float
    first: int
    after: int


def wordless(window: RecognizedWindow, padding: float) -> list[Wordless]:
    """The stretches between the sentences of a window in which somebody speaks whose words are
    missing.

    Args:
        window: as it was recognized; one whose words have no times has none.
        padding: seconds around speech in its pieces, in which nobody speaks.
    """
    words = _words(window)
    if not words or not all(segment.words for segment in window.segments):
        return []
    times = OriginalTimes(_pieces(window))
    spans = [
        (0.0, 0.0),
        *((times.seconds(word.start), times.seconds(word.end)) for word in words),
        (times.duration, times.duration),
    ]
    begins = _begins(window.segments)
    found = []
    for first, after in _runs(spans):
        begin = _beginning(first, after, begins)
        if not begins & {begin, after}:
            continue  # within a sentence: rather a drawn or misheard word
        start, end = spans[begin][1], spans[after + 1][0]
        speech = end - start - _pads(times, start, end) * padding - _USUAL_WORD * (after - begin)
        if speech >= _SHORTEST:
            found.append(Wordless(times.start(start), times.end(end), begin, after))
    return found


def stretch_of(gap: Wordless, window: RecognizedWindow) -> Pieces:
    """The sound of a stretch."""
    cut = ((max(gap.start, one.start), min(gap.end, one.end)) for one in window.pieces)
    return tuple((start, end) for start, end in cut if end > start)


def filled(
    window: RecognizedWindow, gaps: Sequence[Wordless], heard: Sequence[RecognizedWindow]
) -> RecognizedWindow:
    """The window with what was heard in each of its stretches alone.

    A stretch in which nothing likely and new is heard stays as it is. Text of the window is never
    lost.
    """
    segments = list(window.segments)
    for gap, part in reversed(list(zip(gaps, heard, strict=True))):
        segments = list(_filled(segments, gap, part))
    return replace(window, segments=segments)


def _begins(segments: Sequence[Segment]) -> set[int]:
    """The numbers of the words that begin a segment: a sentence, as the recognizer cuts them."""
    return {0, *accumulate(len(segment.words) for segment in segments)}


def _runs(spans: Sequence[tuple[float, float]]) -> Iterator[tuple[int, int]]:
    """Where words may be missing: between two words of a length that words have, if far apart. The
    numbers of the words between them, all too long."""
    at = 0
    for after in range(1, len(spans)):
        if spans[after][1] - spans[after][0] > _LONGEST_WORD:
            continue
        if spans[after][0] - spans[at][1] >= _SHORTEST:
            yield at, after - 1
        at = after


def _beginning(first: int, after: int, begins: set[int]) -> int:
    """The number of the first word of the sentence that words from `first` on are in, if it is just
    before them and the sentence goes on behind them; otherwise `first`."""
    if begins & {*range(first + 1, after + 1)}:
        return first
    before = range(first, max(0, first - _BEGINNING) - 1, -1)
    return next((one for one in before if one in begins), first)


def _pads(times: OriginalTimes, start: float, end: float) -> int:
    """How often speech begins or ends in a stretch of a window, with padding around it."""
    inside = sum(start < border < end for border in times.ends[:-1])
    return 2 * inside + (start <= 0.0) + (end >= times.duration)


def _filled(segments: Sequence[Segment], gap: Wordless, part: RecognizedWindow) -> list[Segment]:
    """The segments with what was heard in a stretch."""
    words = [word for segment in segments for word in segment.words]
    displaced = words[gap.first : gap.after]
    count = len(displaced)
    begins = _begins(segments)
    at_end = gap.first in begins and not begins & {*range(gap.first + 1, gap.after + 1)}
    heard = [word for segment in part.segments for word in segment.words]
    if count and _alike(heard[-count:], displaced):
        again, rest, at_end = heard[-count:], heard[:-count], True
    elif count and _alike(heard[:count], displaced):
        again, rest, at_end = heard[:count], heard[count:], False
    else:
        again, rest = _usual_length(displaced, gap, at_end), heard
    around = words[max(0, gap.first - _NEIGHBOURS) : gap.after + _NEIGHBOURS]
    place = gap.first if at_end else gap.after
    if place not in begins or not _is_news(part, rest, around):
        return list(segments)
    if any(word.end - word.start > _LONGEST_WORD for word in again):
        again = _usual_length(displaced, gap, at_end)
    words[gap.first : gap.after] = [
        replace(word, start=one.start, end=one.end)
        for word, one in zip(displaced, again, strict=True)
    ]
    return _put(segments, words, place, _parts(part, rest))


def _is_news(part: RecognizedWindow, rest: Sequence[Word], around: Sequence[Word]) -> bool:
    """Whether the words `rest` of what was heard are likely, and not those around the stretch."""
    text = " ".join(word.text for word in rest)
    if letters(text) < _FEWEST_LETTERS or says(" ".join(word.text for word in around), text):
        return False
    return mean_logprob(part.segments) >= LOW_LOGPROB and not phantoms_in(part)


def _alike(one: Sequence[Word], other: Sequence[Word]) -> bool:
    """Whether words are the same ones, possibly misheard."""
    if len(one) != len(other):
        return False
    text, other_text = ("".join(word.text for word in words).casefold() for words in (one, other))
    return SequenceMatcher(None, text, other_text, autojunk=False).ratio() >= _ALIKE


def _usual_length(words: Sequence[Word], gap: Wordless, at_end: bool) -> list[Word]:
    """Words one after the other at an end of a stretch, as long as words are."""
    start = gap.end - _USUAL_WORD * len(words) if at_end else gap.start
    return [
        replace(
            word,
            start=round(start + _USUAL_WORD * place, _DECIMALS),
            end=round(start + _USUAL_WORD * (place + 1), _DECIMALS),
        )
        for place, word in enumerate(words)
    ]


def _parts(part: RecognizedWindow, rest: Sequence[Word]) -> list[Segment]:
    """The segments of what was heard, with only the words `rest`."""
    found = []
    for segment in part.segments:
        kept = [at for at, word in enumerate(segment.words) if any(word is one for one in rest)]
        if kept:
            found.append(_cut(segment, segment.words, kept[0], kept[-1] + 1))
    return found


def _put(
    segments: Sequence[Segment], words: Sequence[Word], place: int, new: Sequence[Segment]
) -> list[Segment]:
    """The segments with new times of their words, and others put where word number `place` begins
    one or ends the last."""
    found: list[Segment] = []
    at = 0
    for segment in segments:
        if place == at:
            found += new
        own = words[at : at + len(segment.words)]
        found.append(_cut(segment, own, 0, len(own)))
        at += len(own)
    return [*found, *new] if place == at else found


def _cut(segment: Segment, words: Sequence[Word], first: int, after: int) -> Segment:
    """A segment with some of its words, which have the times of `words`."""
    own = list(words[first:after])
    if own == segment.words:
        return segment
    parts = [words[:first], own, words[after:]]
    texts = cut_text(segment.text, [[word.text for word in one] for one in parts if one])
    return replace(
        segment,
        start=own[0].start,
        end=own[-1].end,
        text=texts[1 if first else 0],
        words=own,
    )


def _words(window: RecognizedWindow) -> list[Word]:
    return [word for segment in window.segments for word in segment.words]


def _pieces(window: RecognizedWindow) -> Pieces:
    return tuple((piece.start, piece.end) for piece in window.pieces)
