"""A glossary of names that a translation must keep, carried through the model by placeholders."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.errors import UsageError
from reelmill.models.translation.flores import flores_code
from reelmill.stages.translation.korean import corrected_particle

#: Most models keep a meaningless word of letters and a digit; the shipped one was trained to.
_PLACEHOLDER = "ZX{}"
_PLACEHOLDERS = re.compile(r"Z\s?X\s?(\d+)", re.IGNORECASE)
#: A name next to letters of these scripts is a part of a longer word: アン is not in アンナ, nor
#: Ann in Anna.
_CLOSED = ("KATAKANA", "LATIN", "CYRILLIC", "GREEK", "DIGIT")


@dataclass(frozen=True)
class Term:
    """The translation of a name, for one target language (FLORES-200) or for all."""

    source: str
    target: str
    language: str | None = None


@dataclass(frozen=True)
class Glossary:
    """All terms, longest first, so that the longer name is matched before a name inside it."""

    terms: tuple[Term, ...] = ()

    def for_target(self, language: str) -> tuple[Term, ...]:
        """The terms for a target language; its own come before those for all languages."""
        chosen: dict[str, Term] = {}
        for term in sorted(self.terms, key=lambda one: one.language is None):
            if term.language in (None, language):
                chosen.setdefault(term.source, term)
        return tuple(sorted(chosen.values(), key=lambda term: (-len(term.source), term.source)))


@dataclass(frozen=True)
class Masked:
    """A text with placeholders for names; placeholder n stands for the n-th term, from 1."""

    text: str
    terms: tuple[Term, ...] = ()


def read_glossary(file: Path) -> Glossary:
    """Read lines of `source<TAB>target`, or `source<TAB>target<TAB>language`; `#` is a comment.

    Raises:
        UsageError: the file cannot be read, or a line is not a term; names the line.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise UsageError(f"glossary {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"glossary {file} is not UTF-8 text: save it as UTF-8") from error
    terms: dict[tuple[str, str | None], Term] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) not in (2, 3) or not all(cells[:2]):
            raise UsageError(
                f"glossary {file}, line {number}: expected source, tab, target (and, after "
                f"another tab, a language code), found {line!r}"
            )
        language = _language(file, number, cells[2]) if len(cells) == 3 and cells[2] else None
        term = Term(unicodedata.normalize("NFC", cells[0]), cells[1], language)
        known = terms.setdefault((term.source, language), term)
        if known.target != term.target:
            raise UsageError(
                f"glossary {file}, line {number}: {term.source!r} is already {known.target!r}"
            )
    return Glossary(tuple(terms.values()))


def _language(file: Path, number: int, code: str) -> str:
    return flores_code(code, f"glossary {file}, line {number}, language")


def masked(text: str, terms: Sequence[Term]) -> Masked:
    """Replace the occurrences of terms by placeholders. A text that already has some is
    unchanged."""
    text = unicodedata.normalize("NFC", text)
    if _PLACEHOLDERS.search(text):
        return Masked(text)
    places: list[tuple[int, int, Term]] = []
    for term in terms:
        for found in re.finditer(re.escape(term.source), text):
            start, end = found.span()
            free = all(end <= other or start >= stop for other, stop, _ in places)
            if free and not _goes_on(text, start, end):
                places.append((start, end, term))
    used: list[Term] = []
    parts, reached = [], 0
    for start, end, term in sorted(places, key=lambda place: place[0]):
        if term not in used:
            used.append(term)
        parts += [text[reached:start], _PLACEHOLDER.format(used.index(term) + 1)]
        reached = end
    return Masked("".join([*parts, text[reached:]]), tuple(used))


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether the word at these positions is only part of a longer one."""
    if end < len(text) and text[end].isdigit():
        return True  # would also become part of the placeholder
    before = start > 0 and _kind(text[start - 1]) == _kind(text[start])
    after = end < len(text) and _kind(text[end]) == _kind(text[end - 1])
    # Korean particles follow a name without a space; nothing precedes it without one.
    if _kind(text[start]) == "HANGUL":
        return before
    return (before and _kind(text[start]) in _CLOSED) or (after and _kind(text[end]) in _CLOSED)


def _kind(letter: str) -> str:
    # The long-vowel mark has its own Unicode name.
    return unicodedata.name(letter, "").split(" ")[0].removesuffix("-HIRAGANA")


def restored(text: str, used: Sequence[Term], language: str) -> tuple[str, tuple[Term, ...]]:
    """Replace placeholders by their terms; also return the terms that were lost."""
    if not used:
        return text, ()
    seen: set[int] = set()
    parts, reached = [], 0
    for found in _PLACEHOLDERS.finditer(text):
        number = int(found[1])
        if not 1 <= number <= len(used):
            continue
        seen.add(number)
        name, end = used[number - 1].target, found.end()
        parts += [text[reached : found.start()], name]
        reached = end
        if language == "kor_Hang":
            particle, length = corrected_particle(name, text[end:])
            parts.append(particle)
            reached += length
    lost = tuple(term for number, term in enumerate(used, 1) if number not in seen)
    return "".join([*parts, text[reached:]]), lost


def inserted(masked_text: Masked) -> str:
    """The source with terms replaced by their translations, for a model that does not keep
    placeholders."""
    return restored(masked_text.text, masked_text.terms, "")[0]


def missing(text: str, used: Sequence[Term]) -> tuple[Term, ...]:
    """The terms whose translation is missing from a text."""
    return tuple(term for term in used if term.target not in text)
