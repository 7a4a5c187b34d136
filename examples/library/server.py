"""Two runs at once inside an event loop, as in a web server or a notebook, with live progress.

python server.py calls/ films/ results/
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import reelmill


async def progress(name: str, run: reelmill.Run) -> None:
    """Print what would be sent to a browser."""
    async for event in run.events():
        if isinstance(event, reelmill.RecordingFinished):
            print(f"{name}: {event.outcome.name} {event.outcome.status}")


async def work(name: str, task: str, folder: str, out: Path, **settings: str) -> int:
    """Run one job on its own output folder; returns how many recordings are done."""
    async with reelmill.Run(task, folder, out=out / name, **settings) as run:
        watching = asyncio.create_task(progress(name, run))
        summary = await run.wait_async()
        await watching
    return summary.count("done")


async def main(calls: str, films: str, out: Path) -> int:
    """Run both jobs at the same time; returns how many recordings are done in all."""
    done = await asyncio.gather(
        work("calls", "voice", calls, out, model="demo", diarizer="none"),
        work("films", "subtitle", films, out, model="demo", translator="demo", to="ko"),
    )
    return sum(done)


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))))
