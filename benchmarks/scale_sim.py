"""Where many workers stop scaling, simulated from measured costs, and checked against real workers.

    python -m benchmarks.scale_sim [--x-real-time 33.8] [--recordings 10000000]
    python -m benchmarks.scale_sim --check --json benchmarks/results/scale_sim.json

One submitter, one shared file system, 1 to 256 workers. Recordings have the lengths of the phone
calls that Reelmill was made for (median 158 s, mean 510 s, at most 69 minutes; log-normal), and are
grouped into shards by the product's own rule. Measured are

- how fast a worker is (`--x-real-time`; by default two cores with Whisper base, from
  results/real_recognition.json; no GPU was ever measured: give the figure of yours);
- what the submitter does for each recording, one after the other: planning, gathering results and
  writing files (results/scale_tiny.json, CPU time, less what the broker and workers take).

Assumed are what the shared file system can read (`--store-mb`, MB/s; a worker reads each recording
twice, to hash and to decode it, and the submitter once more) and the bytes of a second of sound
(`--kb-per-second`: AAC as phones record it). With these four the table says how long it takes, how
many workers' worth of work was done, and what everything waited for.

`--check` runs the toy pipeline of the tests, whose items sleep, on 1 to 4 real Celery workers: the
first run gives the speed of a worker, and the simulation has to predict the other three.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import show, told_command, write_result
from reelmill.scale.shards import grouped

_RESULTS = Path(__file__).parent / "results"
_MEDIAN_S, _MEAN_S, _LONGEST_S = 158.0, 510.0, 69 * 60.0
_WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
#: More recordings than this are simulated by this many, each standing for several.
_MOST_DRAWN = 1_000_000
#: A step of the toy pipeline sleeps as long, in seconds.
_STEP_S = 0.2


@dataclass(frozen=True)
class Costs:
    """What is measured and assumed; see above. Seconds and bytes."""

    x_real_time: float
    submitter_s: float
    store_bytes_s: float
    bytes_per_second: float
    #: From the start of the command to the first shard, and after the last result.
    fixed_s: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What a simulated run took, and how long each shared thing was busy, in seconds."""

    seconds: float
    computing_s: float
    submitter_s: float
    store_s: float


def main() -> None:
    options = _options()
    costs = _costs(options)
    lengths, each = _lengths(options.recordings)
    rows = [_row(workers, simulate(lengths, each, workers, costs), costs) for workers in _WORKERS]
    for row in rows:
        row["times one"] = rows[0]["hours"] / row["hours"]
        row["efficiency %"] = 100 * row["times one"] / row["workers"]
    show(f"{options.recordings:,} recordings at {costs.x_real_time:g} x real time a worker", rows)
    content = {"command": told_command("benchmarks.scale_sim"), "costs": vars(costs), "rows": rows}
    if options.check:
        content["check"] = checked()
        show("simulated and measured", content["check"])
    write_result(options.json, content)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--x-real-time", type=float, help="speed of a worker [measured, no GPU]")
    parser.add_argument("--recordings", type=int, default=10_000_000, help="number of recordings")
    parser.add_argument("--store-mb", type=float, default=1000, help="MB/s of the file system")
    parser.add_argument("--kb-per-second", type=float, default=8, help="kB of a second of sound")
    parser.add_argument("--check", action="store_true", help="compare with 1 to 4 real workers")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _costs(options: argparse.Namespace) -> Costs:
    recognition = json.loads((_RESULTS / "real_recognition.json").read_text("utf-8"))
    speed = options.x_real_time or recognition["rows"][0]["x real time"]
    tiny = json.loads((_RESULTS / "scale_tiny.json").read_text("utf-8"))
    (submitter,) = (row for row in tiny["rows"] if row.get("process") == "submitter")
    return Costs(
        speed,
        submitter["cpu_ms_per_recording"] / 1000,
        options.store_mb * 1e6,
        options.kb_per_second * 1000,
    )


def _lengths(recordings: int) -> tuple[Any, float]:
    """Lengths in seconds, and for how many recordings each stands."""
    drawn = min(recordings, _MOST_DRAWN)
    spread = np.sqrt(2 * np.log(_MEAN_S / _MEDIAN_S))
    lengths = np.random.default_rng(18).lognormal(np.log(_MEDIAN_S), spread, drawn)
    return np.minimum(lengths, _LONGEST_S), recordings / drawn


def _row(workers: int, outcome: Outcome, costs: Costs) -> dict[str, Any]:
    shares = {
        "workers": outcome.computing_s / workers / outcome.seconds,
        "submitter": outcome.submitter_s / outcome.seconds,
        "file system": outcome.store_s / outcome.seconds,
    }
    return {
        "workers": workers,
        "hours": outcome.seconds / 3600,
        **{f"{name} busy %": 100 * share for name, share in shares.items()},
        "waits for": max(shares, key=lambda name: shares[name]),
    }


def simulate(lengths: Sequence[float], each: float, workers: int, costs: Costs) -> Outcome:
    """Give shards to workers as they become free, longest first.

    Reading goes through one file system and gathering through one submitter, each first come first
    served; a worker reads the next shard while it computes one, as the product does.

    Args:
        lengths: of the recordings, in seconds.
        each: for how many recordings each stands.
        workers: how many.
        costs: what things cost.
    """
    seconds = np.asarray(lengths)
    shards = [seconds[group] for group in grouped(list(seconds / costs.x_real_time))]
    free = [(costs.fixed_s, costs.fixed_s, number) for number in range(workers)]
    store_free = submitter_free = costs.fixed_s
    computing = reading_s = gathering_s = 0.0
    ended: list[tuple[float, int]] = []
    for shard in shards:
        ready, asked, number = heapq.heappop(free)
        size = float(shard.sum()) * each
        read = 2 * size * costs.bytes_per_second / costs.store_bytes_s
        store_free = max(store_free, asked) + read
        begins, work = max(ready, store_free), size / costs.x_real_time
        heapq.heappush(free, (begins + work, begins, number))
        heapq.heappush(ended, (begins + work, len(shard)))
        computing, reading_s = computing + work, reading_s + read
    while ended:
        at, count = heapq.heappop(ended)
        took = count * each * costs.submitter_s
        submitter_free = max(submitter_free, at) + took
        gathering_s += took
    again = float(seconds.sum()) * each * costs.bytes_per_second / costs.store_bytes_s
    return Outcome(
        max(submitter_free, store_free + again), computing, gathering_s, reading_s + again
    )


# -- against real workers


def checked() -> list[dict[str, Any]]:
    """Real runs of 1 to 4 workers on toy recordings that sleep, beside simulated ones."""
    from tests.scale.brokers import RedisServer
    from tests.scale.cluster import Cluster

    choice = random.Random(18)
    steps = [choice.randrange(2, 12) for _ in range(64)]
    texts = {
        f"c{number:03d}.wav": f"{'step ' * count}w{number}" for number, count in enumerate(steps)
    }
    lengths = [count * _STEP_S for count in steps]
    rows: list[dict[str, Any]] = []
    speed = 0.0
    for workers in (1, 2, 3, 4):
        with tempfile.TemporaryDirectory(prefix="reelmill-sim-") as folder:
            work = Path(folder)
            (work / "redis").mkdir()
            redis = RedisServer(work / "redis")
            cluster = Cluster(work / "cluster", redis.url)
            cluster.environment["REELMILL_CLAIM_LEASE"] = "60"
            try:
                for _ in range(workers):
                    cluster.start_worker()
                cluster.wait_for_workers()
                warm = cluster.recordings("warm", {f"w{n}.wav": "warm" for n in range(workers)})
                assert cluster.submit(warm, cluster.data / "warm-out").wait() == 0
                fixed = _timed(cluster, cluster.recordings("one", {"one.wav": "one"}))
                seconds = _timed(cluster, cluster.recordings("calls", texts))
            finally:
                cluster.close()
                redis.stop()
        costs = Costs(1.0, 0.0, 1e12, 0.0, fixed)
        speed = speed or sum(lengths) / (seconds - fixed)
        predicted = simulate(lengths, 1, workers, replace(costs, x_real_time=speed)).seconds
        rows.append(
            {
                "workers": workers,
                "measured s": seconds,
                "simulated s": predicted,
                "simulated / measured": predicted / seconds,
            }
        )
    return rows


def _timed(cluster: Any, folder: Path) -> float:
    began = time.monotonic()
    assert cluster.submit(folder, cluster.data / f"{folder.name}-out").wait() == 0
    return time.monotonic() - began


if __name__ == "__main__":
    main()
