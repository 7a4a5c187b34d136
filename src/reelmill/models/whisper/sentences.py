"""Cuts the text of a window, whose tokens have times, into segments: at the ends of sentences, and
at the longest pause where none ends for long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from reelmill.core.text import UNSPACED, phrases, unmarked_ends
from reelmill.models.whisper.decoded import TextTokens

#: These end a sentence wherever they stand; a full stop only behind a word, before a pause.
_ENDS, _STOPS = "?!？！。｡…؟।", ".．"
_CLOSING = "\"'”’»)]」』）】"
#: After fewer letters a full stop without this pause (seconds) behind it may be an abbreviation's.
_ABBREVIATED, _PAUSE = 4, 0.3
#: The last sound of a word is this long, at most: behind it comes the pause.
_LAST_SOUND = 0.2
#: A segment longer than this many seconds is cut at its longest pause, if both sides have so many.
_LONGEST, _SHORTEST = 15.0, 2.0


@dataclass(frozen=True)
class TimedWord:
    """A word, with the space before it, or a mark; seconds from the window's start to the onset of
    the next."""

    text: str
    start: float
    end: float
    probability: float = 0.0

    @property
    def letters(self) -> int:
        return sum(letter.isalnum() for letter in self.text)


@dataclass(frozen=True)
class TimedText:
    """The text of a segment, and what it was put together from; seconds from the window's start."""

    start: float
    end: float
    text: str
    words: tuple[TimedWord, ...] = field(default=(), compare=False)

    @property
    def tokens(self) -> TextTokens:
        """The words, with their places in the text."""
        ends = list(accumulate(len(word.text) for word in self.words))
        joined = "".join(word.text for word in self.words)
        before = len(joined) - len(joined.lstrip())
        return TextTokens(
            tuple(
                (end - len(word.text) - before, end - before)
                for word, end in zip(self.words, ends, strict=True)
            ),
            tuple(word.start for word in self.words),
            tuple(word.end for word in self.words),
            tuple(word.probability for word in self.words),
        )


def cut_into_segments(words: Sequence[TimedWord], language: str) -> list[TimedText]:
    """Sentences of a window's words in order.

    A sentence ends with its last word: the pause behind it belongs to none.
    """
    found = []
    for sentence in _sentences(words, language):
        for some in _not_too_long(sentence, _breaks(sentence, language)):
            text = "".join(word.text for word in some).strip()
            if text:
                found.append(TimedText(some[0].start, _end(some), text, tuple(some)))
    return found


def _sentences(words: Sequence[TimedWord], language: str) -> Iterator[list[TimedWord]]:
    sentence: list[TimedWord] = []
    unmarked = _unmarked_ends(words) if language == "ja" else set()
    for index, (word, after) in enumerate(pairwise([*words, None])):
        assert word is not None
        sentence.append(word)
        if (
            after is None
            or index in unmarked
            or ((language in UNSPACED or after.text.startswith(" ")) and _is_over(sentence, after))
        ):
            yield sentence
            sentence = []


def _unmarked_ends(words: Sequence[TimedWord]) -> set[int]:
    """The words that end a sentence without a mark."""
    ends = set(unmarked_ends("".join(word.text for word in words)))
    reached = accumulate(len(word.text) for word in words)
    return {index for index, length in enumerate(reached) if length in ends}


def _is_over(sentence: Sequence[TimedWord], after: TimedWord) -> bool:
    """Whether a sentence ends here, before the word `after`."""
    mark = "".join(word.text for word in sentence[-2:]).rstrip(_CLOSING)[-1:]
    if mark in _STOPS and mark:
        last = next((word for word in reversed(sentence) if word.letters), None)
        paused = after.start - sentence[-1].start >= _PAUSE
        return last is not None and (paused or last.letters >= _ABBREVIATED)
    return bool(mark) and mark in _ENDS


def _breaks(words: Sequence[TimedWord], language: str) -> list[int]:
    """The words of a sentence before which it may be cut: in writing without spaces, those that
    begin a phrase."""
    begins = [index for index in range(1, len(words)) if words[index].letters]
    if language not in UNSPACED:
        return begins
    text = "".join(word.text for word in words)
    ends = set(accumulate(len("".join(phrase.split())) for phrase in phrases(text)))
    reached = list(accumulate(len("".join(word.text.split())) for word in words))
    return [index for index in begins if reached[index - 1] in ends]


def _not_too_long(
    words: Sequence[TimedWord], breaks: Sequence[int]
) -> Iterator[Sequence[TimedWord]]:
    """The words of a sentence, in parts where it is too long and may be cut."""
    places = [
        index
        for index in breaks
        if words[index].start - words[0].start >= _SHORTEST
        and words[-1].end - words[index].start >= _SHORTEST
    ]
    if words[-1].end - words[0].start <= _LONGEST or not places:
        yield words
        return
    cut = max(places, key=lambda index: words[index].start - words[index - 1].start)
    yield from _not_too_long(words[:cut], [index for index in breaks if index < cut])
    yield from _not_too_long(words[cut:], [index - cut for index in breaks if index > cut])


def _end(words: Sequence[TimedWord]) -> float:
    last = words[-1]
    return last.end if last.letters else min(last.end, last.start + _LAST_SOUND)
