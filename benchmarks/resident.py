"""What a shared engine saves when there are many small runs.

Each way makes the same runs of one short recording, one after the other:

- an engine each: what `Run` does without `engine=`;
- one engine: `Run(..., engine=engine)`, which loads the model once;
- one run: recordings are added to an open run, as the server does for requests.

It prints the wall time and CPU time of each (all processes), the latency of a recording, and what
became of memory and descriptors. `--together N` starts the runs of the engine N at a time, and says
how full the batches were.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

import reelmill
from reelmill.engine.telemetry.events import RecordingFinished

SAMPLES = Path(reelmill.__file__).parent / "assets" / "samples"


@dataclass
class Figures:
    """Of one way: seconds, and for each recording the seconds until it was done."""

    way: str
    runs: int
    wall: float = 0.0
    cpu: float = 0.0
    #: CPU time of this process alone.
    own_cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)
    #: Resident memory in MB and open descriptors of this process, at a tenth and at the end.
    memory: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    items_per_batch: float | None = None

    def line(self) -> str:
        quick = sorted(self.latencies)
        p95 = quick[min(len(quick) - 1, int(0.95 * len(quick)))]
        fill = f"   {self.items_per_batch:.2f} items a batch" if self.items_per_batch else ""
        return (
            f"{self.way:<16} {self.wall:8.2f} s   CPU {self.cpu:8.2f} s (this process "
            f"{self.own_cpu:.2f})   a recording: median {statistics.median(quick):.3f} s, "
            f"95 % {p95:.3f} s   memory {self.memory[0]:.0f} -> {self.memory[-1]:.0f} MB, "
            f"descriptors {self.descriptors[0]} -> {self.descriptors[-1]}{fill}"
        )


def main() -> None:
    asked = _asked()
    options = {"model": asked.model, "aligner": "demo", "speakers": 1, "pages": asked.pages}
    if asked.model != "demo":
        options["aligner"] = "none"
    found = []
    with tempfile.TemporaryDirectory(prefix="reelmill-resident-") as folder:
        work = Path(folder)
        for name in asked.ways.split(","):
            source = _recordings(work / "in", asked.recording, asked.runs)
            found.append(_WAYS[name](work / name, source, options, asked.together))
            print(found[-1].line(), flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps([asdict(one) for one in found], indent=1) + "\n")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20, help="runs of each way")
    parser.add_argument("--ways", default="each,engine,run", help="of each, engine, run")
    parser.add_argument("--recording", type=Path, default=SAMPLES / "voicemail.wav")
    parser.add_argument("--model", default="demo", help="demo, tiny, base and so on")
    parser.add_argument("--pages", action="store_true", help="write a page for each recording")
    parser.add_argument("--together", type=int, default=1, help="runs of the engine at a time")
    parser.add_argument("--json", type=Path, help="write the figures there")
    return parser.parse_args()


def _recordings(folder: Path, source: Path, count: int) -> list[Path]:
    """Copies that differ in content, so that each is work of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    data = source.read_bytes()
    paths = [folder / f"{number:05}{source.suffix}" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(data + number.to_bytes(4, "little"))
    return paths


class _Measuring:
    """Measures one way: the time of all processes, and the state of this one."""

    def __init__(self, way: str, runs: int) -> None:
        self.figures = Figures(way, runs)
        self._own = psutil.Process()
        self._every = max(1, runs // 10)

    def __enter__(self) -> _Measuring:
        self._began = time.monotonic()
        self._own_cpu, self._cpu = time.process_time(), _cpu()
        return self

    def __exit__(self, *error: object) -> None:
        self.figures.wall = time.monotonic() - self._began
        self.figures.own_cpu = time.process_time() - self._own_cpu
        self.figures.cpu = _cpu() - self._cpu

    def done(self, seconds: float) -> None:
        self.figures.latencies.append(seconds)
        count = len(self.figures.latencies)
        if count in (self._every, self.figures.runs):
            self.figures.memory.append(self._own.memory_info().rss / (1 << 20))
            self.figures.descriptors.append(self._own.num_fds())


def _cpu() -> float:
    """CPU seconds of this process and of those that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def _each(out: Path, paths: list[Path], options: dict[str, Any], together: int) -> Figures:
    with _Measuring("an engine each", len(paths)) as measuring:
        for path in paths:
            began = time.monotonic()
            with reelmill.Run("voice", path, out=out / path.stem, device="cpu", **options):
                pass
            measuring.done(time.monotonic() - began)
    return measuring.figures


def _engine(out: Path, paths: list[Path], options: dict[str, Any], together: int) -> Figures:
    with _Measuring("one engine", len(paths)) as measuring, reelmill.Engine(device="cpu") as engine:
        for some in _groups(paths, together):
            began = time.monotonic()
            runs = [
                reelmill.Run("voice", path, out=out / path.stem, engine=engine, **options).start()
                for path in some
            ]
            for run in runs:
                run.wait()
                measuring.done(time.monotonic() - began)
    measuring.figures.items_per_batch = _fill(out)
    return measuring.figures


def _groups(paths: list[Path], size: int) -> Iterator[list[Path]]:
    for at in range(0, len(paths), size):
        yield paths[at : at + size]


def _one_run(out: Path, paths: list[Path], options: dict[str, Any], together: int) -> Figures:
    with _Measuring("one run", len(paths)) as measuring, reelmill.Engine(device="cpu") as engine:
        run = reelmill.Run("voice", out=out / "all", engine=engine, **options).start()
        done = (one for one in run.events() if isinstance(one, RecordingFinished))
        for some in _groups(paths, together):
            began = time.monotonic()
            run.add(some)
            for _ in some:
                next(done)
                measuring.done(time.monotonic() - began)
        run.wait()
    measuring.figures.items_per_batch = _fill(out)
    return measuring.figures


def _fill(out: Path) -> float | None:
    """The mean number of items of recognition's batches, over all runs."""
    own, share = 0, 0.0
    for file in out.glob("*/.cache/runs/*.jsonl"):
        for line in file.read_text().splitlines():
            values = json.loads(line)
            if values["event"] == "batch" and values["stage"] == "recognize":
                own += values["items"]
                # A batch with items of several runs is in the metrics of each.
                share += values["items"] / (values["items"] + values["other_items"])
    return own / share if share else None


_WAYS: dict[str, Callable[[Path, list[Path], dict[str, Any], int], Figures]] = {
    "each": _each,
    "engine": _engine,
    "run": _one_run,
}

if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
