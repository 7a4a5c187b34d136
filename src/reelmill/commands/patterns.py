"""`reelmill patterns`: what patterns there are, and what a file of patterns would find."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from reelmill.artifacts import PatternMatch, Segment, Transcript, Word
from reelmill.commands.exit_codes import EXIT_DONE, EXIT_SOME_FAILED
from reelmill.core.printable import printable
from reelmill.errors import InputError, UsageError
from reelmill.models.whisper.languages import language_name
from reelmill.search.results import Result, read_result, result_files
from reelmill.stages.forensic.matching.files import (
    PatternFile,
    read_patterns,
    shipped_files,
    shipped_languages,
)
from reelmill.stages.forensic.matching.languages import check_files, lacking, matcher_of
from reelmill.stages.forensic.matching.tokens import Token
from reelmill.stages.forensic.matching.trial import Failure, failures, neutral_sentences
from reelmill.stages.forensic.matching.turns import turn_texts
from reelmill.stages.forensic.patterns import matches_in

_FAULTS = {
    "missed": "its own example is not found",
    "lookalike": "finds its own look-alike",
    "neutral": "finds an everyday sentence",
}


def run_patterns_list(files: Sequence[Path], language: str | None) -> int:
    """Print every pattern, shipped or from `files`, with its meaning.

    Args:
        files: pattern files of the user.
        language: only those of this language.

    Returns:
        The exit code.

    Raises:
        UsageError: a file is not valid.
    """
    added = [read_patterns(path) for path in files]
    check_files(added)
    languages = sorted({*shipped_languages(), *(file.language for file in added)})
    for code in languages:
        if language in (None, code):
            own = [file for file in added if file.language == code]
            _print_language(code, [*shipped_files(code), *own])
    return EXIT_DONE


def run_patterns_test(path: Path, on: Sequence[str]) -> int:
    """Try a pattern file on its own sentences, on everyday sentences and on given texts.

    Args:
        path: the pattern file.
        on: texts, JSON results, and folders of results.

    Returns:
        The exit code: 1 when the file is wrong about a sentence of its own or an everyday one.

    Raises:
        UsageError: the file is not valid.
        ModelUnavailableError: a package for its language is not installed.
    """
    file = read_patterns(path)
    check_files([file])
    found = failures(file)
    for failure in found:
        print(printable(_failure_line(path, failure)))
    print(printable(_summary(file, found)))
    for one in on:
        _try_on(file, one)
    return EXIT_SOME_FAILED if found else EXIT_DONE


def _print_language(code: str, files: Sequence[PatternFile]) -> None:
    problem = lacking(code)
    print(f"{language_name(code)} ({code}){f': not searched; {problem}' if problem else ''}")
    for file in files:
        for pattern in file.patterns:
            print(printable(f"  {pattern.id}: {pattern.why} ({len(pattern.forms)} forms)"))


def _failure_line(path: Path, failure: Failure) -> str:
    name = failure.pattern.rpartition("/")[2]
    where = f"{path}: line {failure.line}: {name}"
    matched = f" (matched: {failure.matched})" if failure.matched else ""
    return f"{where}: {_FAULTS[failure.fault]}: {failure.sentence}{matched}"


def _summary(file: PatternFile, found: Sequence[Failure]) -> str:
    examples = sum(len(pattern.examples) for pattern in file.patterns)
    lookalikes = sum(len(pattern.lookalikes) for pattern in file.patterns)
    neutral = len(neutral_sentences(file.language))
    wrong = Counter(failure.fault for failure in found)
    return (
        f"{file.name}: {len(file.patterns)} patterns for {file.category} in "
        f"{language_name(file.language)}; of {examples} examples {wrong['missed']} not found; of "
        f"{lookalikes} look-alikes {wrong['lookalike']} found; of {neutral} everyday sentences "
        f"{wrong['neutral']} found"
    )


def _try_on(file: PatternFile, on: str) -> None:
    path = Path(on)
    if not path.exists():
        if on.endswith(".json") or "/" in on:
            raise UsageError(f"{on}: no such file or folder; to try a text put it in quotes")
        _try_on_text(file, on)
        return
    number = 0
    for result in _results(path):
        for match in _matches(file, result):
            number += 1
            print(printable(_match_line(result.source.name, match)))
    print(f"{on}: {number} found")


def _try_on_text(file: PatternFile, text: str) -> None:
    matcher = matcher_of(file.language, (file,), shipped=False)
    print(printable(text))
    print(printable(f"  as tokens: {' '.join(map(_shown, matcher.tokens(text)))}"))
    hits = matcher.find(text)
    for hit in hits:
        marks = "".join(f", {name}" for name in hit.marks)
        marks += ", by its sound" if hit.by_reading else ""
        slots = "".join(f"; {name}: {text[first:last]}" for name, first, last in hit.slots)
        print(printable(f"  {hit.pattern.id}: {text[hit.start : hit.end]}{marks}{slots}"))
    if not hits:
        print("  nothing found")


def _shown(token: Token) -> str:
    tags = sorted(key for key in token.keys if key.startswith("/"))
    return f"{token.text}{tags[0] if tags else ''}"


def _results(path: Path) -> Iterator[Result]:
    """The results in a file or a folder."""
    files = result_files(path) if path.is_dir() else [path]
    for file in files:
        try:
            result = read_result(file)
        except InputError as error:
            print(printable(f"warning: {error}"), file=sys.stderr)
            continue
        if result is not None:
            yield result
        elif not path.is_dir():
            raise UsageError(f"{path}: not a JSON result of reelmill voice")


def _matches(file: PatternFile, result: Result) -> list[PatternMatch]:
    matcher = matcher_of(file.language, (file,), shipped=False)
    return [
        match
        for turn in turn_texts(_transcript(result))
        if turn.language == file.language
        for match in matches_in(turn, matcher)
    ]


def _transcript(result: Result) -> Transcript:
    """What a JSON result says, as far as patterns need it."""
    segments = [
        Segment(
            one.start, one.end, one.text, 0.0, 0.0, 0.0, 0.0,
            [
                Word(word.start, word.end or word.start, word.word, word.score or 0.0, "aligned")
                for word in one.words
            ],
            one.speaker, one.language or result.language, one.channel,
        )
        for one in result.segments
    ]  # fmt: skip
    return Transcript(result.language, 1.0, "", 0.0, 0.0, segments)


def _match_line(recording: str, match: PatternMatch) -> str:
    who = f"{match.speaker}: " if match.speaker else ""
    marks = "".join(f", {name}" for name in match.marks)
    times = f"{match.start:.2f}-{match.end:.2f} s"
    return f"{recording}  {times}  [{match.pattern}{marks}] {who}{match.quote}"
