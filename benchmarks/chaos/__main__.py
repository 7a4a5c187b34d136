"""Runs under a random schedule of faults, each from a seed.

    python -m benchmarks.chaos --seeds 50 --json benchmarks/results/chaos.json

A trial is an undisturbed run of a corpus, then the same in another folder with faults inside its
processes (each library's out of memory; workers that die, hang or are slow) and from outside
(killed, frozen, stopped, memory and disk taken), continued until a last undisturbed run. After each
run: no recording lost or doubled, each correct (byte by byte as in the undisturbed run) or
reported; no process, shared memory or file descriptor left. Most trials run toy stages, every tenth
`reelmill voice` with the demo models; several run at a time (`--jobs`), because a run waits a lot.
As root, each trial has its own /dev/shm and a small disk that fills up; otherwise no disk is
filled.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.chaos.blows import BLOWS, Blow, Ring, full_disk, hogged, memory_hog
from benchmarks.chaos.checks import Quiet, Watch
from benchmarks.chaos.scenes import Scene, Toy, Voice
from benchmarks.common import show, told_command, write_result
from tests.faults.faults import ENDS, KINDS, OUT_OF_MEMORY, START, TASK, Fault, struck
from tests.faults.kit import small_disk


@dataclass
class Trial:
    """What was done, and the outcome."""

    seed: int
    scene: str
    recordings: int
    seconds: float = 0.0
    blows: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    drained_in: list[float] = field(default_factory=list)


def trial(seed: int, work: Path, disk: Path) -> Trial:
    """One seed's trial; `disk`: a separate small disk, if possible."""
    choice, began = random.Random(seed), time.monotonic()
    scene: Scene = Voice(work) if seed % 10 == 9 else Toy(work, choice)
    done = Trial(seed, scene.name, len(list(scene.folder.iterdir())))
    quiet, span = quiet_run(scene, work / "quiet")
    out = disk / "out"
    watch = Watch(scene, quiet, out)
    for _ in range(choice.randrange(1, 3 if scene.name == "voice" else 4)):
        blow, problems = life(scene, watch, choice, span, disk, done)
        done.blows.append(blow.what)
        done.problems += problems
    run, faults = scene.start(out, [], {})
    code = run.wait(120.0)
    done.problems += watch.after(run, faults, code) + watch.at_the_end(code)
    done.seconds = time.monotonic() - began
    return done


def quiet_run(scene: Scene, out: Path) -> tuple[Quiet, float]:
    began = time.monotonic()
    run, _ = scene.start(out, [], {})
    code = run.wait(120.0)
    if code not in (0, 1):
        raise SystemExit(f"the quiet run failed ({code}):\n{run.stderr}")
    return Quiet.of(out, code), time.monotonic() - began


def life(
    scene: Scene, watch: Watch, choice: random.Random, span: float, disk: Path, done: Trial
) -> tuple[Blow, list[str]]:
    """One run of the corpus with faults."""
    blows = {
        blow: weight for blow, weight in BLOWS.items() if blow is not full_disk or _is_ours(disk)
    }
    strike: Callable[[Ring], Blow] = choice.choices(list(blows), list(blows.values()))[0]
    environment = hogged() if strike is memory_hog else {}
    planned = random_faults(scene, choice)
    run, faults = scene.start(watch.out, planned, environment)
    blow = strike(Ring(run, watch.out, choice, span, disk))
    happened = struck(faults)
    done.faults += [f"{one.kind} {one.of}".strip() for one in happened]
    codes = blow.codes | ({3} if any(one.kind == "disk" for one in happened) else set())
    problems = [f"[{blow.what}] {text}" for text in watch.after(run, faults, blow.exit_code)]
    if blow.exit_code not in codes:
        problems.append(f"[{blow.what}] exit code {blow.exit_code}: {run.stderr[-1500:]}")
    if blow.drained_in is not None:
        done.drained_in.append(blow.drained_in)
        if blow.drained_in > 30.0:
            problems.append(f"[{blow.what}] took {blow.drained_in:.0f} s to stop")
    return blow, problems


def random_faults(scene: Scene, choice: random.Random) -> list[Fault]:
    """Some faults somewhere in a run."""
    faults = []
    for _ in range(choice.randrange(6)):
        of = choice.choices(["", TASK, START], [6, 2, 1])[0]
        kinds = [kind for kind in ENDS if kind != "hang"] if of == TASK else list(KINDS)
        kind = choice.choices(kinds, [4 if kind in OUT_OF_MEMORY else 1 for kind in kinds])[0]
        most = {TASK: scene.tasks, START: 3}.get(of, scene.batches)
        faults.append(Fault(kind, choice.randrange(1, most + 1), of, choice.uniform(0.05, 0.6)))
    return faults


def _is_ours(disk: Path) -> bool:
    return disk.is_mount()


def main() -> int:
    options = _options()
    if options.one is not None:
        print(json.dumps(vars(in_a_folder(options.one))))
        return 0
    began = time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    trials = []
    with ThreadPoolExecutor(options.jobs) as jobs:
        for done in jobs.map(in_a_process, seeds):
            trials.append(done)
            verdict = "ok" if not done.problems else "WRONG"
            print(
                f"seed {done.seed:3} {done.scene:5} {done.seconds:5.1f} s {verdict}  "
                f"{', '.join(done.blows)}; {', '.join(done.faults) or 'no faults inside'}",
                flush=True,
            )
            for problem in done.problems:
                print(f"    {problem}", flush=True)
    _report(options, trials, time.monotonic() - began)
    return 1 if any(done.problems for done in trials) else 0


def in_a_process(seed: int) -> Trial:
    """A trial with separate mounts and shared memory, if that is allowed."""
    command = [sys.executable, "-m", "benchmarks.chaos", "--one", str(seed)]
    if is_alone():
        mounting = 'mount -t tmpfs tmpfs /dev/shm; exec "$@"'
        command = ["unshare", "--mount", "sh", "-c", mounting, "sh", *command]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if finished.returncode:
        return Trial(seed, "?", 0, problems=[f"the trial ended with {finished.returncode}"])
    return Trial(**json.loads(finished.stdout.splitlines()[-1]))


def is_alone() -> bool:
    return os.geteuid() == 0 and shutil.which("unshare") is not None


def in_a_folder(seed: int) -> Trial:
    work = Path(tempfile.mkdtemp(prefix="reelmill-chaos-"))
    try:
        with small_disk(work / "disk", "64m", needed=False):
            return trial(seed, work, work / "disk")
    except AssertionError as error:  # a run that did not end, and was killed for it
        return Trial(seed, "?", 0, problems=[f"{error}"])
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many trials [10]")
    parser.add_argument("--first", type=int, default=0, help="the first seed [0]")
    parser.add_argument("--jobs", type=int, default=2, help="trials at a time [2]")
    parser.add_argument("--json", type=Path, help="write the outcome to this file")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _report(options: argparse.Namespace, trials: list[Trial], seconds: float) -> None:
    wrong = [done for done in trials if done.problems]
    drained = [one for done in trials for one in done.drained_in]
    row: dict[str, Any] = {
        "what": f"{len(trials)} seeds",
        "wrong": len(wrong),
        "recordings": sum(done.recordings for done in trials),
        "runs": sum(len(done.blows) + 2 for done in trials),
        "faults inside": sum(len(done.faults) for done in trials),
        "longest stop s": max(drained, default=None),
        "longest seed s": max(done.seconds for done in trials),
        "CPU minutes": (os.times().children_user + os.times().children_system) / 60,
        "minutes": seconds / 60,
    }
    show("runs under faults", [row])
    content = {
        "command": told_command("benchmarks.chaos"),
        "apart": is_alone(),
        "rows": [row],
        "blows": collections.Counter(blow for done in trials for blow in done.blows),
        "faults": collections.Counter(fault for done in trials for fault in done.faults),
        "trials": [vars(done) for done in trials],
    }
    write_result(options.json, content)


if __name__ == "__main__":
    sys.exit(main())
