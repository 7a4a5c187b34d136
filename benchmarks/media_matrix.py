"""Container x codec x track layouts through the commands as users run them.

Everything that FFmpeg's own tools keep and count has to be kept and counted, or a finding has to
report that it was not.

    python -m benchmarks.media_matrix [--section NAME] [--results FILE] [LAYOUT ...]

Files are made by the ffmpeg installed here; those for which it has no encoder are in the table as
absent. Prints a line for each layout and ends with 1 when one failed. `--results` writes the rows
as JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.matrix import faces, subtitle
from benchmarks.matrix.layouts import Row

#: A section gets a folder to work in and the names of layouts asked for (all when there are none).
SECTIONS: dict[str, Callable[[Path, tuple[str, ...]], Iterable[Row]]] = {
    "subtitle": subtitle.rows,
    "faces": faces.rows,
}


def main() -> int:
    """The table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--section", choices=SECTIONS, action="append")
    parser.add_argument("--results", type=Path)
    parser.add_argument(
        "layouts", nargs="*", help="run only layouts whose names contain one of these"
    )
    given = parser.parse_args()
    found: list[Row] = []
    for name in given.section or SECTIONS:
        with tempfile.TemporaryDirectory() as folder:
            for row in SECTIONS[name](Path(folder), tuple(given.layouts)):
                found.append(row)
                print(f"{row.outcome:6} {row.section}: {row.name}", file=sys.stderr)
    show(found)
    if given.results:
        given.results.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")
    return 1 if any(row.outcome == "FAIL" for row in found) else 0


def show(rows: list[Row]) -> None:
    """Print the table and how many of each outcome there are."""
    table = Table("section", "layout", "", "kept", "said, or wrong")
    for row in rows:
        told = "\n".join([*row.said, *(f"WRONG: {one}" for one in row.wrong)])
        table.add_row(row.section, row.name, row.outcome, row.kept, told)
    console = Console(width=160)
    console.print(table)
    counts = Counter(row.outcome for row in rows)
    console.print(", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items())))


if __name__ == "__main__":
    sys.exit(main())
