"""Break text into parts and lines: at ends of phrases, evenly, never wider than allowed."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from reelmill.core.text import columns, phrases
from reelmill.stages.subtitles.rules import SubtitleRules

#: The cost of a break after a phrase: 0 after a sentence, 1 between words that belong together.
_AFTER_SENTENCE, _AFTER_CLAUSE, _AFTER_PHRASE, _USUAL, _TORN, _INSIDE = 0.0, 0.1, 0.3, 0.5, 1.0, 3.0
_SENTENCE_END = re.compile(r"[。！？.!?…][」』）)\"'”’]*$")
_CLAUSE_END = re.compile(r"[、，,;；:：][」』）)\"'”’]*$")
#: By language: words that end a phrase, words that need the next one, words that belong to the one
#: before.
_PHRASE_END = {
    "ja": re.compile(r"(は|が|を|に|で|と|も|へ|て|から|まで|ので|けど|たら|れば)$"),
    "ko": re.compile(r"(은|는|이|가|을|를|에|에서|에게|와|과|로|도|고|서|면|지만|는데|요|다)$"),
}
_ASKS_FOR_NEXT = {
    "ko": re.compile(r"^(이|그|저|한|두|세|네|안|못|더|좀|제|내|우리|잘|꼭|다시)$"),
    "en": re.compile(
        r"^(the|a|an|of|to|in|on|at|for|with|from|by|my|your|his|her|our|their|its|this|that|"
        r"and|or|but|if|not|no|is|are|was|were|will|would|can|could|have|has|had|i|we|he|she|"
        r"they|you|it|mr\.?|mrs\.?|ms\.?|dr\.?|mister|miss)$",
        re.IGNORECASE,
    ),
}
_LEANS_ON_LAST = {
    "ko": re.compile(
        r"^(것|거|수|때|중|뿐|적|줄|지|분|시|월|일|원|달러|명|개|"
        r"있|없|싶|않|못|주세|보세|드릴|줄게|하는|해야|거예)"
    ),
}
_GOOD_BEFORE = {
    "en": re.compile(
        r"^(and|or|but|because|if|when|while|that|which|who|to|of|in|on|at|for|with|from|by)$",
        re.IGNORECASE,
    ),
}
_PART_WEIGHT, _LINE_WEIGHT = 0.5, 0.35


@dataclass(frozen=True)
class Part:
    """The text of one cue. `torn`: how many of its words are broken, also at its end."""

    lines: list[str]
    columns: int
    torn: int


def least_parts(text: str, rules: SubtitleRules) -> int:
    """The least number of parts in which a text fits on the lines of a cue."""
    return len(_Broken(text, rules, "").fewest_parts())


def most_parts(text: str, rules: SubtitleRules) -> int:
    """The most parts into which a text can be cut without cutting its phrases."""
    return len(_Broken(text, rules, "").texts)


def into_parts(text: str, count: int, rules: SubtitleRules, language: str) -> list[Part]:
    """Cut a text into `count` parts, each on as few lines as it needs.

    `count` is at least 1 and at most `most_parts`; with fewer than `least_parts`, parts have
    more lines than the rules allow.
    """
    broken = _Broken(text, rules, language)
    return [broken.part(i, j) for i, j in itertools.pairwise(broken.parts(count))]


class _Broken:
    """A text as pieces between which it may be broken, each narrow enough for a line."""

    def __init__(self, text: str, rules: SubtitleRules, language: str) -> None:
        self._limit, self._lines = rules.columns_per_line, rules.lines
        self._language = language
        self.texts, self._torn, self._widths = _pieces(text, self._limit)

    @cached_property
    def _badness(self) -> list[float]:
        following = [*self.texts[1:], ""]
        return [
            _INSIDE if torn else _badness(piece.strip(), after.strip(), self._language)
            for piece, torn, after in zip(self.texts, self._torn, following, strict=True)
        ]

    def part(self, first: int, stop: int) -> Part:
        borders = self._line_borders(first, stop)
        lines = ["".join(self.texts[i:j]).rstrip() for i, j in itertools.pairwise(borders)]
        ends = [border for border in borders[1:] if border < len(self.texts)]
        torn = sum(self._torn[border - 1] for border in ends)
        return Part(lines, sum(map(columns, lines)), torn)

    def fewest_parts(self) -> list[int]:
        """The ends of the parts if each takes as much as fits."""
        ends: list[int] = []
        while (first := ends[-1] if ends else 0) < len(self.texts):
            ends.append(self._part_reach(first))
        return ends

    def parts(self, count: int) -> list[int]:
        """The borders of `count` parts, with 0 and the end."""
        reaches = [self._part_reach(first) for first in range(len(self.texts))]
        found = self._cut(0, len(self.texts), count, reaches, _PART_WEIGHT)
        if found is None:
            anywhere = [len(self.texts)] * len(self.texts)
            found = self._cut(0, len(self.texts), count, anywhere, _PART_WEIGHT)
        assert found is not None, "more parts than pieces"
        return found

    def _line_borders(self, first: int, stop: int) -> list[int]:
        reaches = {at: min(self._line_reach(at), stop) for at in range(first, stop)}
        count, at = 0, first
        while at < stop:
            at, count = reaches[at], count + 1
        if count == 1:
            return [first, stop]
        ends = [reaches[at] for at in range(first, stop)]
        found = self._cut(first, stop, count, ends, _LINE_WEIGHT)
        assert found is not None
        return found

    def _line_reach(self, first: int) -> int:
        """The end of a line that begins at `first`; it has at least one piece."""
        stop, width = first + 1, self._widths[first]
        while stop < len(self.texts):
            width += self._widths[stop]
            if width - self.texts[stop].endswith(" ") > self._limit:
                break
            stop += 1
        return stop

    def _part_reach(self, first: int) -> int:
        for _ in range(self._lines):
            if first < len(self.texts):
                first = self._line_reach(first)
        return first

    def _cut(
        self, first: int, stop: int, count: int, reaches: Sequence[int], weight: float
    ) -> list[int] | None:
        """The most even division of pieces `first` to `stop` into `count`, with breaks where they
        cost least (dynamic programming, as Knuth and Plass 1981 break paragraphs); None if none
        keeps within `reaches`."""
        total = sum(self._widths[first:stop])
        ideal = max(1.0, total / count)
        best: dict[int, tuple[float, tuple[int, ...]]] = {first: (0.0, (first,))}
        for number in range(1, count + 1):
            reached: dict[int, tuple[float, tuple[int, ...]]] = {}
            for at, (cost, borders) in best.items():
                width = 0
                last = min(reaches[at - first], stop - (count - number)) if at < stop else at
                for end in range(at + 1, last + 1):
                    width += self._widths[end - 1]
                    if number == count and end != stop:
                        continue
                    behind = self._badness[end - 1] if end != stop else 0.0
                    worse = cost + (width / ideal - 1) ** 2 + weight * behind
                    if worse < reached.get(end, (math.inf, ()))[0]:
                        reached[end] = (worse, (*borders, end))
            best = reached
        return list(best[stop][1]) if stop in best else None


@lru_cache(maxsize=16)
def _pieces(text: str, limit: int) -> tuple[list[str], list[bool], list[int]]:
    """Pieces that fit on a line, whether each break after them is inside a word, and their widths.
    The same text is asked for how many parts it needs, and then cut."""
    pieces = [piece for one in phrases(text) for piece in _narrow(one, limit)]
    texts = [piece for piece, _ in pieces]
    return texts, [torn for _, torn in pieces], list(map(columns, texts))


def _narrow(phrase: str, limit: int) -> list[tuple[str, bool]]:
    """A phrase in pieces that fit on a line, and whether each break after them is inside a word."""
    if columns(phrase.rstrip()) <= limit:
        return [(phrase, False)]
    pieces, piece = [], ""
    for character in phrase:
        if piece and not character.isspace() and columns(piece + character) > limit:
            pieces.append((piece, True))
            piece = ""
        piece += character
    return [*pieces, (piece, False)]


def _badness(phrase: str, following: str, language: str) -> float:
    if _SENTENCE_END.search(phrase):
        return _AFTER_SENTENCE
    if _CLAUSE_END.search(phrase):
        return _AFTER_CLAUSE
    if _found(_ASKS_FOR_NEXT, language, phrase) or _found(_LEANS_ON_LAST, language, following):
        return _TORN
    if _found(_PHRASE_END, language, phrase) or _found(_GOOD_BEFORE, language, following):
        return _AFTER_PHRASE
    return _USUAL


def _found(patterns: dict[str, re.Pattern[str]], language: str, text: str) -> bool:
    pattern = patterns.get(language)
    return pattern is not None and pattern.search(text) is not None
