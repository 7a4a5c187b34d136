"""What a trial runs: a corpus, its command, and time limits."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from tests.faults.faults import Fault, schedule
from tests.faults.kit import MarkedRun, ToyRun, make_texts

#: Words at which toy recordings fail, each time, and the kind of failure.
_POISON = {"unreadable": "input", "wrong": "input", "boom": "crash", "oomalways": "resource"}
_SAMPLES = ("planning a trip.ogg", "かいぎ.ogg", "broken.m4a")


@dataclass
class Scene:
    """A folder of recordings. `config`: the engine's times, short enough for a benchmark."""

    name: str
    folder: Path
    work: Path
    config: Mapping[str, Any]
    #: Recordings, by file name, that fail in every run, and the kind of failure.
    poison: Mapping[str, str]
    #: About how many batches and CPU tasks a run has.
    batches: int
    tasks: int
    lives: int = 0

    def start(
        self, out: Path, faults: list[Fault], environment: Mapping[str, str]
    ) -> tuple[MarkedRun, Path]:
        """A run in `out`, and the folder that shows which faults happened in it."""
        self.lives += 1
        folder = self.work / f"faults{self.lives}"
        told = schedule(folder, faults, {"sample": 0.1, "tell": 0.1}, **self.config)
        return self._run(out, {**_quiet(self.work), **told, **environment}), folder

    def _run(self, out: Path, environment: Mapping[str, str]) -> MarkedRun:
        raise NotImplementedError


def _quiet(work: Path) -> dict[str, str]:
    """Settings that make a run independent of this machine and user."""
    return {
        "REELMILL_CACHE": str(work / "cache"),
        "REELMILL_MEMORY_LIMIT": "100",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }


class Toy(Scene):
    """Toy texts, some of which cause failures."""

    def __init__(self, work: Path, choice: random.Random) -> None:
        folder, count = work / "in", choice.randrange(15, 35)
        make_texts(folder, count, choice.randrange(1 << 30))
        poison = {}
        for path in sorted(folder.iterdir()):
            if choice.random() < 0.1:
                word = choice.choice(list(_POISON))
                words = path.read_text().split()
                words.insert(choice.randrange(len(words) + 1), word)
                path.write_text(" ".join(words))
                poison[path.name] = _POISON[word]
        times = {"least_deadline": 5.0, "stall_timeout": 20.0, "retry_waits": [0.1, 0.2, 0.3]}
        super().__init__("toy", folder, work, times, poison, 6 * count // 4, 5 * count)
        self._delay = choice.choice([0.0, 0.02, 0.05])

    def _run(self, out: Path, environment: Mapping[str, str]) -> MarkedRun:
        return ToyRun(self.folder, out, self.work / f"log{self.lives}", self._delay, environment)


class Voice(Scene):
    """`reelmill voice` with all its stages and the demo models; one recording is broken."""

    def __init__(self, work: Path) -> None:
        folder = work / "in"
        folder.mkdir(parents=True)
        samples = Path(str(resources.files("reelmill") / "assets" / "samples"))
        for name in _SAMPLES:
            shutil.copy2(samples / name, folder / name)
        times = {"least_deadline": 8.0, "stall_timeout": 40.0, "retry_waits": [0.2, 0.4, 0.8]}
        super().__init__("voice", folder, work, times, {"broken.m4a": "input"}, 14, 40)

    def _run(self, out: Path, environment: Mapping[str, str]) -> MarkedRun:
        arguments = ("voice", self.folder, "-o", out, "--model", "demo")
        errors = self.work / f"stderr{self.lives}"
        return MarkedRun("tests.faults.commandrun", arguments, errors, environment)


def failures(out: Path) -> list[tuple[str, str]]:
    """What `failed_files.json` says: file name and kind, in its order."""
    path = out / "failed_files.json"
    if not path.exists():
        return []
    told = json.loads(path.read_text(encoding="utf-8"))
    return [(os.path.basename(one["file"]), one["kind"]) for one in told]  # noqa: PTH119
