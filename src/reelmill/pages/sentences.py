"""Sentences that come with the data of a page, such as those of findings, in the page's language.

Stages write their sentences in English, and artifacts keep them so. A page looks for the template
that a sentence was made from in a catalogue of English templates and their translations
(`wording/sentences.LANGUAGE.json`). A sentence without a template, such as one of a plug-in, is
shown as it is.

The names of fields say what a template's values are: `part`, `part2`, ... are sentences or names
of ours themselves, `parts` are several of them with commas, `counts` are counted labels
(`2 × threat`), and `scores` are labels with a number (`threat 80`). All others, such as what
people say and the names of files, stay as they are.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

#: Texts of pages that data refer to by their English name.
_NAMES = ("finding.", "language.")


@dataclass(frozen=True)
class _Template:
    """A sentence with values. `longest` is the longest piece of text between them."""

    longest: str
    pattern: re.Pattern[str]
    text: str


class Sentences:
    """The sentences of a language.

    Args:
        catalogue: English templates and their translations.
        names: translations of single words, for those that the catalogue does not have.
    """

    def __init__(self, catalogue: Mapping[str, str], names: Mapping[str, str]) -> None:
        self._whole = {**names, **catalogue}
        templates = [_template(one, text) for one, text in catalogue.items() if "{" in one]
        self._templates = sorted(templates, key=lambda one: -len(one.longest))
        self._find = lru_cache(maxsize=8192)(self._translated)

    def __call__(self, text: str) -> str:
        """The sentence in this language, or as it is if it is not known."""
        return self._find(text)

    def _translated(self, text: str) -> str:
        if (whole := self._whole.get(text)) is not None:
            return whole
        for one in self._templates:
            if one.longest in text and (found := one.pattern.fullmatch(text)) is not None:
                values = {name: self._value(name, of) for name, of in found.groupdict().items()}
                return one.text.format_map(values)
        if "; " in text:
            return "; ".join(map(self._find, text.split("; ")))
        return text

    def _value(self, name: str, value: str) -> str:
        if name.startswith("parts"):
            return ", ".join(map(self._find, re.split(r", | and ", value)))
        if name.startswith("part"):
            return self._find(value)
        if name == "counts":
            pairs = (one.partition(" × ") for one in value.split(", "))
            return ", ".join(f"{count}{times}{self._find(label)}" for count, times, label in pairs)
        if name == "scores":
            pairs = (one.rpartition(" ") for one in value.split(", "))
            return ", ".join(f"{self._find(label)} {score}" for label, _, score in pairs)
        return value


def _template(english: str, text: str) -> _Template:
    pieces, pattern = [], ""
    for literal, name, _, _ in string.Formatter().parse(english):
        pieces.append(literal)
        pattern += re.escape(literal)
        if name is not None:
            pattern += f"(?P<{name}>.+?)" if f"(?P<{name}>" not in pattern else f"(?P={name})"
    return _Template(max(pieces, key=len), re.compile(pattern, re.DOTALL), text)


@cache
def sentences_in(language: str) -> Callable[[str], str]:
    """What translates sentences into a language of pages; English stays as it is."""
    folder = Path(__file__).parent / "wording"
    path = folder / f"sentences.{language}.json"
    if not path.is_file():
        return str
    english, own = (_texts(folder / f"{name}.json") for name in ("en", language))
    names = {}
    for key, text in english.items():
        if key.startswith(_NAMES):
            names[text] = names[key.partition(".")[2]] = own[key]
    return Sentences(_texts(path), names)


def _texts(path: Path) -> dict[str, str]:
    texts: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return texts


def native_reason(why: str, language: str, find: Callable[[str], str]) -> str:
    """Why a pattern counts, in the page's language.

    Files of patterns say it in their own language, and in English in brackets if that is another.
    """
    rest = why.partition(" (")[2]
    if not rest.endswith(")"):
        return find(why)
    english = rest.removesuffix(")")
    found = find(english)
    return why if language == "en" or found == english else found
