"""Rules for readable subtitles, by language, and a check of which cues break them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reelmill.artifacts import BrokenRule, SubtitleCue
from reelmill.core.text import columns

#: Characters a line and characters a second, with exceptions by language. Source: the timed text
#: guides of the large streaming services, rounded (Korean 16 to 20, Japanese 13 to 20).
_USUAL = (42, 17.0)
_BY_LANGUAGE = {"ko": (18, 12.0), "ja": (16, 7.0), "zh": (16, 9.0), "yue": (16, 9.0)}
#: In these scripts a full-width character counts as one, a half-width one as half.
_FULL_WIDTH = frozenset(_BY_LANGUAGE)
#: Rounding to whole milliseconds does not break a rule.
_TOLERANCE = 0.0011


@dataclass(frozen=True)
class SubtitleRules:
    """Times in seconds; characters as a language counts them."""

    characters_per_line: int = _USUAL[0]
    characters_per_second: float = _USUAL[1]
    lines: int = 2
    shortest: float = 5 / 6
    longest: float = 7.0
    gap: float = 1 / 12
    full_width: bool = False

    @property
    def columns_per_line(self) -> int:
        return self.characters_per_line * (2 if self.full_width else 1)

    def characters(self, text: str) -> float:
        return columns(text) / (2 if self.full_width else 1)

    def reading_seconds(self, lines: Sequence[str]) -> float:
        """The time in s needed to read these lines."""
        return sum(map(self.characters, lines)) / self.characters_per_second


def rules_for(
    language: str,
    characters_per_line: int | None = None,
    characters_per_second: float | None = None,
    **others: float,
) -> SubtitleRules:
    """The rules of a language; given figures replace its own."""
    line, speed = _BY_LANGUAGE.get(language, _USUAL)
    return SubtitleRules(
        characters_per_line=characters_per_line or line,
        characters_per_second=characters_per_second or speed,
        full_width=language in _FULL_WIDTH,
        **others,  # type: ignore[arg-type]
    )


def broken_rules(
    cues: Sequence[SubtitleCue], rules: SubtitleRules, original_rules: SubtitleRules, end: float
) -> Iterator[BrokenRule]:
    """All rules that a cue breaks, as far as the cues themselves show it.

    `original_rules` are those of the language spoken, for its lines; `end` is the recording's, 0 if
    unknown. The layout adds what the cues do not show (a break inside a word, a late start).
    """
    before: SubtitleCue | None = None
    for index, cue in enumerate(cues):
        yield from _too_much(index, cue.lines, rules)
        yield from _too_much(index, cue.original, original_rules)
        yield from _wrong_time(index, cue, rules, end)
        if before is not None and cue.start - before.end < rules.gap - _TOLERANCE:
            yield BrokenRule(index, "gap", round(cue.start - before.end, 3), round(rules.gap, 3))
        before = cue


def _too_much(index: int, lines: Sequence[str], rules: SubtitleRules) -> Iterator[BrokenRule]:
    widest = max(map(rules.characters, lines), default=0.0)
    if widest > rules.characters_per_line:
        yield BrokenRule(index, "characters per line", widest, rules.characters_per_line)
    if len(lines) > rules.lines:
        yield BrokenRule(index, "lines", len(lines), rules.lines)


def _wrong_time(
    index: int, cue: SubtitleCue, rules: SubtitleRules, end: float
) -> Iterator[BrokenRule]:
    shown = cue.end - cue.start
    if shown < rules.shortest - _TOLERANCE:
        yield BrokenRule(index, "shortest", round(shown, 3), round(rules.shortest, 3))
    if shown > rules.longest + _TOLERANCE:
        yield BrokenRule(index, "longest", round(shown, 3), round(rules.longest, 3))
    if rules.reading_seconds(cue.lines) > shown + _TOLERANCE:
        speed = sum(map(rules.characters, cue.lines)) / max(shown, 0.001)
        yield BrokenRule(index, "reading speed", round(speed, 1), rules.characters_per_second)
    if end and cue.end > end + _TOLERANCE:
        yield BrokenRule(index, "past the end", cue.end, round(end, 3))
