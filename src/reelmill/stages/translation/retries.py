"""Translate sentences, and try again where a translation cannot be right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reelmill.artifacts import TranslatedSentence, TranslationStatus
from reelmill.models.translation.nllb import Hypothesis, Nllb, SearchOptions, SourceText
from reelmill.stages.translation.chunking import cut_clauses, join_clauses
from reelmill.stages.translation.glossary import (
    Glossary,
    Masked,
    Term,
    inserted,
    masked,
    missing,
    restored,
)
from reelmill.stages.translation.quality_checks import QualityIssue, has_words, quality_issue


@dataclass(frozen=True)
class Rendering:
    """A translated sentence, with its status and a note for the reader."""

    sentence: TranslatedSentence
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Clause:
    """A part of a sentence: the original, and the text given to the model."""

    text: SourceText
    masked: Masked


@dataclass(frozen=True)
class _Attempt:
    """One try at a clause; `lost`: the glossary's terms that are missing."""

    text: str
    found: Hypothesis
    issue: QualityIssue | None
    lost: tuple[Term, ...]

    @property
    def rank(self) -> tuple[bool, bool]:
        """Lower is better."""
        return self.issue is not None and self.issue.grave, self.issue is not None

    @property
    def settles(self) -> bool:
        return self.issue is None


@dataclass(frozen=True)
class _Settled:
    """The best attempt at a clause (None: the original is kept), and the issue of the first
    attempt."""

    clause: _Clause
    attempt: _Attempt | None
    first_issue: QualityIssue | None


def render(
    model: Nllb, texts: Sequence[SourceText], glossary: Glossary, options: SearchOptions
) -> list[Rendering]:
    """Translate sentences in one call; those that fail are tried again alone, and otherwise kept in
    the original.

    Args:
        model: a loaded translator.
        texts: sentences with words in them, of any length and direction.
        glossary: names to keep.
        options: of the first try.

    Returns:
        One for each text, in their order, whatever the model returns.
    """
    sentences = [_clauses(model, text, glossary) for text in texts]
    clauses = [clause for sentence in sentences for clause in sentence]
    found = model.translate([_as_given(clause, clause.masked.text) for clause in clauses], options)
    settled = iter(
        [
            _settle(model, clause, _judged(clause, one, masked_given=True), options)
            for clause, one in zip(clauses, found, strict=True)
        ]
    )
    return [_assembled(text, [next(settled) for _ in parts])
            for text, parts in zip(texts, sentences, strict=True)]  # fmt: skip


def _clauses(model: Nllb, text: SourceText, glossary: Glossary) -> list[_Clause]:
    """The parts given to the model; a part without words stays with its neighbour."""
    parts: list[str] = []
    for part in cut_clauses(text.text, model.count, model.max_tokens):
        if parts and not (has_words(part) and has_words(parts[-1])):
            parts[-1] += part
        else:
            parts.append(part)
    terms = glossary.for_target(text.target)
    return [
        _Clause(replace(text, text=part.strip()), masked(part.strip(), terms)) for part in parts
    ]


def _as_given(clause: _Clause, text: str) -> SourceText:
    return replace(clause.text, text=text)


def _settle(model: Nllb, clause: _Clause, first: _Attempt, options: SearchOptions) -> _Settled:
    if first.settles:
        return _Settled(clause, first, None)
    best = first
    for given, masked_given, again in _second_tries(clause, options):
        (found,) = model.translate([_as_given(clause, given)], again)
        attempt = _judged(clause, found, masked_given)
        if attempt.rank < best.rank:
            best = attempt
        if best.settles:
            break
    grave = best.issue is not None and best.issue.grave
    return _Settled(clause, None if grave else best, first.issue)


def _second_tries(clause: _Clause, options: SearchOptions) -> list[tuple[str, bool, SearchOptions]]:
    """The next inputs for the model: text, whether it has placeholders, and settings."""
    given = clause.masked.text
    has_terms = bool(clause.masked.terms)
    tries = [(given, has_terms, again) for again in _retries(options)]
    if has_terms:
        # A model that does not keep placeholders may keep the names, or at least translate.
        tries.append((inserted(clause.masked), False, options))
        tries.append((clause.text.text, False, options))
    return tries


def _retries(options: SearchOptions) -> list[SearchOptions]:
    """Options of further tries: first a wider search without repetition and with at least half the
    source's length, then greedy search with a penalty on all repetition."""
    return [
        replace(
            options,
            beam_size=options.beam_size + 2,
            no_repeat_ngram_size=4,
            repetition_penalty=1.1,
            least_length=0.5,
        ),
        replace(options, beam_size=1, no_repeat_ngram_size=3, repetition_penalty=1.3),
    ]


def _judged(clause: _Clause, found: Hypothesis, masked_given: bool) -> _Attempt:
    used = clause.masked.terms
    if masked_given:
        text, lost = restored(found.text, used, clause.text.target)
        given = clause.masked.text
    else:
        text, lost = found.text, missing(found.text, used)
        given = clause.text.text
    issue = quality_issue(_as_given(clause, given), found)
    if issue is None and lost:
        issue = QualityIssue(f"lacks {', '.join(term.target for term in lost)}", grave=False)
    return _Attempt(text, found, issue, lost)


def _assembled(text: SourceText, settled: Sequence[_Settled]) -> Rendering:
    """Join the sentence from its clauses; the worst one decides its status."""
    kept = [one for one in settled if one.attempt is None]
    with_issue = [one for one in settled if one.first_issue is not None]
    joined = join_clauses(
        [one.attempt.text if one.attempt else one.clause.text.text for one in settled], text.target
    )
    if len(kept) == len(settled):
        joined = text.text
    status: TranslationStatus = "kept" if kept else "retried" if with_issue else "translated"
    reasons = [_reason(one, index, len(settled)) for index, one in enumerate(settled, 1)]
    sentence = TranslatedSentence(
        joined, status, _score(settled), "; ".join(filter(None, reasons)) or None
    )
    return Rendering(sentence, tuple(note for one in settled for note in _notes(one)))


def _reason(one: _Settled, number: int, count: int) -> str:
    if one.first_issue is None:
        return ""
    where = f"part {number} of {count}: " if count > 1 else ""
    first = f"the translation {one.first_issue.reason}"
    if one.attempt is None:
        return f"{where}{first}, other settings did not help"
    if one.attempt.issue is not None:
        return f"{where}the translation {one.attempt.issue.reason}"
    return f"{where}{first} at first"


def _notes(one: _Settled) -> list[str]:
    if one.attempt is None:
        terms = one.clause.masked.terms
        return [f"glossary: {t.source!r} is untranslated, like its sentence" for t in terms]
    return [
        f"glossary: {term.source!r} could not be kept as {term.target!r}"
        for term in one.attempt.lost
    ]


def _score(settled: Sequence[_Settled]) -> float | None:
    """The mean log probability of a token; None if a part was not translated."""
    attempts = [one.attempt for one in settled if one.attempt is not None]
    scores = [(one.found.score, one.found.tokens) for one in attempts]
    if len(attempts) < len(settled) or any(score is None for score, _ in scores):
        return None
    tokens = sum(count for _, count in scores)
    total = sum(score * count for score, count in scores if score is not None)
    return round(total / tokens, 4) if tokens else None
