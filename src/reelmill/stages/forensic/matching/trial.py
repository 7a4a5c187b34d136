"""Try a pattern file on its own examples and look-alikes, and on everyday sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from reelmill.stages.forensic.matching.files import SHIPPED, PatternFile
from reelmill.stages.forensic.matching.languages import matcher_of
from reelmill.stages.forensic.matching.matcher import Hit, Matcher

#: `missed`: an example without a match. `lookalike`, `neutral`: a wrong match.
Fault = Literal["missed", "lookalike", "neutral"]


@dataclass(frozen=True)
class Failure:
    """A sentence on which a pattern is wrong; `matched` are the words, empty where none were."""

    fault: Fault
    pattern: str
    line: int
    sentence: str
    matched: str = ""


def neutral_sentences(language: str) -> list[str]:
    """Everyday sentences of a language in which nothing should be found."""
    path = SHIPPED / "neutral" / f"{language}.txt"
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def failures(file: PatternFile) -> list[Failure]:
    """All sentences on which a file is wrong: examples first, then look-alikes, then everyday
    sentences.

    Raises:
        ModelUnavailableError: the language's analyser is not installed.
        UsageError: a form cannot be read.
    """
    matcher = matcher_of(file.language, (file,), shipped=False)
    return [*_missed(file, matcher), *_lookalikes(file, matcher), *_neutral(file, matcher)]


def counting(matcher: Matcher, text: str) -> list[Hit]:
    """The hits that are neither negated nor quoted."""
    return [hit for hit in matcher.find(text) if hit.counts]


def _missed(file: PatternFile, matcher: Matcher) -> Iterator[Failure]:
    for pattern in file.patterns:
        for sentence in pattern.examples:
            if not counting(matcher, sentence):
                yield Failure("missed", pattern.id, pattern.line, sentence)


def _lookalikes(file: PatternFile, matcher: Matcher) -> Iterator[Failure]:
    for pattern in file.patterns:
        for sentence in pattern.lookalikes:
            yield from _wrong("lookalike", file, matcher, sentence)


def _neutral(file: PatternFile, matcher: Matcher) -> Iterator[Failure]:
    for sentence in neutral_sentences(file.language):
        yield from _wrong("neutral", file, matcher, sentence)


def _wrong(fault: Fault, file: PatternFile, matcher: Matcher, sentence: str) -> Iterator[Failure]:
    lines = {pattern.id: pattern.line for pattern in file.patterns}
    for hit in counting(matcher, sentence):
        name = hit.pattern.id
        yield Failure(fault, name, lines[name], sentence, sentence[hit.start : hit.end])
