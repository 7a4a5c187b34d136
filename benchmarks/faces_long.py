"""A video of an hour, or six, cut to the people in it: memory over time, and whether picture and
sound are still together at the end.

    python -m benchmarks.faces_long --hours 1 --json benchmarks/results/faces_long_1h.json
    python -m benchmarks.faces_long --hours 6 --height 180 --rate 12 \
        --json benchmarks/results/faces_long_6h.json

Generates a minute of three people in shots, with a flash and a click each second, and repeats it.
Memory is the proportional set size of all processes, summed, every two seconds. The offset is that
of flash and click in the last minute of each person's clip, which lasts as long as the person is
seen and has had hundreds of stretches cut out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.common import REELMILL, show, told_command, tree_memory_mb, write_result
from benchmarks.long_video import repeated
from synthetic.videos import Script, make_video, read_truth

_EVERY_S = 2.0
_LAST_S = 60.0
#: Height of a face that is found in pictures which are small anyway.
_SMALLEST = 30


def main() -> None:
    parser = argparse.ArgumentParser(description="a video of hours: memory, and sync at its end")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--height", type=int, default=360, help="height of the picture in pixels")
    parser.add_argument("--rate", type=int, default=25, help="frames per second")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--top", type=int, default=3, help="number of persons to make clips of")
    parser.add_argument(
        "--options", default="", help="further options of `reelmill faces`, such as '--size 120'"
    )
    parser.add_argument(
        "--work", type=Path, help="folder for video and clips; kept, and used again"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reelmill-long-") as folder:
        work = options.work or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        row, timeline = trial(options, work)
    show("a long video", [row])
    command = told_command("benchmarks.faces_long")
    content = {"command": command, "rows": [row], "memory_mb_over_time": timeline}
    write_result(options.json, content)
    sys.exit(0 if row["all right"] else 1)


def trial(options: argparse.Namespace, work: Path) -> tuple[dict[str, Any], list[list[float]]]:
    minutes = max(1, round(options.hours * 60))
    unit, video, out = work / "minute.mp4", work / "long.mp4", work / "out"
    height = options.height
    script = Script(
        seconds=60,
        width=round(height * 8 / 9) * 2,
        height=height,
        rate=options.rate,
        persons=3,
        sizes=(max(_SMALLEST, round(height / 9)), max(2 * _SMALLEST, round(height / 3.3))),
        flashes=True,
        seed=11,
    )
    if not video.exists():
        make_video(unit, script, work / "truth.json")
        repeated(unit, work / "part.mp4", minutes)
        (work / "part.mp4").rename(video)
    truth = read_truth(work / "truth.json")
    command = [
        *REELMILL, "faces", str(video), "-o", str(out), "--clip", "person", "--quiet", "--fresh",
        "--identity", "appearance", "--workers", str(options.workers), "--top", str(options.top),
        *options.options.split(),
    ]  # fmt: skip
    began = time.monotonic()
    process = subprocess.Popen(command)
    memory = Memory(process.pid)
    code = process.wait()
    seconds = time.monotonic() - began
    samples = memory.stop()
    document = json.loads((out / f"{video.stem}.faces.json").read_text())
    offsets = [offset_at_end(out / clip["file"]) for clip in document["clips"]]
    quarters = [max(part) for part in np.array_split([mb for _, mb in samples], 4)]
    row = {
        "hours": minutes / 60,
        "picture": f"{script.width}x{script.height}",
        "frames/s": script.rate,
        "exit code": code,
        "seconds": round(seconds, 1),
        "x real time": round(minutes * 60 / seconds, 2),
        "peak MB": round(max(quarters)),
        "peak MB by quarter": [round(value) for value in quarters],
        "persons": len(document["persons"]),
        "persons with clips": len(document["clips"]),
        "true persons": len(truth.names),
        "frames offset at end": round(max(map(abs, offsets)) * script.rate, 2),
        "clip minutes": [round(clip["seconds"] / 60, 1) for clip in document["clips"]],
    }
    row["all right"] = (
        code == 0
        and row["persons with clips"] == min(options.top, row["true persons"])
        and row["peak MB"] < 2000
        and row["frames offset at end"] <= 1
    )
    every = max(1, len(samples) // 120)
    return row, [[round(at, 1), round(mb)] for at, mb in samples[::every]]


class Memory:
    """Watches the memory of a process tree from a thread: seconds and MB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._samples: list[tuple[float, float]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        began = time.monotonic()
        while not self._ended.wait(_EVERY_S):
            self._samples.append((time.monotonic() - began, tree_memory_mb(self._pid)))

    def stop(self) -> list[tuple[float, float]]:
        self._ended.set()
        self._thread.join()
        return [sample for sample in self._samples if sample[1] > 0]


def offset_at_end(clip: Path) -> float:
    """Seconds by which the clicks in the last minute come after the flashes, of those the most.

    Raises ValueError when there is no flash with a click near it.
    """
    clicks = _clicks(clip)
    # a picture is sought from the key frame before, which may be seconds earlier
    flashes = [at for at in _flashes(clip) if len(clicks) and at >= clicks[0] - 0.001]
    if not flashes:
        raise ValueError(f"{clip}: no flash, or no click, in its last minute")
    nearest = [clicks[np.abs(clicks - at).argmin()] - at for at in flashes]
    return float(max(nearest, key=abs))


def _flashes(clip: Path) -> list[float]:
    """When a picture is much brighter than those before and after it."""
    with av.open(str(clip)) as source:
        stream = source.streams.video[0]
        _to_last_minute(source, stream)
        lit = [(float(f.time), float(f.to_ndarray(format="gray").mean()))
               for f in source.decode(stream)]  # fmt: skip
    light = np.array([value for _, value in lit])
    peaks = (light[1:-1] > light[:-2] + 12) & (light[1:-1] > light[2:] + 12)
    return [lit[i + 1][0] for i in np.flatnonzero(peaks)]


def _clicks(clip: Path) -> np.ndarray:
    """When clicks of 1 kHz begin."""
    with av.open(str(clip)) as source:
        stream = source.streams.audio[0]
        rate = stream.rate
        _to_last_minute(source, stream)
        frames = [(float(f.time), f.to_ndarray().mean(axis=0)) for f in source.decode(stream)]
    samples = np.concatenate([part for _, part in frames])
    loud = np.convolve(samples**2, np.ones(rate // 1000) / (rate // 1000), mode="same") > 0.02
    starts = np.flatnonzero(loud[1:] & ~loud[:-1]) + 1
    kept = [at for i, at in enumerate(starts) if i == 0 or at - starts[i - 1] > rate // 10]
    return frames[0][0] + np.array(kept, float) / rate


def _to_last_minute(source: Any, stream: Any) -> None:
    start = max(0.0, float(stream.duration * stream.time_base) - _LAST_S)
    source.seek(round(start / stream.time_base), stream=stream)


if __name__ == "__main__":
    main()
