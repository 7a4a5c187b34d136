"""Find the analyser of a language, and whether it is installed. One of each is kept in a
process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache, partial
from importlib.metadata import version
from importlib.util import find_spec

from reelmill.errors import ModelUnavailableError, UsageError
from reelmill.stages.forensic.matching import english, japanese, korean, plain
from reelmill.stages.forensic.matching.english import EnglishAnalyser
from reelmill.stages.forensic.matching.files import (
    PatternFile,
    read_grammar,
    shipped_files,
    shipped_languages,
)
from reelmill.stages.forensic.matching.forms import Spellings
from reelmill.stages.forensic.matching.japanese import JapaneseAnalyser
from reelmill.stages.forensic.matching.korean import KoreanAnalyser
from reelmill.stages.forensic.matching.matcher import Matcher, compile_file
from reelmill.stages.forensic.matching.plain import PlainAnalyser
from reelmill.stages.forensic.matching.spoken import Speak, with_homophones
from reelmill.stages.forensic.matching.tokens import Analyser

#: The modules without which a language cannot be analysed.
_NEEDED = {
    "ko": ("kiwipiepy", "kiwipiepy_model"),
    "ja": ("sudachipy", "sudachidict_small"),
}
_NAMES = {"ko": "Korean", "ja": "Japanese", "en": "English"}
#: Words of forms whose spellings are remembered.
_SPELLINGS_KEPT = 1 << 14
INSTALL = 'pip install "reelmill[forensic]"'


def lacking(language: str) -> str:
    """The packages that a language needs and that are missing, and how to get them; empty if none
    is missing."""
    missing = [name for name in _NEEDED.get(language, ()) if find_spec(name) is None]
    if not missing:
        return ""
    name = _NAMES.get(language, language)
    return f"{name} needs {' and '.join(missing)}: {INSTALL}"


def has_patterns(language: str, added: tuple[PatternFile, ...] = ()) -> bool:
    """Whether any pattern file is in a language."""
    return language in shipped_languages() or any(file.language == language for file in added)


def made_with(language: str) -> str:
    """The analyser of a language with its version, which is part of the key of results."""
    if language in _NEEDED:
        if lacking(language):
            return f"no analyser for {language}"
        return ", ".join(f"{name} {_version(name)}" for name in _NEEDED[language])
    return f"{language} by its words"


@cache
def _version(package: str) -> str:
    """The version of a package; looking for it lists the folder of all packages."""
    return version(package)


@lru_cache(maxsize=8)
def analyser_of(language: str) -> Analyser:
    """The analyser of a language.

    Raises:
        ModelUnavailableError: it is not installed.
    """
    problem = lacking(language)
    if problem:
        raise ModelUnavailableError(problem)
    if language == "en":
        return EnglishAnalyser()
    if language == "ko":
        return KoreanAnalyser()
    return JapaneseAnalyser() if language == "ja" else PlainAnalyser()


@lru_cache(maxsize=8)
def spellings_of(language: str) -> Spellings:
    """How a language reads the words of a form, most of which are in many forms. Needs no
    analyser."""
    modules = {"ko": korean.spellings, "ja": japanese.spellings, "en": english.spellings}
    return lru_cache(maxsize=_SPELLINGS_KEPT)(modules.get(language, plain.spellings))


def check_files(files: Sequence[PatternFile]) -> None:
    """Read the forms of files, so that errors are reported before any work.

    Raises:
        UsageError: a form cannot be read, or two files have the same name.
    """
    names: set[str] = set()
    for file in files:
        if file.name in names:
            raise UsageError(f"--patterns: two files are named {file.name}: rename one of them")
        names.add(file.name)
        compile_file(file, read_grammar(file.language), spellings_of(file.language))


@lru_cache(maxsize=16)
def matcher_of(
    language: str, added: tuple[PatternFile, ...] = (), *, shipped: bool = True
) -> Matcher:
    """The matcher of a language: the package's patterns, unless not `shipped`, and `added` ones.

    Raises:
        ModelUnavailableError: the analyser is not installed.
        UsageError: a form in an added file cannot be read.
    """
    own = [file for file in added if file.language == language]
    files = [*(shipped_files(language) if shipped else ()), *own]
    grammar = read_grammar(language)
    return Matcher(files, grammar, analyser_of(language), spellings_of(language), _speak(language))


def _speak(language: str) -> Speak | None:
    """How a text of a language is read, if it is searched by its sound too."""
    if language == "ja":
        return japanese.spoken
    pairs = read_grammar(language).homophones
    return partial(with_homophones, pairs=pairs) if pairs else None
