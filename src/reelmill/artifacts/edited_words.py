"""Words and segments that were changed after recognition, and how words are replaced with their
times kept."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reelmill.artifacts.speech import Segment, Word

#: Languages whose words are written without spaces between them.
_UNSPACED = frozenset({"ja", "zh", "yue", "th", "lo", "my", "km", "bo"})
#: A word belongs to a range when its middle does; ranges come from rounded times.
_EPSILON_S = 0.02

#: Who changed a word: a person, or a table of replacements.
Editor = Literal["person", "table"]


@dataclass
class EditedWord(Word):
    """A word that was changed. `machine` is what the machine wrote in its place; empty where the
    machine wrote nothing, or where the word before has it."""

    machine: str = ""
    editor: Editor = "person"


@dataclass
class EditedSegment(Segment):
    """A segment that was changed. `machine` and `machine_speaker` are what the machine had; None
    where that was not changed."""

    machine: str | None = None
    machine_speaker: str | None = None


def edited(segment: Segment, machine: str | None = None) -> EditedSegment:
    """The segment as one that was changed, which keeps what the machine wrote first."""
    if isinstance(segment, EditedSegment):
        return replace(segment, machine=machine if segment.machine is None else segment.machine)
    return EditedSegment(**vars(segment), machine=machine)


def spaced(language: str) -> bool:
    """Whether a language has spaces between words."""
    return language not in _UNSPACED


def joined(texts: Sequence[str], has_spaces: bool) -> str:
    """Words as text."""
    return (" " if has_spaces else "").join(text.strip() for text in texts if text.strip())


def letters(text: str) -> str:
    """A text without its spaces, for comparison."""
    return "".join(text.split())


def find_words(segment: Segment, start: float, end: float, was: str) -> tuple[int, int] | None:
    """Find a text in a segment.

    Args:
        segment: with or without words.
        start, end: when it is said, in seconds.
        was: the text; empty for a place between words.

    Returns:
        Its first word and the one after its last, (0, 0) in a segment without words; None where
        the text is not there.
    """
    words = segment.words
    if not words:
        return (0, 0) if was.strip() in segment.text else None
    if not was.strip():
        at = next((n for n, one in enumerate(words) if one.start >= start - _EPSILON_S), len(words))
        return at, at
    wanted = letters(was)
    found = []
    for first in range(len(words)):
        text = ""
        for stop in range(first + 1, len(words) + 1):
            text += letters(words[stop - 1].text)
            if text == wanted:
                away = abs(words[first].start - start) + abs(words[stop - 1].end - end)
                found.append((away, first, stop))
            if len(text) >= len(wanted):
                break
    return min(found)[1:] if found else None


def replace_words(
    segment: Segment,
    first: int,
    stop: int,
    was: str,
    now: str,
    language: str,
    editor: Editor = "person",
) -> EditedSegment:
    """Put other words in the place of some. Words that stay the same keep their times; where as
    many are replaced as there were, each new one takes the time of the old one; otherwise they
    share the time by their letters.

    Args:
        segment: what is changed; the result is a copy.
        first: the first word to be replaced.
        stop: the one after the last.
        was: the text that is replaced.
        now: the new text; may be empty.
        language: of the segment.
        editor: who changes it.
    """
    known = edited(segment, segment.text.strip())
    text = _text_with(segment, first, stop, was, now, spaced(language))
    if not segment.words:
        return replace(known, text=text)
    old = segment.words[first:stop]
    new = list(_new_words(segment, first, stop, old, _tokens(now, language), editor))
    words = [*segment.words[:first], *new, *segment.words[stop:]]
    return replace(known, text=text, words=words)


def _tokens(text: str, language: str) -> list[str]:
    """The words of a new text. A text without spaces is one word."""
    return text.split() if spaced(language) or " " in text.strip() else [text.strip()] * bool(text)


def _text_with(
    segment: Segment, first: int, stop: int, was: str, now: str, has_spaces: bool
) -> str:
    """The segment's text with the new words in the place of the old ones."""
    text = segment.text.strip()
    if not segment.words:
        return _tidy(text.replace(was.strip(), now.strip(), 1), has_spaces)
    places = places_of(text, segment.words)
    if places is None:
        before = [word.text for word in segment.words[:first]]
        after = [word.text for word in segment.words[stop:]]
        return joined([*before, now, *after], has_spaces)
    space = " " if has_spaces else ""
    if first < stop:
        begin, end = places[first][0], places[stop - 1][1]
        return _tidy(text[:begin] + now.strip() + text[end:], has_spaces)
    if first < len(places):
        begin = places[first][0]
        return text[:begin] + now.strip() + space + text[begin:]
    return text + space + now.strip()


def differing(words: Sequence[str], now: str, has_spaces: bool) -> tuple[int, int, str]:
    """The words that another text changes.

    Args:
        words: of a segment.
        now: its new text.
        has_spaces: whether its language has spaces between words.

    Returns:
        The first word that is not the same, the one after the last, and the text in their place.
        There is at least one, so that an insertion has a place.
    """
    new = now.split() if has_spaces else list(letters(now))
    old = list(words) if has_spaces else list("".join(words))
    same = _common(old, new)
    tail = _common(old[same:][::-1], new[same:][::-1])
    if has_spaces:
        first, stop, end = same, len(old) - tail, len(new) - tail
    else:
        first, same = _words_within(words, same)
        last, tail = _words_within(words[first:][::-1], tail)
        stop, end = len(words) - last, len(new) - tail
    if first == stop and first:
        first, same = first - 1, same - (1 if has_spaces else len(words[first - 1]))
    elif first == stop and words:
        stop, end = 1, end + (1 if has_spaces else len(words[0]))
    return first, stop, (" " if has_spaces else "").join(new[same:end])


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many at the beginning are the same."""
    pairs = zip(left, right, strict=False)
    return next((n for n, (one, two) in enumerate(pairs) if one != two), min(len(left), len(right)))


def _words_within(words: Sequence[str], count: int) -> tuple[int, int]:
    """How many whole words lie within so many letters, and how many letters they have."""
    number = length = 0
    for word in words:
        if length + len(word) > count:
            break
        number, length = number + 1, length + len(word)
    return number, length


def places_of(text: str, words: Sequence[Word]) -> list[tuple[int, int]] | None:
    """The position of each word in the text; None if one is missing."""
    found, at = [], 0
    for word in words:
        wanted = word.text.strip()
        begin = text.find(wanted, at)
        if begin < 0:
            return None
        at = begin + len(wanted)
        found.append((begin, at))
    return found


def _tidy(text: str, has_spaces: bool) -> str:
    """No space is left double where words were taken out."""
    return " ".join(text.split()) if has_spaces else text.strip()


def _new_words(
    segment: Segment, first: int, stop: int, old: Sequence[Word], tokens: list[str], editor: Editor
) -> Iterator[Word]:
    before = [word.text.strip() for word in old]
    matcher = difflib.SequenceMatcher(None, before, tokens, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield from old[a:b]
        elif what != "delete":
            start, end = _time_between(segment, first + a, first + b)
            yield from _instead(segment, old[a:b], tokens[c:d], start, end, editor)


def _time_between(segment: Segment, first: int, stop: int) -> tuple[float, float]:
    """The time of some words, or that between two where there are none."""
    words = segment.words
    if first < stop:
        return words[first].start, words[stop - 1].end
    start = words[first - 1].end if first else segment.start
    end = words[first].start if first < len(words) else segment.end
    return start, max(start, end)


def _instead(
    segment: Segment,
    old: Sequence[Word],
    tokens: Sequence[str],
    start: float,
    end: float,
    editor: Editor,
) -> Iterator[EditedWord]:
    """The new words. A person is sure of them; a table knows no better than the recognizer."""
    sure = 1.0 if editor == "person" else min((word.score for word in old), default=0.0)
    if len(old) == len(tokens):
        for word, token in zip(old, tokens, strict=True):
            times, machine = (word.start, word.end), _machine([word])
            yield EditedWord(*times, token, sure, word.timing, word.speaker, machine, editor)
        return
    speaker = old[0].speaker if old else segment.speaker
    total, done = sum(map(len, tokens)), 0
    for number, token in enumerate(tokens):
        begin = start + (end - start) * done / total
        done += len(token)
        until = end if done == total else start + (end - start) * done / total
        machine = "" if number else _machine(old)
        yield EditedWord(begin, until, token, sure, "interpolated", speaker, machine, editor)


def _machine(words: Sequence[Word]) -> str:
    """What the machine wrote, before anybody changed it."""
    texts = [one.machine if isinstance(one, EditedWord) else one.text.strip() for one in words]
    return " ".join(text for text in texts if text)
