"""The engine's own cost: coordinator time per item, planning, resuming, memory, monitor.

    python benchmarks/engine.py --json engine.json
    python benchmarks/engine.py --parts monitor

Every figure comes from a run of its own process on real processes and files, with stages that do
almost nothing. The state to resume is made by actually running all recordings.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import json
import os
import platform
import pstats
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).resolve()
#: The most each figure may be.
LIMITS = {
    "ms_per_item": 1.0,
    "plan_seconds": 5.0,
    "resume_seconds": 3.0,
    "memory_growth": 0.10,
    "monitor_percent": 1.0,
}
PARTS = ("items", "plan", "memory", "monitor")
#: As many processes as a run has at most: 18 CPU workers and a few model workers.
_PROCESSES = 24


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    detail: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.limit is None else self.value <= self.limit


def make_recordings(folder: Path, recordings: int, items: int) -> None:
    """Files that say how many items they have; each content is different."""
    for number in range(recordings):
        path = folder / f"{number // 1000:03d}" / f"{number:06d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{items} items, recording {number}\n")


# -- one run, in a process of its own


def run_once(folder: Path, out: Path, profile: str | None) -> dict[str, Any]:
    """Run the pipeline on a folder; how long it took and what the coordinator used."""
    from engine_stages import adding_pipeline

    from reelmill.engine.config import EngineConfig
    from reelmill.engine.execution.coordinator import Coordinator
    from reelmill.engine.telemetry.events import Event, Planned
    from reelmill.runs.sources import find_sources

    planned_at: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Planned):
            planned_at.append(time.perf_counter())

    profiler = cProfile.Profile() if profile else None
    if profiler:
        profiler.enable()
    cpu, began = time.process_time(), time.perf_counter()
    sources = find_sources([folder], out)
    coordinator = Coordinator(adding_pipeline(out), EngineConfig(out, arena_bytes=64 << 20), listen)
    summary = asyncio.run(coordinator.run(sources))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    if profiler and profile:
        profiler.disable()
        profiler.dump_stats(profile)
    add = next(stage for stage in summary.stages if stage.name == "add")
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "plan_seconds": planned_at[0] - began,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "items": add.items,
        "batches": add.batches,
        "done": summary.count("done"),
        "reused": sum(outcome.reused for outcome in summary.outcomes),
        "recordings": len(summary.outcomes),
    }


def in_own_process(folder: Path, out: Path, profile: Path | None = None) -> dict[str, Any]:
    command = [sys.executable, str(_SCRIPT), "--one", str(folder), str(out)]
    if profile:
        command += ["--profile", str(profile)]
    began = time.perf_counter()
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, Any] = json.loads(finished.stdout)
    result["process_seconds"] = time.perf_counter() - began
    if result["done"] != result["recordings"]:
        raise SystemExit(f"only {result['done']} of {result['recordings']} recordings were done")
    return result


# -- the measurements


def item_cost(work: Path, items: int, profile: Path | None) -> list[Figure]:
    """CPU time of the coordinator for many tiny items in a hundred recordings."""
    recordings = 100
    make_recordings(work / "in", recordings, items // recordings)
    result = in_own_process(work / "in", work / "out", profile)
    ms = 1000 * result["cpu_seconds"] / result["items"]
    detail = (
        f"{result['items']:,} items, {result['batches']:,} batches, {recordings} recordings in "
        f"{result['seconds']:.1f} s"
    )
    return [Figure("coordinator CPU per item", ms, "ms", LIMITS["ms_per_item"], detail)]


def plan_and_resume(work: Path, recordings: int, profile: Path | None) -> list[Figure]:
    """Plan recordings never seen, do them all, and come back when all is done."""
    make_recordings(work / "in", recordings, 1)
    first = in_own_process(work / "in", work / "out")
    again = in_own_process(work / "in", work / "out", profile)
    assert again["reused"] == recordings
    cpu = 1000 * first["cpu_seconds"] / recordings
    many = f"{recordings:,} recordings"
    return [
        Figure("planning", first["plan_seconds"], "s", LIMITS["plan_seconds"], many),
        Figure("doing them", first["seconds"], "s", None, f"{many}, {cpu:.2f} ms CPU each"),
        Figure("resuming, planning alone", again["plan_seconds"], "s", None, many),
        Figure(
            "resuming, whole process",
            again["process_seconds"],
            "s",
            LIMITS["resume_seconds"],
            f"{many}, all done before; {again['peak_mb']:.0f} MB",
        ),
    ]


def memory(work: Path, fewer: int, more: int) -> list[Figure]:
    """Peak resident memory of the coordinator for the same recordings cut finer."""
    recordings = 20
    peaks = {}
    for items in (fewer, more):
        folder = work / str(items)
        make_recordings(folder / "in", recordings, items // recordings)
        peaks[items] = in_own_process(folder / "in", folder / "out")["peak_mb"]
    growth = peaks[more] / peaks[fewer] - 1
    detail = f"{recordings} recordings"
    return [
        Figure(f"peak memory at {fewer:,} items", peaks[fewer], "MB", None, detail),
        Figure(f"peak memory at {more:,} items", peaks[more], "MB", None, detail),
        Figure("growth", growth, "", LIMITS["memory_growth"]),
    ]


def monitor_cost(work: Path, samples: int) -> list[Figure]:
    """CPU time of the work done once a second: a sample of many processes and of NVML's devices,
    its line of metrics, and the decisions of the policies."""
    from reelmill.engine.resources.device_policy import DevicePolicy
    from reelmill.engine.resources.memory_policy import MemoryPolicy
    from reelmill.engine.resources.monitor import Monitor, NvmlDevices

    sleep = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    children = [subprocess.Popen(sleep, stdin=subprocess.PIPE) for _ in range(_PROCESSES)]
    monitor = Monitor(NvmlDevices(), lambda: [os.getpid(), *(process.pid for process in children)])
    memory_policy, device_policy, costs = MemoryPolicy(1.0), DevicePolicy((), automatic=True), []
    try:
        with (work / "metrics.jsonl").open("w", buffering=1) as lines:
            for number in range(samples):
                began = time.process_time()
                sample = monitor.take()
                lines.write(json.dumps(sample.as_line()) + "\n")
                memory_policy.look(sample, ())
                device_policy.look(sample, float(number), {}, 0.0)
                costs.append(time.process_time() - began)
                time.sleep(0.02)
    finally:
        for process in children:
            process.communicate()
    percent = 100 * sum(costs) / len(costs)
    devices = len(sample.devices)
    detail = f"{_PROCESSES} processes, {devices} GPUs; dearest of {samples}: {max(costs):.2%}"
    return [Figure("monitor, of one core", percent, "%", LIMITS["monitor_percent"], detail)]


def measure(options: argparse.Namespace, work: Path) -> list[Figure]:
    figures: list[Figure] = []
    profiles: Path | None = options.profile
    if profiles:
        profiles.mkdir(parents=True, exist_ok=True)
    if "items" in options.parts:
        figures += item_cost(work / "a", options.items, profiles and profiles / "items.prof")
    if "plan" in options.parts:
        recordings = options.recordings
        figures += plan_and_resume(work / "b", recordings, profiles and profiles / "resume.prof")
    if "memory" in options.parts:
        figures += memory(work / "c", options.items // 5, options.items * 2)
    if "monitor" in options.parts:
        figures += monitor_cost(work, options.samples)
    return figures


def table(figures: Sequence[Figure]) -> str:
    marks = {True: "ok", False: "MISSED", None: ""}
    lines = []
    for figure in figures:
        limit = "" if figure.limit is None else f"<= {figure.limit:g} {figure.unit}".strip()
        value = f"{figure.value:.3f} {figure.unit}"
        lines.append(
            f"{figure.name:32} {value:>12}  {limit:10} {marks[figure.met]:6}  {figure.detail}"
        )
    return "\n".join(line.rstrip() for line in lines)


def as_json(figures: Sequence[Figure]) -> str:
    machine = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
    }
    values = [{**vars(figure), "met": figure.met} for figure in figures]
    return json.dumps({"machine": machine, "figures": values}, indent=1) + "\n"


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--items", type=int, default=50_000, help="number of tiny items [50000]")
    parser.add_argument("--recordings", type=int, default=10_000, help="recordings to plan [10000]")
    parser.add_argument(
        "--parts", nargs="+", choices=PARTS, default=PARTS, help="parts to measure [all]",
    )  # fmt: skip
    parser.add_argument("--samples", type=int, default=200, help="samples of the monitor [200]")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--profile", type=Path, help="write cProfile statistics into this folder")
    parser.add_argument("--work", type=Path, help="folder for files made on the way [temporary]")
    parser.add_argument("--one", type=Path, nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    if options.one:
        profile = str(options.profile) if options.profile else None
        print(json.dumps(run_once(*options.one, profile)))
        return 0
    work = Path(tempfile.mkdtemp(prefix="reelmill-bench-", dir=options.work))
    try:
        figures = measure(options, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(table(figures))
    if options.profile:
        for file in sorted(options.profile.glob("*.prof")):
            print(f"\n{file.name}")
            pstats.Stats(str(file)).sort_stats("cumulative").print_stats(40)
    if options.json:
        options.json.write_text(as_json(figures))
    return 0 if all(figure.met is not False for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
