"""WhisperX and pyannote.audio for real, in an environment of their own, on the CPU.

    python -m tests.extras.run --make ~/whisperx     # makes the environment first, 7.8 GB
    python -m tests.extras.run --python ~/whisperx --json benchmarks/results/extras_cpu.json

Not part of the tests (`pytest` does not collect it): the environment is large and its libraries
take long to load. Weights come from what is at hand without the model hub: the demo recognizer,
the demo aligner as transformers has it, the speech detector and the segmentation network in
WhisperX's wheel, and a speaker encoder with random weights. So texts are real, while times of
words (WhisperX's search wants an aligner that names each letter for one frame only, which this one
does not) and who is who mean nothing; both must be there, whole and in order. Needs
`pip install -e ".[bench]"`. Exit code 1 when something is not as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import psutil

from benchmarks.accuracy import error_rates
from benchmarks.common import machine, write_result
from benchmarks.hub_aligner import write_hub_aligner
from reelmill.models.files.environments import Environment, look

SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
CALLS = ("voicemail.wav", "통화 녹음 계약.mp3", "かいぎ.ogg")
PACKAGES = ("whisperx", "pyannote.audio", "torch", "transformers", "huggingface-hub", "ctranslate2")
#: The level of the sample calls, which the aligner is made for.
_LEVEL = 0.1
_DEADLINE_S = 900
_GONE_AFTER_S = 5.0


@dataclass
class Bench:
    """Where things are, and what was found."""

    environment: Environment
    work: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def calls(self) -> Path:
        return self.work / "calls"

    def check(self, what: str, holds: bool) -> None:
        print(f"  {'ok' if holds else 'FAILED'}  {what}", flush=True)
        if not holds:
            self.failed.append(what)

    def start(self, out: str, *options: str) -> subprocess.Popen[str]:
        """`reelmill voice` on the calls."""
        command = [sys.executable, "-c", "from reelmill.cli.app import main; main()", "voice"]
        command += [str(self.calls), "-o", str(self.work / out), "--model", "demo"]
        command += ["--python", str(self.environment.python), "--pyannote-model"]
        command += [str(self.work / "pipeline"), *options]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "REELMILL_CACHE": str(self.work)}
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        )

    def run(self, what: str, out: str, *options: str) -> str:
        """As `start`, to its end; notes how long it took and what it was given."""
        print(f"{what}: reelmill voice ... {' '.join(options)}", flush=True)
        began = time.monotonic()
        process = self.start(out, *options)
        told, _ = process.communicate(timeout=_DEADLINE_S)
        seconds = round(time.monotonic() - began, 1)
        shown = [option.replace(str(self.work), "...") for option in options]
        self.rows.append({"what": what, "options": shown, "seconds": seconds})
        self.check(f"exit code 0 after {seconds} s", process.returncode == 0)
        if process.returncode:
            print(told)
        return told

    def contents(self, out: str) -> dict[str, Any]:
        """What was written about each call."""
        files = (self.work / out).glob("*.json")
        contents = [json.loads(path.read_text(encoding="utf-8")) for path in files]
        return {one["source"]["name"]: one for one in contents if "source" in one}

    def artifacts(self, out: str) -> dict[str, int]:
        """How many results of each stage there are."""
        found: dict[str, int] = {}
        for path in (self.work / out / ".cache" / "artifacts").rglob("*.json"):
            stage = path.stem.rpartition("-")[0]
            found[stage] = found.get(stage, 0) + 1
        return found


def main() -> None:
    options = _options()
    if options.make is not None:
        _make(options.make)
    environment = look(options.make or options.python, PACKAGES)
    print(environment.python, dict(environment.versions), flush=True)
    with tempfile.TemporaryDirectory(prefix="reelmill-extras-") as work:
        bench = Bench(environment, Path(work))
        _prepare(bench)
        for step in (whole_engine, once_more, others_speakers, pyannote_alone, killed, orphaned):
            step(bench)
    content = {
        "command": "python -m tests.extras.run",
        "environment": {"python": _version(environment), **environment.versions},
        "runs": bench.rows,
        "failed checks": bench.failed,
    }
    write_result(options.json, content)
    print(json.dumps({"machine": machine(), **content}, indent=1, ensure_ascii=False))
    raise SystemExit(1 if bench.failed else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--python", type=Path, help="an environment that has WhisperX")
    where.add_argument("--make", type=Path, metavar="FOLDER", help="make one there")
    parser.add_argument("--json", type=Path, help="write what was found here")
    return parser.parse_args()


def _make(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "whisperx==3.8.6"]
    subprocess.run(install, check=True)


def _version(environment: Environment) -> str:
    command = [str(environment.python), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _prepare(bench: Bench) -> None:
    bench.calls.mkdir()
    for name in CALLS:
        shutil.copy(SAMPLES / name, bench.calls)
    write_hub_aligner(bench.work / "aligner", _LEVEL)
    script = Path(__file__).parent / "make_pipeline.py"
    command = [str(bench.environment.python), str(script), str(bench.work / "pipeline")]
    quiet = {**os.environ, "PYANNOTE_METRICS_ENABLED": "0", "HF_HUB_OFFLINE": "1"}
    subprocess.run(command, check=True, env=quiet)


def _whisperx(bench: Bench) -> list[str]:
    aligner = ["--aligner", str(bench.work / "aligner"), "--threads", "1"]
    return ["--engine", "whisperx", *aligner, "--diarizer", "pyannote"]


def whole_engine(bench: Bench) -> None:
    """WhisperX recognizes and aligns, pyannote.audio tells who speaks."""
    bench.run("WhisperX and pyannote.audio", "whole", *_whisperx(bench))
    contents = bench.contents("whole")
    bench.check("all calls have a transcript", set(contents) == set(CALLS))
    version = bench.environment.versions["whisperx"]
    texts = {name: one["text"] for name, one in contents.items()}
    rates = error_rates(texts, {n: SAMPLES / "truth" / f"{n}.json" for n in CALLS})
    bench.rows[-1]["errors %"] = rates
    bench.rows[-1]["calls"] = {name: _figures(one) for name, one in contents.items()}
    bench.rows[-1]["memory MB of each model worker"] = _memory(bench, "whole")
    bench.check(f"texts are those that were spoken: {rates} % wrong", max(rates.values()) < 30)
    for name, one in contents.items():
        bench.check(f"{name}: made by WhisperX", one["model"] == f"demo (WhisperX {version})")
        bench.check(f"{name}: every word is timed, in order and inside", _orderly(one))
        bench.check(f"{name}: pyannote's speakers", "pyannote.audio" in one["diarizer"])
        bench.check(f"{name}: words have speakers", all(w["speaker"] for w in _words(one)))


def once_more(bench: Bench) -> None:
    """The same again: nothing is computed."""
    before = bench.artifacts("whole")
    told = bench.run("the same again", "whole", *_whisperx(bench))
    bench.check("nothing was computed", bench.artifacts("whole") == before)
    bench.check("no model was loaded", "models:" not in told and bench.rows[-1]["seconds"] < 30)


def others_speakers(bench: Bench) -> None:
    """Another number of speakers asks for pyannote.audio again, and for nothing else."""
    before = bench.artifacts("whole")
    bench.run("two speakers", "whole", *_whisperx(bench), "--speakers", "2")
    after = bench.artifacts("whole")
    made = {stage for stage in after if after[stage] > before.get(stage, 0)}
    bench.check(f"made again: {sorted(made)}", made == {"diarize-pyannote", "speakers"})


def pyannote_alone(bench: Bench) -> None:
    """Our own recognizer and aligner beside pyannote.audio."""
    bench.run("pyannote.audio alone", "alone", "--aligner", "demo", "--diarizer", "pyannote")
    contents = bench.contents("alone")
    bench.rows[-1]["calls"] = {name: _figures(one) for name, one in contents.items()}
    for name, one in contents.items():
        ours = one["model"] == "demo" and "pyannote.audio" in one["diarizer"]
        bench.check(f"{name}: our text, pyannote's speakers", ours and bool(one["speakers"]))


def killed(bench: Bench) -> None:
    """A model worker that is killed at its work is replaced, and the run goes on."""
    print("a model worker is killed at its work", flush=True)
    process = bench.start("killed", *_text(bench))
    victim = _at_work(bench, process, "killed")
    bench.check("a model worker was at work", victim is not None)
    if victim is not None:
        victim.kill()
    told, _ = process.communicate(timeout=_DEADLINE_S)
    bench.rows.append({"what": "a model worker killed at its work"})
    bench.check("its death was told", "SIGKILL" in told and "replaced" in told)
    bench.check("all calls are done all the same", set(bench.contents("killed")) == set(CALLS))
    bench.check("texts are the same", _texts(bench, "killed") == _texts(bench, "whole"))


def orphaned(bench: Bench) -> None:
    """When reelmill is killed its model workers go too; the same command goes on from there."""
    print("reelmill is killed", flush=True)
    process = bench.start("orphaned", *_text(bench))
    victim = _at_work(bench, process, "orphaned")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=_DEADLINE_S)
    gone = victim is not None and _ends(victim)
    bench.rows.append({"what": "reelmill killed while a model worker works"})
    bench.check("its model worker is gone", gone)
    bench.run("the same command again", "orphaned", *_text(bench))
    bench.check("texts are the same", _texts(bench, "orphaned") == _texts(bench, "whole"))


def _text(bench: Bench) -> list[str]:
    """WhisperX's text alone."""
    return ["--engine", "whisperx", "--no-align", "--diarizer", "none", "--threads", "1"]


def _texts(bench: Bench, out: str) -> dict[str, str]:
    """What was heard in each call, whitespace aside: the aligner cuts texts into sentences."""
    return {name: "".join(one["text"].split()) for name, one in bench.contents(out).items()}


def _at_work(bench: Bench, process: subprocess.Popen[str], out: str) -> psutil.Process | None:
    """A model worker that is recognizing: it has told the language of a recording after its
    warm-up's."""
    logs = bench.work / out / ".cache" / "logs"
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        if any(_languages(log) >= 2 for log in logs.glob("model-worker-*.log")):
            return next(_model_workers(bench, process), None)
        time.sleep(0.02)
    return None


def _languages(log: Path) -> int:
    return log.read_text(errors="replace").count("Detected language")


def _model_workers(bench: Bench, process: subprocess.Popen[str]) -> Iterator[psutil.Process]:
    for child in psutil.Process(process.pid).children():
        if child.cmdline()[:1] == [bench.environment.python]:
            yield child


def _ends(process: psutil.Process) -> bool:
    try:
        process.wait(_GONE_AFTER_S)
    except psutil.TimeoutExpired:
        return False
    return True


def _words(content: dict[str, Any]) -> list[dict[str, Any]]:
    return [word for segment in content["segments"] for word in segment["words"]]


def _orderly(content: dict[str, Any]) -> bool:
    """Every segment has words, which lie in order inside it."""
    for segment in content["segments"]:
        edges = [edge for word in segment["words"] for edge in (word["start"], word["end"])]
        inside = edges and segment["start"] <= edges[0] and edges[-1] <= segment["end"]
        if not inside or edges != sorted(edges):
            return False
    return True


def _figures(content: dict[str, Any]) -> dict[str, Any]:
    words = _words(content)
    return {
        "language": content["language"],
        "seconds": content["duration"],
        "segments": len(content["segments"]),
        "words": len(words),
        "aligned": sum(word["timing"] == "aligned" for word in words),
        "speakers": len(content["speakers"]),
        "turns": len(content["turns"]),
    }


def _memory(bench: Bench, out: str) -> dict[str, float]:
    report = json.loads((bench.work / out / "performance_report.json").read_text())
    return {
        Path(worker["model"]).name: round(worker["peak_memory_mb"])
        for worker in report["model_workers"]
    }


if __name__ == "__main__":
    main()
