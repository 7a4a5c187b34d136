"""Transcribing a folder of calls: Reelmill beside its peers, same model, same machine, one call.

    python -m benchmarks.voice --scale 0.1 --json benchmarks/results/voice.json

Reelmill runs as it comes and, to compare, with windows padded to 30 s as its peers pad them, with
two model workers of one thread on the CPU and with one of two threads. The corpus has the shape of
the collection the pipeline was made for: 183 calls, median 158 s with a long tail, times
`--scale`. Needs espeak-ng (and `pip install -e ".[bench]"`).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.accuracy import error_rates
from benchmarks.common import REELMILL, Measured, measure, show, told_command, write_result
from benchmarks.peers import speech_seconds
from reelmill.models.files.cache import resolve
from reelmill.models.files.environments import look
from synthetic.corpus import TRUTH_FOLDER, call_durations, generate_corpus


@dataclass
class Setting:
    """What all contenders get."""

    files: list[Path]
    folder: Path
    work: Path
    model: str
    reelmill_options: list[str]


@dataclass
class Attempt:
    """A contender's run: how it was measured, what it heard, what else it says of itself."""

    measured: Measured
    texts: dict[str, str]
    busy_share: float | None = None


#: The peers only recognize: no speakers, no aligned words.
_TEXT_ONLY = ("--no-align", "--diarizer", "none")


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        folder = options.corpus or Path(work) / "calls"
        if not folder.exists():
            durations = call_durations(options.recordings, scale=options.scale)
            print(f"making {len(durations)} calls, {sum(durations) / 3600:.2f} h ...", flush=True)
            generate_corpus(folder, len(durations), seed=7, durations=durations)
        files = sorted(path for path in folder.iterdir() if path.is_file())
        model = str(resolve(options.model).path)
        extra = [f"--device={options.device}", *options.reelmill]
        setting = Setting(files, folder, Path(work), model, extra)
        _report(options, setting, dict(_run_all(options, setting)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recordings", type=int, default=183)
    parser.add_argument(
        "--scale", type=float, default=0.1, help="factor for the durations of the calls"
    )
    parser.add_argument("--corpus", type=Path, help="folder of the corpus; created if missing")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--device", default="cpu", help="passed to Reelmill as --device")
    parser.add_argument("--only", help="contenders to measure, separated by commas")
    parser.add_argument(
        "--whisperx-python", type=Path, help="environment with WhisperX: folder or interpreter"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("reelmill", nargs="*", help="further options of `reelmill voice`, after --")
    return parser.parse_args()


def _run_all(options: argparse.Namespace, setting: Setting) -> Iterator[tuple[str, Attempt]]:
    contenders: dict[str, Callable[[Setting], Attempt]] = {
        "reelmill": reelmill,
        "reelmill, windows padded to 30 s": padded_as_peers,
        "reelmill, two model workers of one thread": lambda s: reelmill(s, "cpu:2", 1),
        "reelmill, one model worker of two threads": lambda s: reelmill(s, "cpu:1", 2),
        "faster-whisper, file by file": lambda s: faster_whisper(s, "loop"),
        "faster-whisper batched, file by file": lambda s: faster_whisper(s, "batched-timestamps"),
        "faster-whisper, a process per file": process_per_file,
    }
    if command := whisperx_command(options.whisperx_python):
        contenders["whisperx command"] = lambda s: whisperx(s, command)
    wanted = options.only.split(",") if options.only else None
    for name, run in contenders.items():
        if wanted is None or any(part in name for part in wanted):
            print(f"{name} ...", flush=True)
            yield name, run(setting)


def reelmill(setting: Setting, device: str | None = None, threads: int | None = None) -> Attempt:
    """As it comes; with `device` and `threads`, so many model workers of so many threads."""
    out = setting.work / f"reelmill-{Path(setting.model).name}-{device}-{threads}"
    command = [*REELMILL, "voice"]
    command += [str(setting.folder), "-o", str(out), "--model", setting.model, "--quiet"]
    command += ["--formats", "json", *_TEXT_ONLY, *setting.reelmill_options]
    if device is not None:
        command += ["--device", device, "--threads", str(threads)]
    measured = measure(command)
    texts = {}
    for path in out.glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        if "segments" in content:
            heard = " ".join(segment["text"].strip() for segment in content["segments"])
            texts[Path(content["source"]["name"]).name] = heard
    report = json.loads((out / "performance_report.json").read_text(encoding="utf-8"))
    shares = [
        worker["busy_share"]
        for worker in report["model_workers"]
        if worker["busy_share"] is not None
    ]
    return Attempt(measured, texts, max(shares, default=None))


def padded_as_peers(setting: Setting) -> Attempt:
    """The model without its key for shorter windows, which faster-whisper has no option for."""
    folder = setting.work / "padded"
    shutil.copytree(setting.model, folder)
    config = folder / "preprocessor_config.json"
    if config.exists():
        keys = json.loads(config.read_text(encoding="utf-8"))
        keys.pop("padded_seconds", None)
        config.write_text(json.dumps(keys), encoding="utf-8")
    return reelmill(replace(setting, model=str(folder)))


def faster_whisper(setting: Setting, how: str) -> Attempt:
    out = setting.work / f"{how}.json"
    command = [sys.executable, "-m", "benchmarks.peers", how, setting.model, str(out)]
    measured = measure([*command, *map(str, setting.files)])
    return Attempt(measured, json.loads(out.read_text(encoding="utf-8")))


def process_per_file(setting: Setting) -> Attempt:
    """What programs do that cannot give a model's memory back otherwise."""
    total = Measured(0.0, 0.0, 0.0, 0)
    texts: dict[str, str] = {}
    for file in setting.files:
        one = faster_whisper(replace(setting, files=[file]), "loop")
        texts |= one.texts
        total.seconds += one.measured.seconds
        total.cpu_seconds += one.measured.cpu_seconds
        total.peak_mb = max(total.peak_mb, one.measured.peak_mb)
    return Attempt(total, texts)


def whisperx_command(python: Path | None) -> str | None:
    """WhisperX's command in the environment given, or else where the shell finds it, if it does."""
    if python is None:
        return shutil.which("whisperx")
    found = look(python, ["whisperx"])
    return str(Path(str(found.python)).with_name("whisperx"))


def whisperx(setting: Setting, command: str) -> Attempt:
    out = setting.work / "whisperx"
    out.mkdir()
    window = speech_seconds(Path(setting.model))
    arguments = [command, *map(str, setting.files), "--model", setting.model, "--device", "cpu"]
    arguments += ["--compute_type", "int8", "--batch_size", "20", "--no_align"]
    arguments += ["--vad_method", "pyannote", "--output_format", "txt", "--output_dir", str(out)]
    arguments += ["--chunk_size", str(window)] if window else []
    measured = measure(arguments, {"PYANNOTE_METRICS_ENABLED": "0"})
    heard = {path.stem: path.read_text(encoding="utf-8") for path in out.glob("*.txt")}
    return Attempt(measured, {file.name: heard.get(file.stem, "") for file in setting.files})


def _report(options: argparse.Namespace, setting: Setting, attempts: dict[str, Attempt]) -> None:
    truths = {file.name: file.parent / TRUTH_FOLDER / f"{file.name}.json" for file in setting.files}
    media = sum(
        json.loads(path.read_text(encoding="utf-8"))["duration"] for path in truths.values()
    )
    ours = attempts.get("reelmill")
    rows: list[dict[str, Any]] = []
    for name, attempt in attempts.items():
        errors = error_rates(attempt.texts, truths)
        rows.append(
            {
                "what": name,
                "seconds": attempt.measured.seconds,
                "x real time": media / attempt.measured.seconds,
                "ours is faster by": attempt.measured.seconds / ours.measured.seconds
                if ours
                else None,
                "CPU s": attempt.measured.cpu_seconds,
                "peak MB": attempt.measured.peak_mb,
                **{f"errors {language} %": rate for language, rate in errors.items()},
                "model worker busy": attempt.busy_share,
            }
        )
    title = f"{len(setting.files)} calls, {media / 3600:.2f} h, model {options.model}"
    show(title, rows)
    command = told_command("benchmarks.voice")
    write_result(
        options.json,
        {"command": command, "calls": len(setting.files), "media_seconds": media, "rows": rows},
    )


if __name__ == "__main__":
    main()
