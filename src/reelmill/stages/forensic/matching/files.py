"""Pattern files: TOML with categories of language and the forms of each."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from reelmill.core.paths import ASSETS
from reelmill.core.toml import read_toml
from reelmill.errors import UsageError

SHIPPED = ASSETS / "patterns"
GRAMMAR = "grammar.toml"
LEXICON = "lexicon.toml"
_LARGEST_BYTES = 1 << 20
_MOST_PATTERNS = 1000
_ID = re.compile(r"[\w-]{1,64}")
_FIELDS = {"language", "category", "about", "words", "pattern"}
_PATTERN_FIELDS = {"id", "why", "forms", "unless", "with", "matches", "lookalikes"}
_HEADER = re.compile(r"\s*\[\[\s*pattern\s*\]\]")


@dataclass(frozen=True)
class Pattern:
    """A pattern of a file, as written.

    Attributes:
        id: its name, with language or file and category: `en/threat/kill`.
        category: what a match is an example of.
        why: why a match counts as that.
        forms: what it looks like; one of them has to match.
        unless: forms that must not match in the same sentence.
        together: forms of which one must match in the same sentence (`with` in the file); none: no
            such condition.
        examples, lookalikes: sentences that it matches, and that it does not.
        line: where it begins in its file.
    """

    id: str
    category: str
    why: str
    forms: tuple[str, ...]
    unless: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    lookalikes: tuple[str, ...] = ()
    line: int = 0


@dataclass(frozen=True)
class PatternFile:
    """A pattern file: a language, a category, lists of words and patterns. `digest` is the SHA-256
    of the file; `name` is its name in messages."""

    name: str
    language: str
    category: str
    patterns: tuple[Pattern, ...]
    words: tuple[tuple[str, tuple[str, ...]], ...] = ()
    digest: str = ""

    @property
    def lists(self) -> dict[str, tuple[str, ...]]:
        return dict(self.words)


@dataclass(frozen=True)
class Grammar:
    """The words of a language that change the status of a match: `grammar.toml`.

    `fillers`, `negators` (before a verb) and negating `endings` (behind it) may stand between the
    words of any form; the latter two negate the match. It is negated as well where
    `negated_before` ends, or `negated_after` begins, near it in the same clause, and so on; a
    report is not quoted speech where `own` says that it is the speaker's. `breaks` end a clause.
    `homophones` are words that a recognizer may have written for others: `heard = said`.
    """

    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fillers: tuple[str, ...] = ()
    negators: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ()
    negated_before: tuple[str, ...] = ()
    negated_after: tuple[str, ...] = ()
    quoted_before: tuple[str, ...] = ()
    quoted_after: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    conditional_before: tuple[str, ...] = ()
    conditional_after: tuple[str, ...] = ()
    homophones: tuple[str, ...] = ()
    digest: str = ""


def shipped_languages() -> list[str]:
    """The languages that have pattern files in the package."""
    return sorted({path.parent.name for path in SHIPPED.glob("*/*.toml")})


def shipped_files(language: str) -> list[PatternFile]:
    """The package's pattern files of a language, by name."""
    folder = SHIPPED / language
    paths = sorted(folder.glob("*.toml")) if folder.is_dir() else []
    return [read_patterns(path, language) for path in paths if path.name not in (GRAMMAR, LEXICON)]


def shipped_digest() -> str:
    """One digest of all files in the package, which results depend on."""
    total = hashlib.sha256()
    for path in sorted(SHIPPED.rglob("*.toml")):
        total.update(path.relative_to(SHIPPED).as_posix().encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def read_grammar(language: str) -> Grammar:
    """The grammar of a language with the lists of its lexicon, words of one meaning that all its
    pattern files share; an empty one where the package has none."""
    path = SHIPPED / language / GRAMMAR
    if not path.is_file():
        return Grammar()
    values = read_toml(path)
    lexicon = path.with_name(LEXICON)
    shared = read_toml(lexicon) if lexicon.is_file() else {}
    words = {**values.pop("words", {}), **shared}
    words = {name: tuple(entries) for name, entries in words.items()}
    lists = {name: tuple(entries) for name, entries in values.items()}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Grammar(words=words, digest=digest, **lists)


def read_patterns(path: Path, of: str | None = None) -> PatternFile:
    """Read a pattern file.

    Args:
        path: the file.
        of: the prefix of the ids of its patterns; by default the file name without suffix.

    Raises:
        UsageError: it cannot be read or is no pattern file; the message names file and line.
    """
    values = read_toml(path)
    data = path.read_bytes()
    if len(data) > _LARGEST_BYTES:
        raise UsageError(f"{path}: larger than 1 MB: divide it into several files")
    return _Reading(path, data.decode("utf-8-sig"), values).file(
        of or path.stem, hashlib.sha256(data).hexdigest()
    )


class _Reading:
    """Checks the values of a file, and finds their lines for messages."""

    def __init__(self, path: Path, text: str, values: dict[str, Any]) -> None:
        self._path, self._values = path, values
        self._lines = text.splitlines()
        self._headers = [
            number for number, line in enumerate(self._lines, 1) if _HEADER.match(line)
        ]

    def file(self, prefix: str, digest: str) -> PatternFile:
        values = self._values
        self._only(values, _FIELDS, 1, "the file")
        language = self._word(values, "language", 1)
        category = self._word(values, "category", 1)
        words = self._words(values.get("words", {}))
        entries = values.get("pattern", [])
        if not isinstance(entries, list) or not entries:
            self._fail(1, "it has no [[pattern]]: add one with id, why and forms")
        if len(entries) > _MOST_PATTERNS:
            self._fail(1, f"more than {_MOST_PATTERNS} patterns: divide it into several files")
        patterns = [
            self._pattern(entry, self._header(index), f"{prefix}/{category}", category)
            for index, entry in enumerate(entries)
        ]
        self._no_twins(patterns)
        return PatternFile(self._path.name, language, category, tuple(patterns), words, digest)

    def _pattern(self, entry: Any, line: int, prefix: str, category: str) -> Pattern:
        if not isinstance(entry, dict):
            self._fail(line, "write patterns as [[pattern]] with id, why and forms")
        self._only(entry, _PATTERN_FIELDS, line, "a pattern")
        name = self._word(entry, "id", line)
        why = entry.get("why")
        if not isinstance(why, str) or not why.strip():
            self._fail(line, f'pattern {name} does not say why: add why = "..."')
        forms = self._texts(entry, "forms", line)
        if not forms:
            self._fail(line, f'pattern {name} has no forms: add forms = ["..."]')
        return Pattern(
            id=f"{prefix}/{name}",
            category=category,
            why=why.strip(),
            forms=forms,
            unless=self._texts(entry, "unless", line),
            together=self._texts(entry, "with", line),
            examples=self._texts(entry, "matches", line),
            lookalikes=self._texts(entry, "lookalikes", line),
            line=line,
        )

    def _words(self, lists: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
        line = self._line_of("[words]")
        if not isinstance(lists, dict):
            self._fail(line, 'words is a table: write [words] and name = ["..."]')
        return tuple((name, self._texts(lists, name, line)) for name in lists)

    def _texts(self, table: dict[str, Any], name: str, line: int) -> tuple[str, ...]:
        entries = table.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(one, str) for one in entries):
            self._fail(line, f'{name} is a list of texts: write {name} = ["...", "..."]')
        for entry in entries:
            if not entry.strip():
                self._fail(line, f"{name} has an empty text: take it out")
        return tuple(entries)

    def _word(self, table: dict[str, Any], name: str, line: int) -> str:
        value = table.get(name)
        if not isinstance(value, str) or not _ID.fullmatch(value):
            self._fail(line, f'give {name} = "...", of letters, digits and hyphens')
        return value

    def _only(self, table: dict[str, Any], known: set[str], line: int, what: str) -> None:
        for name in table:
            if name not in known:
                at = self._line_of(f"{name} ", f"{name}=", f"[{name}", after=line) or line
                self._fail(at, f"{what} has no {name!r}: it may have {', '.join(sorted(known))}")

    def _no_twins(self, patterns: list[Pattern]) -> None:
        seen: dict[str, int] = {}
        for one in patterns:
            if one.id in seen:
                name = one.id.rpartition("/")[2]
                self._fail(one.line, f"id {name} is already that of line {seen[one.id]}")
            seen[one.id] = one.line

    def _header(self, index: int) -> int:
        return self._headers[index] if index < len(self._headers) else 1

    def _line_of(self, *beginnings: str, after: int = 1) -> int:
        for number, line in enumerate(self._lines[after - 1 :], after):
            if line.strip().startswith(beginnings):
                return number
        return after

    def _fail(self, line: int, problem: str) -> NoReturn:
        raise UsageError(f"{self._path}: line {line}: {problem}")


def line_of(path: Path, text: str, after: int) -> int:
    """The line of a file on which a text stands, at or after a line; that line if nowhere."""
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    for number, line in enumerate(lines[after - 1 :], after):
        if text in line:
            return number
    return after
