"""Transcribe recordings put into a folder, until it has a file named `stop`.

    python inbox.py inbox/ transcripts/ large-v3

A recording is added once its size is the same at two checks in a row.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import reelmill

LOOK_EVERY_S = 0.5


def tell(run: reelmill.Run) -> None:
    """Print events, in a thread beside the one that looks for files."""
    for event in run.events():
        if isinstance(event, reelmill.RecordingFinished):
            print(f"{event.outcome.status}: {event.outcome.name}", flush=True)
        elif isinstance(event, reelmill.Warned):
            print(f"warning: {event.text}", flush=True)


def settled(folder: Path, sizes: dict[Path, int]) -> list[Path]:
    """Files with the same size as at the last check; `sizes` is updated."""
    now = {path: path.stat().st_size for path in folder.iterdir() if path.name != "stop"}
    same = [path for path, size in now.items() if sizes.get(path) == size]
    sizes.clear()
    sizes.update(now)
    return same


def main(folder: Path, out: Path, model: str) -> int:
    """Run until told to stop; returns how many recordings failed."""
    sizes: dict[Path, int] = {}
    taken: set[Path] = set()
    with reelmill.Run("voice", out=out, model=model) as run:
        threading.Thread(target=tell, args=(run,)).start()
        while not (folder / "stop").exists():
            if new := set(settled(folder, sizes)) - taken:
                run.add(new)
                taken |= new
            time.sleep(LOOK_EVERY_S)
    return run.summary.count("failed")


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]), 1))
