"""Try every known attack again, through the command line.

    python -m benchmarks.attacks --json benchmarks/results/attacks.json

Each row has a fresh temporary folder and a time limit. Every file there that no command of ours
wrote is hashed before and after each command: a change or a loss fails the row in any case. So does
a traceback, a program of the attacker's that ran, a forged result that was adopted, and a
disagreement with the evidence that `verify` did not report. Exits with 1 if any row fails.

Rows 1 to 33 are those that succeeded against version 0.1.0, w1 and so on are its weak points, h1
and so on attacks that failed. `--rows 1,4,w3` tries some. `--arrangements 1000` instead runs
commands in random arrangements of recordings, output folders, links and earlier files.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.attacks import bombs, descriptors, held, orders, originals, verification, weak
from benchmarks.attacks.rows import ROWS, Outcome, Row, Tried
from benchmarks.attacks.sandbox import Sandbox
from benchmarks.common import told_command, write_result

#: These modules register their rows when imported.
_SUBJECTS = (originals, orders, descriptors, bombs, verification, weak, held)
_WIDTH = 200


def main() -> int:
    options = _options()
    if options.arrangements:
        from benchmarks.attacks.arrangements import run_arrangements

        return run_arrangements(options.arrangements, options.first, options.jobs, options.json)
    began = time.monotonic()
    chosen = _chosen(options.rows)
    with ThreadPoolExecutor(options.jobs) as jobs:
        tried = list(jobs.map(_try, chosen))
    _print_table(tried)
    sums = _sums(tried)
    for name, value in sums.items():
        print(f"{name}: {value}")
    minutes = (time.monotonic() - began) / 60
    print(f"{len(tried)} rows in {minutes:.1f} minutes")
    content = {
        "command": told_command("benchmarks.attacks"),
        "minutes": round(minutes, 1),
        "sums": sums,
        "rows": [one.as_json() for one in tried],
    }
    write_result(options.json, content)
    return 1 if any(one.verdict == "FAIL" for one in tried) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--rows", help="rows to run, such as 1,4,w3 [all]")
    parser.add_argument("--jobs", type=int, default=2, help="rows at a time [2]")
    parser.add_argument("--json", type=Path, help="write the outcome to this file")
    parser.add_argument(
        "--arrangements", type=int, help="instead, try this number of random arrangements"
    )
    parser.add_argument("--first", type=int, default=0, help="the first arrangement's seed [0]")
    return parser.parse_args()


def _chosen(names: str | None) -> list[Row]:
    if names is None:
        return sorted(ROWS.values(), key=_place)
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in ROWS]
    if unknown:
        raise SystemExit(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    return [ROWS[name] for name in wanted]


def _place(row: Row) -> tuple[int, int, str]:
    kind, number, rest = re.fullmatch(r"(\D*)(\d+)(\D*)", row.number).groups()  # type: ignore[union-attr]
    return ["", "w", "h"].index(kind), int(number), rest


def _try(row: Row) -> Tried:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(
        prefix="reelmill-attack-", ignore_cleanup_errors=True
    ) as folder:
        box = Sandbox(Path(folder).resolve() / "box", deadline=row.seconds)
        try:
            outcome = row.attempt(box)
        except Exception as error:  # noqa: BLE001 (a row that cannot be tried fails by itself)
            outcome = Outcome(f"the row itself failed: {type(error).__name__}: {error}", False)
        programs = int(box.canary.exists())
        shutil.rmtree(box.root, ignore_errors=True)
    tried = Tried(row, outcome, time.monotonic() - began, box.harmed, programs, box.tracebacks)
    print(f"{row.number:>3} {tried.verdict:9} {tried.seconds:5.1f} s  {tried.told}", flush=True)
    return tried


def _print_table(tried: Sequence[Tried]) -> None:
    table = Table(title="attacks", show_lines=True)
    for name, share in (
        ("row", 0), ("attack", 3), ("how", 4), ("outcome now", 6), ("verdict", 0), ("right", 4)
    ):  # fmt: skip
        table.add_column(name, ratio=share or None, no_wrap=not share, overflow="fold")
    for one in tried:
        issue = "" if one.row.issue == 12 else f"\n(issue {one.row.issue})"
        cells = (one.row.number, one.row.attack, one.row.how, one.told)
        table.add_row(*map(Text, cells), Text(one.verdict + issue), Text(one.row.right))
    Console(width=_WIDTH).print(table)


def _sums(tried: Sequence[Tried]) -> dict[str, int | str]:
    anchors = [name for one in tried for name in one.outcome.anchors]
    return {
        "originals and other people's files changed": sum(len(one.harmed) for one in tried),
        "foreign programs run": sum(one.programs for one in tried),
        "forged results adopted": sum(one.outcome.forged for one in tried),
        "disagreements missed": sum(one.outcome.missed for one in tried),
        "seen only with an anchor kept elsewhere": ", ".join(anchors) or "none",
        "rows that fail": ", ".join(t.row.number for t in tried if t.verdict == "FAIL") or "none",
        "rows not tried": ", ".join(t.row.number for t in tried if t.verdict == "not tried")
        or "none",
    }


if __name__ == "__main__":
    sys.exit(main())
