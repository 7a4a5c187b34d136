"""Cut a transcript into captions that fit on the screen and end where phrases end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from reelmill.artifacts import Segment, Transcript, Word
from reelmill.artifacts.speech import in_time_order
from reelmill.core.text import columns
from reelmill.export.transcript.cues import one_line, speaker_prefix
from reelmill.stages.subtitles.line_breaks import Part, into_parts, least_parts, most_parts
from reelmill.stages.subtitles.rules import SubtitleRules

#: Rounding to whole milliseconds makes no caption too long.
_TOLERANCE = 0.0005
#: A caption shortened for the next one is still shown this long.
_SHORTEST_SHOWN = 0.2


@dataclass(frozen=True)
class Lingering:
    """How long captions stay after their words: for `shortest` s in all, and until they can be read
    at `characters_per_second`, but ending `gap` s before the next. A value of None has no effect;
    with all None, captions are shown while their words are spoken."""

    characters_per_second: float | None = None
    shortest: float | None = None
    gap: float | None = None

    def shown(self, found: Sequence[Segment], rules: SubtitleRules) -> list[Segment]:
        """Captions in order of time with their final ends; `rules` limit their length."""
        if self == Lingering():
            return list(found)
        lasting = []
        for index, one in enumerate(found):
            reading = 0.0
            if self.characters_per_second is not None:
                width = sum(rules.characters(line) for line in one.text.split("\n"))
                reading = width / self.characters_per_second
            wanted = max(one.end, one.start + max(self.shortest or 0.0, reading))
            end = min(wanted, max(one.end, one.start + rules.longest))
            following = (other.start for other in found[index + 1 :] if other.start > one.start)
            until = next(following, math.inf) - (self.gap or 0.0)
            end = max(min(end, until), min(one.end, one.start + _SHORTEST_SHOWN))
            lasting.append(replace(one, end=end))
        return lasting


def captions(
    transcript: Transcript, rules: SubtitleRules, lingering: Lingering | None = None
) -> list[Segment]:
    """The segments cut into captions, whose text has its line breaks.

    Args:
        transcript: captions begin and end with their words if these have times; otherwise a
            segment's time is divided by width of text.
        limits of text and time for a caption.
        lingering: how long captions stay after their words; by default they do not.

    Returns:
        Captions in order of their start; those of different channels may overlap. All keep the
        rules for width, number of lines (with the speaker in front) and duration. Only a word that
        is wider than a line is cut. A single word that lasts longer than the longest time is shown
        for that time from its beginning.
    """
    found = [
        caption
        for segment in transcript.segments
        if one_line(segment.text)
        for caption in _of_segment(segment, rules, transcript.language_of(segment))
    ]
    return (lingering or Lingering()).shown(in_time_order(found), rules)


def _of_segment(segment: Segment, rules: SubtitleRules, language: str) -> Iterator[Segment]:
    whole = replace(segment, text=one_line(segment.text))
    found = _cut(whole, rules, language)
    prefix = columns(speaker_prefix(segment.speaker))
    if any(prefix + columns(one.text.split("\n")[0]) > rules.columns_per_line for one in found):
        found = _cut(whole, _narrower(rules, prefix), language)
    yield from found


def _narrower(rules: SubtitleRules, prefix: int) -> SubtitleRules:
    """The rules with lines shorter by `prefix` columns, but at least half as long."""
    left = max(rules.columns_per_line - prefix, rules.columns_per_line // 2)
    return replace(rules, characters_per_line=max(1, left // (2 if rules.full_width else 1)))


def _cut(segment: Segment, rules: SubtitleRules, language: str) -> list[Segment]:
    """A segment in as few parts as fit; parts that last too long are cut again."""
    seconds = segment.end - segment.start
    wanted = math.ceil((seconds - _TOLERANCE) / rules.longest) if seconds > 0 else 1
    if wanted <= 1 and columns(segment.text) <= rules.columns_per_line:
        return [segment]
    most = most_parts(segment.text, rules)
    count = max(1, least_parts(segment.text, rules), min(wanted, most))
    parts = into_parts(segment.text, count, rules, language)
    found = []
    for part, piece in zip(parts, _timed(segment, parts), strict=True):
        if piece.end - piece.start > rules.longest + _TOLERANCE and count > 1:
            found += _cut(piece, rules, language)
        else:
            end = min(piece.end, piece.start + rules.longest)
            found.append(replace(piece, text="\n".join(part.lines), end=end))
    return found


def _timed(segment: Segment, parts: Sequence[Part]) -> Iterator[Segment]:
    """Each part as a segment with its own words and their time."""
    borders = [0, *accumulate(_letters("".join(part.lines)) for part in parts)]
    places = [at for at, character in enumerate(segment.text) if not character.isspace()]
    sides = _shared_out(segment.words, borders[1:])
    seconds = segment.end - segment.start
    for words, (first, stop) in zip(sides, pairwise(borders), strict=True):
        if all(sides):
            start, end = words[0].start, words[-1].end
        else:  # parts of a single word, or words without times
            start = segment.start + seconds * first / borders[-1]
            end = segment.start + seconds * stop / borders[-1]
        text = segment.text[places[first] : places[stop - 1] + 1]
        yield replace(segment, start=start, end=end, text=text, words=words)


def _letters(text: str) -> int:
    return sum(not character.isspace() for character in text)


def _shared_out(words: Sequence[Word], letters: Sequence[int]) -> list[list[Word]]:
    """The words of each part, given the number of letters at which each part ends."""
    sides: list[list[Word]] = [[] for _ in letters]
    number = done = 0
    for word in words:
        while number + 1 < len(letters) and done >= letters[number]:
            number += 1
        sides[number].append(word)
        done += _letters(one_line(word.text))
    return sides
