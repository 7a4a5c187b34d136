"""A row of the table: an input, its command, and the right result."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

#: For the demo film's sentences, which the demo models know.
COPIES = ("--translator", "demo", "--no-align", "--to", "ko", "--mux", "--burn")
_FIXED = {
    "voice": ("--no-align", "--formats", "json"),
    "subtitle": COPIES,
    "faces": ("--formats", "json", "--preset", "ultrafast"),
}
_SECONDS = 900

Finding = dict[str, Any]


@dataclass(frozen=True)
class Result:
    """The result of a command for a recording: exit code, length, findings and text."""

    code: int
    duration: float
    findings: list[Finding]
    error: str
    segments: list[dict[str, Any]] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    #: How many of the recordings given with it are done.
    others_done: int = 0

    @property
    def text(self) -> str:
        return " ".join(one["text"] for one in self.segments)

    def languages(self, code: str) -> tuple[int, int]:
        """When that language is spoken, in whole seconds; (-1, -1) if it is not."""
        spoken = [one for one in self.segments if one["language"] == code]
        return (int(spoken[0]["start"]), round(spoken[-1]["end"])) if spoken else (-1, -1)

    def labelled(self, label: str) -> list[Finding]:
        return [one for one in self.findings if one["label"] == label]

    def told(self) -> str:
        """The text in a cell of the table."""
        found = [f"{one['severity']}: {one['text']}" for one in self.findings]
        said = f"{len(words(self.text))} words" if self.segments else ""
        first = ", ".join(filter(None, [f"{self.duration:.1f} s", f"exit {self.code}", said]))
        return "\n".join(filter(None, [first, *found, self.error]))


Right = Callable[[Result, Path], bool]
#: Takes the input and the output folder, and returns what is wrong with the written files.
Look = Callable[[Path, Path], list[str]]


def _nothing_wrong(original: Path, out: Path) -> list[str]:
    return []


@dataclass(frozen=True)
class Case:
    """`file`: below the given folder. `right`: decides from the result and the input's path whether
    the result is as `expected`.

    `make`: generates the input.

    `command` None: no command is run, only `look`. `needs_words`: it is about words, which the demo
    model cannot recognize. `date`: the modification time of the input, seconds. `beside`: another
    recording given with it.
    """

    file: str
    expected: str
    right: Right
    options: tuple[str, ...] = ()
    command: str | None = "voice"
    look: Look = _nothing_wrong
    needs_words: bool = False
    date: float | None = None
    beside: Path | None = None
    make: Callable[[Path], None] | None = None


def tried(cases: Sequence[Case], folder: Path, work: Path, model: str) -> list[tuple[bool, str]]:
    """Run cases of one command and the same options together, and return for each whether the
    result is right, and the result.

    Args:
        folder: of the given inputs.
        work: an empty folder.
        model: the recognizer for rows about words.
    """
    inputs = [_input(case, folder, work) for case in cases]
    out = work / "out"
    code, said = _run(cases, inputs, out, model)
    found = []
    for case, original in zip(cases, inputs, strict=True):
        result = Result(0, 0.0, [], "")
        if case.command is not None:
            result = _result(code, said, original, out)
        wrong = case.look(original, out) if not result.error else []
        came = "\n".join([result.told(), *(f"WRONG: {one}" for one in wrong)])
        came = came.replace(str(original), case.file)
        found.append((not wrong and case.right(result, original), came))
    return found


def _input(case: Case, folder: Path, work: Path) -> Path:
    original = folder / case.file
    if case.make is not None:
        original = work / case.file
        original.parent.mkdir(exist_ok=True)
        case.make(original)
    if case.date is not None:
        copy = work / original.name
        shutil.copyfile(original, copy)
        os.utime(copy, (case.date, case.date))
        original = copy
    return original


def _run(cases: Sequence[Case], inputs: Sequence[Path], out: Path, model: str) -> tuple[int, str]:
    """Exit code and what was said on standard error."""
    case = cases[0]
    if case.command is None:
        return 0, ""
    beside = {str(one.beside) for one in cases if one.beside is not None}
    options = [*_FIXED[case.command], *case.options]
    if case.command == "voice" and "--diarizer" not in options:
        options += ["--diarizer", "none"]
    if case.command != "faces":
        options += ["--model", model if case.needs_words else "demo"]
    command = [sys.executable, "-m", "reelmill", case.command, *map(str, inputs), *sorted(beside)]
    done = subprocess.run(
        [*command, "-o", str(out), *options],
        check=False,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return done.returncode, done.stderr.strip()


def _result(code: int, said: str, original: Path, out: Path) -> Result:
    """The result of a run for one of its recordings. Its code is 1 if the recording failed or is
    not whole, as the run's must be then."""
    if not (out / "performance_report.json").is_file():
        return Result(code, 0.0, [], said or "no report")
    report = json.loads((out / "performance_report.json").read_text("utf-8"))
    listed = out / "failed_files.json"
    bad = json.loads(listed.read_text("utf-8")) if listed.is_file() else []
    own = int(any(one["file"] == str(original) for one in bad))
    if code != int(bool(bad)):
        return Result(code, 0.0, [], f"exit code {code} with {len(bad)} in failed_files.json")
    path = out / f"{original.stem}.json"
    made = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return Result(
        own,
        made.get("duration", 0.0),
        [
            finding
            for one in report["recording_findings"]
            if one["file"] == str(original)
            for finding in one["findings"]
        ],
        "; ".join(one["error"] for one in report["failed_files"] if one["file"] == str(original)),
        made.get("segments", []),
        made.get("turns", []),
        report["successful"] - 1,
    )


# -- what is right


def says(label: str, *parts: str) -> Right:
    """A finding of that label has all those parts in its text."""
    return lambda result, path: any(
        all(part in one["text"] for part in parts) for one in result.labelled(label)
    )


def lasts(seconds: float, within: float = 0.1) -> Right:
    return lambda result, path: abs(result.duration - seconds) <= within


def lasts_as_truth(within: float = 0.5) -> Right:
    """The last speech ends no later than the result."""
    return lambda result, path: result.duration >= truth(path)[-1][1] - within


def every(*checks: Right) -> Right:
    return lambda result, path: all(check(result, path) for check in checks)


def either(*checks: Right) -> Right:
    return lambda result, path: any(check(result, path) for check in checks)


def without(label: str) -> Right:
    return lambda result, path: not result.labelled(label)


def fails(*parts: str) -> Right:
    return lambda result, path: all(part in result.error for part in parts)


def exits(code: int) -> Right:
    return lambda result, path: result.code == code


def done(result: Result, path: Path) -> bool:
    return result.code == 0 and not result.error and not result.labelled("not kept")


def hears(share: float) -> Right:
    """At least this share of the spoken words is found in order."""
    return lambda result, path: heard(result.text, truth(path)) >= share


def says_text(*texts: str) -> Right:
    """Each of these texts is in the recognized text, regardless of case and marks."""
    return lambda result, path: all(
        " ".join(words(text)) in " ".join(words(result.text)) for text in texts
    )


def silent_between(start: float, end: float) -> Right:
    """No segment reaches into those seconds."""
    return lambda result, path: (
        not any(one["start"] < end and one["end"] > start for one in result.segments)
    )


def truth(path: Path) -> list[tuple[float, float, str, str]]:
    """Start, end, language and text of everything said in a recording, from the file beside it."""
    told: Sequence[Any] = json.loads(path.with_name(f"{path.stem}.truth.json").read_text("utf-8"))
    return [(start, end, language, text) for start, end, language, text in told]


def heard(text: str, said: Sequence[tuple[float, float, str, str]]) -> float:
    """The share of the spoken words that are in the text in order."""
    wanted = [word for *_, one in said for word in words(one)]
    found = SequenceMatcher(None, wanted, words(text), autojunk=False).get_matching_blocks()
    return sum(block.size for block in found) / max(1, len(wanted))


def words(text: str) -> list[str]:
    """Words without case and marks."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return re.findall(r"\w+", plain)
