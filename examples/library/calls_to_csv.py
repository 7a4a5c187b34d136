"""Every sentence of a folder of calls as a line of CSV: file, start, end, speaker, text.

python calls_to_csv.py calls/ sentences.csv large-v3
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import reelmill


def main(folder: str, table: str, model: str) -> int:
    """Write the table; returns how many recordings failed."""
    failed = 0
    with Path(table).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["recording", "start", "end", "speaker", "text"])
        for result in reelmill.transcribe(folder, model=model, out=f"{table}.results"):
            if result.status == "failed":
                failed += 1
                print(f"{result.recording.name}: {result.error.message}", file=sys.stderr)
            for one in result.segments:
                times = f"{one.start:.2f}", f"{one.end:.2f}"
                rows.writerow([result.recording.name, *times, one.speaker, one.text.strip()])
    return failed


if __name__ == "__main__":
    sys.exit(min(main(*sys.argv[1:4]), 1))
