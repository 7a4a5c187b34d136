"""Commands in random arrangements of recordings, output folders, links and earlier files.

Whatever a command does, files that no command of ours wrote must not be changed or removed. Names
are few and chosen to collide: recordings named like results, results that somebody wrote, links and
second names of files elsewhere.
"""

from __future__ import annotations

import collections
import os
import random
import shutil
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.attacks.inputs import film, hiss, talk
from benchmarks.attacks.rows import orderly
from benchmarks.attacks.sandbox import Ran, Sandbox
from benchmarks.common import told_command, write_result

_RECORDINGS = (
    "talk.wav", "talk.flac", "talk.txt.wav", "talk.json", "report.wav", "evidence.wav", "b.wav",
    "sub/talk.wav", "sub/b.wav", "spool 1.spill.left.wav", "talk.txt", "a.clips/talk.wav",
)  # fmt: skip
_EARLIER = (
    "talk.txt", "talk.json", "talk.srt", "b.txt", "b.json", "sub/talk.txt", "notes.spill.txt",
    ".talk.txt.123-0.reelmill-part", "talk.clips/holiday.mp4", "talk.faces.json", "report.txt",
    "evidence.txt", "talk.flac.txt", "talk.wav.txt",
)  # fmt: skip
_REPORTS = (
    "report.html", "evidence.json", "manifest.sha256", "failed_files.json",
    "performance_report.json",
)  # fmt: skip
_IN_THE_CACHE = (
    "lock", "ledger.sqlite", "logs/app.log", "logs/worker-0.log", "runs/20200101-000000-1.jsonl",
    "artifacts/ab/x.json", "artifacts/named/n.json", "tmp/half", "artifacts/ab/y.spill.1.left",
    "results.jsonl", "other-program/index",
)  # fmt: skip
_FORMATS = ("txt", "json", "srt", "vtt", "tsv")
#: How many seconds a command may take; it is killed then, and that is a problem.
_COMMAND_S = 60.0


@dataclass
class Arranged:
    """An arrangement and its outcome."""

    seed: int
    seconds: float = 0.0
    commands: list[str] = field(default_factory=list)
    ends: list[int | None] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Arrangement:
    """One random arrangement, made and tried in a sandbox."""

    def __init__(self, box: Sandbox, seed: int) -> None:
        self._box = box
        self._choice = random.Random(seed)
        self._done = Arranged(seed)
        self._calls = box.root / "calls"
        self._hidden_names = 0

    def live(self) -> Arranged:
        began = time.monotonic()
        self._record()
        given, real = self._output_folder()
        self._plant_earlier(real)
        for _ in range(self._choice.choice((1, 1, 2, 3))):
            self._command(given)
            self._somebody_acts(real)
        self._done.seconds = time.monotonic() - began
        self._done.problems += self._box.harmed
        if self._box.tracebacks:
            self._done.problems.append("a traceback was shown")
        return self._done

    # -- what is there

    def _record(self) -> None:
        names = self._choice.sample(_RECORDINGS, self._choice.randrange(1, 4))
        for number, name in enumerate(names):
            hiss(self._calls / name, 0.2, number)
        if self._choice.random() < 0.05:
            talk(self._calls / "a.mp4")
            talk(self._calls / "a.split.mp4")
        if self._choice.random() < 0.05:
            film(self._calls / "f.mp4")
            film(self._calls / "f.subtitled.mp4")

    def _output_folder(self) -> tuple[str, Path]:
        """The output folder as given, and its real place."""
        root = self._box.root
        kind = self._choice.choice(("own", "own", "same", "link", "below", "above", "linked below"))
        if kind == "own":
            return "out", root / "out"
        if kind == "same":
            return self._choice.choice(("calls", "calls/.", "./calls/sub/..")), self._calls
        if kind == "link":
            (root / "alias").symlink_to(self._choice.choice(("calls", str(self._calls))))
            return "alias", self._calls
        if kind == "below":
            return "calls/sub", self._calls / "sub"
        if kind == "above":
            return ".", root
        (root / "elsewhere").mkdir()
        (self._calls / "results").symlink_to(root / "elsewhere")
        return "calls/results", root / "elsewhere"

    def _plant_earlier(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        (self._calls / "sub").mkdir(exist_ok=True)
        for name in self._choice.sample(_EARLIER, self._choice.choice((0, 1, 2, 4))):
            self._plant(out / name)
        if self._choice.random() < 0.1:
            self._plant(out / self._choice.choice(_REPORTS))
        if self._choice.random() < 0.2:
            for name in self._choice.sample(_IN_THE_CACHE, self._choice.choice((1, 2, 4))):
                self._plant(out / ".cache" / name)
        elif self._choice.random() < 0.1:
            (self._box.root / "cache elsewhere").mkdir()
            (out / ".cache").symlink_to(self._box.root / "cache elsewhere")

    def _plant(self, path: Path) -> None:
        """Plant a file of somebody else's; it may have a second name elsewhere, or be a link to
        elsewhere."""
        if os.path.lexists(path):
            return
        kind = self._choice.random()
        if kind < 0.6:
            self._box.plant(path, f"somebody's {path.name}")
            return
        self._hidden_names += 1
        diary = self._box.plant(f"home/diary {self._hidden_names}.txt", f"diary of {path.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind < 0.8:
            os.link(diary, path)
        else:
            path.symlink_to(diary)

    # -- what happens

    def _command(self, out: str) -> None:
        kind = self._choice.random()
        if kind < 0.08:
            self._finish(self._box.run("verify", out, seconds=_COMMAND_S), "verify")
            return
        arguments = self._arguments(out, kind)
        command = self._box.start(*arguments)
        killed = self._choice.random() < 0.12
        if killed:
            command.wait_until(lambda: False, self._choice.uniform(0.3, 2.0))
            command.kill()
        ran = self._box.finish(command, _COMMAND_S)
        self._finish(ran, " ".join(map(str, arguments)), killed)

    def _arguments(self, out: str, kind: float) -> list[str]:
        model = ["--model", "demo", "--no-align"]
        if kind < 0.2 and (self._calls / "a.mp4").exists():
            layout = self._choice.choice(("single", "split"))
            return ["faces", "calls", "-o", out, "--identity", "appearance", "--layout", layout]
        if kind < 0.2 and (self._calls / "f.mp4").exists():
            return ["subtitle", "calls", "-o", out, *model, "--translator", "demo", "--mux"]
        formats = self._choice.sample(_FORMATS, self._choice.randrange(1, 4))
        inputs = ["calls"]
        # The folder itself would be refused where it is the output folder too.
        if self._choice.random() < (0.85 if (self._box.root / out).samefile(self._calls) else 0.4):
            below = self._calls.rglob("*")
            files = sorted(p for p in below if p.is_file() and ".cache" not in p.parts)
            chosen = self._choice.sample(files, min(len(files), 2))
            inputs = [str(path.relative_to(self._box.root)) for path in chosen] or inputs
        fresh = ["--fresh"] if self._choice.random() < 0.15 else []
        formatted = ["--formats", ",".join(formats)]
        return ["voice", *inputs, "-o", out, *model, "--diarizer", "none", *formatted, *fresh]

    def _finish(self, ran: Ran, what: str, killed: bool = False) -> None:
        self._done.commands.append(what)
        self._done.ends.append(ran.exit_code)
        if not (orderly(ran) or killed):
            told = f"exit code {ran.exit_code}" if ran.exit_code is not None else "hung"
            self._done.problems.append(f"{what}: {told}: {self._box.told(ran.last_line)}")

    def _somebody_acts(self, out: Path) -> None:
        """Between two commands: correct a result by hand, or add a file of somebody else's."""
        kind = self._choice.random()
        if kind < 0.25:
            results = [path for path in sorted(out.glob("*.txt")) if path.is_file()]
            if results:
                self._box.plant(self._choice.choice(results), "corrected by hand")
        elif kind < 0.4:
            self._plant(out / self._choice.choice(_EARLIER))
        elif kind < 0.5:
            recordings = [path for path in sorted(self._calls.glob("*.wav")) if path.is_file()]
            if recordings:
                moved = self._choice.choice(recordings)
                moved.rename(moved.with_name(f"renamed {moved.name}"))


def run_arrangements(count: int, first: int, jobs: int, json: Path | None) -> int:
    """Try `count` arrangements; return 1 if any has a problem, otherwise 0."""
    began = time.monotonic()
    arranged: list[Arranged] = []
    with ThreadPoolExecutor(jobs) as pool:
        for one in pool.map(_arranged, range(first, first + count)):
            arranged.append(one)
            for problem in one.problems:
                print(f"seed {one.seed}: {problem}", flush=True)
                print("    " + "\n    ".join(one.commands), flush=True)
            if len(arranged) % 50 == 0:
                minutes = (time.monotonic() - began) / 60
                print(f"{len(arranged)} arrangements in {minutes:.1f} minutes", flush=True)
    ends = collections.Counter(str(end) for one in arranged for end in one.ends)
    wrong = [one for one in arranged if one.problems]
    content = {
        "command": told_command("benchmarks.attacks"),
        "arrangements": len(arranged),
        "commands": sum(len(one.commands) for one in arranged),
        "exit codes": dict(sorted(ends.items())),
        "with a problem": len(wrong),
        "minutes": round((time.monotonic() - began) / 60, 1),
        "problems": [{"seed": one.seed, "problems": one.problems} for one in wrong],
    }
    for name, value in content.items():
        print(f"{name}: {value}")
    write_result(json, content)
    return 1 if wrong else 0


def _arranged(seed: int) -> Arranged:
    folder = Path(tempfile.mkdtemp(prefix="reelmill-arranged-")).resolve()
    try:
        return Arrangement(Sandbox(folder / "box", deadline=300.0), seed).live()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
