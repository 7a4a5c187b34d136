"""A table of words to be replaced after recognition, and where its words stand in a text."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from reelmill.core.toml import read_toml
from reelmill.errors import UsageError
from reelmill.stages.translation.korean import corrected_particle

#: What may follow a Korean word inside the same written word, the longer forms first.
_AFTER_KOREAN = re.compile(
    "(?:에게서|한테서|에서는|이라고|이라는|이라도|이에요|입니다|이었어요|였어요|이었던|였던|까지|부터|마저|조차|밖에|"
    "보다|처럼|같이|마다|하고|라고|라는|라도|이다|예요|인데|이고|이면|에게|한테|에서|께서|으로|이나|이랑|"
    "은|는|이|가|을|를|과|와|의|에|도|만|로|나|랑|아|야|여|요|께|님|씨|들|네)*"
)
#: Scripts whose words have borders that can be told from the letters alone.
_RUNS = ("HIRAGANA", "KATAKANA", "CJK", "HANGUL")

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Match:
    """A word of the table in a text: from `start` to before `end`, and what takes its place."""

    start: int
    end: int
    now: str


def read_table(path: Path) -> Pairs:
    """Read a table.

    Args:
        path: CSV or TSV with two columns, `from,to`, with or without these titles, or TOML with a
            table `[replacements]` of texts.

    Raises:
        UsageError: it cannot be read, has a line of another form, or a word twice.
    """
    pairs: dict[str, str] = {}
    for line, before, after in _toml(path) if path.suffix == ".toml" else _columns(path):
        if not before.strip():
            raise UsageError(f"{path}: {line}: no word to be replaced")
        if pairs.setdefault(before.strip(), after.strip()) != after.strip():
            raise UsageError(f"{path}: {line}: a second replacement for {before.strip()!r}")
    if not pairs:
        raise UsageError(f"{path}: has no replacements; give lines of from,to")
    return tuple(pairs.items())


def _toml(path: Path) -> Iterator[tuple[str, str, str]]:
    table = read_toml(path).get("replacements")
    if not isinstance(table, dict) or not all(isinstance(one, str) for one in table.values()):
        raise UsageError(f'{path}: give a table [replacements] with lines "from" = "to"')
    for before, after in table.items():
        yield f"entry {before!r}", before, after


def _columns(path: Path) -> Iterator[tuple[str, str, str]]:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8: save the file as UTF-8") from error
    between = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
    for number, row in enumerate(csv.reader(text.splitlines(), delimiter=between), 1):
        if not row or row[0].lstrip().startswith("#"):
            continue
        if len(row) != 2:
            raise UsageError(f"{path}: line {number}: give two columns, from and to")
        if number > 1 or [one.strip().lower() for one in row] != ["from", "to"]:
            yield f"line {number}", row[0], row[1]


def find_matches(text: str, pairs: Pairs, borders: Sequence[int] = ()) -> list[Match]:
    """Where words of a table stand in a text, as whole words.

    Upper and lower case are the same. A Korean word may have particles after it, which then take
    the form that the new word asks for. Where there are no spaces, a word ends where the script
    changes or the recognizer's own word does.

    Args:
        text: what is searched.
        pairs: the table; of words at the same place the longest is taken.
        borders: positions at which words of the recognizer begin or end.
    """
    found: list[Match] = []
    known = frozenset(borders)
    table = {" ".join(one.split()).casefold(): other for one, other in pairs}
    for match in _pattern(pairs).finditer(text):
        now = table[" ".join(match[0].split()).casefold()]
        start, end = match.span()
        if not _is_border(text, start, known) or (found and start < found[-1].end):
            continue
        after = _end_of_word(text, end, known)
        if after is not None:
            particle, length = corrected_particle(now, text[end:])
            found.append(Match(start, end + length, now + particle))
    return found


@lru_cache(maxsize=8)
def _pattern(pairs: Pairs) -> re.Pattern[str]:
    words = sorted((one for one, _ in pairs), key=len, reverse=True)
    spaces = (r"\s+".join(map(re.escape, word.split())) for word in words)
    return re.compile("|".join(spaces), re.IGNORECASE)


def _end_of_word(text: str, at: int, borders: frozenset[int]) -> int | None:
    """Where the word with its particles ends; None in the middle of a longer word."""
    if _is_border(text, at, borders):
        return at
    if _run(text[at]) == "HANGUL":
        particles = _AFTER_KOREAN.match(text, at)
        end = at if particles is None else particles.end()
        if end > at and _is_border(text, end, frozenset()):
            return end
    return None


def _is_border(text: str, at: int, borders: frozenset[int]) -> bool:
    """Whether a word may begin or end before the letter at a position."""
    if at <= 0 or at >= len(text) or at in borders:
        return True
    before, after = text[at - 1], text[at]
    if not (_is_letter(before) and _is_letter(after)):
        return True
    return _run(before) != _run(after) and "HANGUL" not in (_run(before), _run(after))


def _is_letter(letter: str) -> bool:
    return letter.isalnum() or letter == "ー" or unicodedata.category(letter).startswith("M")


@lru_cache(maxsize=4096)
def _run(letter: str) -> str:
    """The script of a letter, as far as words end with it."""
    name = unicodedata.name(letter, "")
    return next(
        (run for run in _RUNS if name.startswith(run)), "KATAKANA" if letter == "ー" else ""
    )
