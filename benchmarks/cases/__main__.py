"""Small inputs that once went wrong, run through the commands, with the right result.

    python -m benchmarks.cases FOLDER [NAME ...] [--model FOLDER] [--json FILE]

FOLDER has the inputs, in `voice/` and `video/`; those of `fresh/` are generated, of the same kinds
(`synthetic/oddities.py`, `synthetic/odd_sounds.py`, layouts of `benchmarks.media_matrix`). With
names, only rows are tried whose file name contains one of them. Rows about words need a real
Whisper (`--model`); without one they are left out. Prints a line for each row: file, expected,
actual, ok or FAIL. Ends with 1 if a row failed, and with 2 if a file is missing or one in FOLDER
has no row. `--json`: rows that are already in the file are kept unless they are tried again.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.cases.case import Case, tried
from benchmarks.cases.faces import FACES
from benchmarks.cases.subtitle import SUBTITLE
from benchmarks.cases.voice import VOICE
from benchmarks.common import told_command, write_result

CASES = [*VOICE, *SUBTITLE, *FACES]

Row = dict[str, Any]


def main() -> int:
    """The table; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", help="only files whose name contains one of these")
    parser.add_argument("--model", help="folder of a real Whisper model, for the rows about words")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    given = parser.parse_args()
    chosen = [
        case
        for case in CASES
        if (given.model or not case.needs_words)
        if not given.names or any(name in case.file for name in given.names)
    ]
    wrong = problems(chosen, given.folder)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 2
    rows = list(_rows(chosen, given.folder, given.model))
    show(rows)
    if given.json is not None:
        rows = _with_earlier(given.json, rows)
        content = {"command": told_command("benchmarks.cases"), "rows": rows}
        write_result(given.json, content)
    return 1 if any(row["outcome"] == "FAIL" for row in rows) else 0


def _rows(chosen: list[Case], folder: Path, model: str) -> Iterator[Row]:
    """The rows; those with the same command and options come from one run."""
    groups: dict[tuple[object, ...], list[Case]] = {}
    for case in chosen:
        groups.setdefault((case.command, case.options, case.needs_words), []).append(case)
    for cases in groups.values():
        with tempfile.TemporaryDirectory(prefix="reelmill-cases-") as work:
            found = tried(cases, folder, Path(work), model)
        for case, (is_right, came) in zip(cases, found, strict=True):
            row = _row(case, came, is_right)
            print(f"{row['outcome']:5} {case.file}", file=sys.stderr, flush=True)
            yield row


def problems(cases: list[Case], folder: Path) -> list[str]:
    """Why the table cannot be made: missing files, and files without a row."""
    if not cases:
        return ["no row is about such a file"]
    absent = [
        f"not in {folder}: {case.file}"
        for case in cases
        if case.make is None and not (folder / case.file).is_file()
    ]
    known = {case.file for case in CASES}
    inputs = (
        path.relative_to(folder).as_posix()
        for path in sorted(folder.glob("*/*"))
        if ".truth." not in path.name
    )
    return absent + [f"no row is about {name}" for name in inputs if name not in known]


def _row(case: Case, came: str, is_right: bool) -> Row:
    return {
        "file": case.file,
        "command": " ".join(filter(None, [case.command, *case.options])),
        "expected": case.expected,
        "came": came,
        "outcome": "ok" if is_right else "FAIL",
    }


def _with_earlier(path: Path, rows: list[Row]) -> list[Row]:
    """The rows in the order of the table, including those of earlier calls that were not tried
    now."""
    found = {(row["file"], row["expected"]): row for row in rows}
    if path.is_file():
        earlier: list[Row] = json.loads(path.read_text("utf-8"))["rows"]
        found = {(row["file"], row["expected"]): row for row in earlier} | found
    keys = [(case.file, case.expected) for case in CASES]
    return [found[key] for key in keys if key in found]


def show(rows: list[Row]) -> None:
    """Print the table, and how many rows failed."""
    table = Table("file", "expected", "came", "")
    for row in rows:
        table.add_row(row["file"], row["expected"], row["came"], row["outcome"])
    console = Console(width=150)
    console.print(table)
    failed = sum(row["outcome"] == "FAIL" for row in rows)
    console.print(f"{len(rows)} rows, {failed} failed")


if __name__ == "__main__":
    sys.exit(main())
