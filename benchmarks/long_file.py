"""A file of many hours through `reelmill voice`: memory of all processes, times at its end.

    python -m benchmarks.long_file --json benchmarks/results/long_file.json -- --no-align

The English sample calls are repeated in one m4a, so every round must have the same text as the
first, at its own times. Needs FFmpeg's command and `pip install -e ".[bench]"`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import av
import jiwer
import numpy as np

from benchmarks.accuracy import normalized
from benchmarks.common import measure_reelmill, show, told_command, write_result
from synthetic.corpus import TRUTH_FOLDER

_SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
_CALLS = ("call 2026-03-14.m4a", "call with the bank.mp3", "planning a trip.ogg", "voicemail.wav")
_RATE = 16_000


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        file = Path(work) / "long.m4a"
        times, round_s, truth = _make(file, options.hours)
        out = Path(work) / "out"
        how = ["-o", str(out), "--model", "demo", "--language", "en", "--device", "cpu"]
        how += ["--formats", "json", "--quiet", *options.reelmill]
        measured = measure_reelmill("voice", str(file), *how)
        result = json.loads((out / "long.json").read_text("utf-8"))
        rounds = _rounds(result["segments"], round_s, times)
        rows: dict[str, Any] = {
            "what": f"{result['duration'] / 3600:.1f} hours, {file.stat().st_size >> 20} MB",
            "s": measured.seconds,
            "x real time": result["duration"] / measured.seconds,
            "CPU s": measured.cpu_seconds,
            "peak MB": measured.peak_mb,
            "errors, first round %": _errors(truth, rounds[0]),
            "errors, last round %": _errors(truth, rounds[-1]),
            "errors, worst round %": max(_errors(truth, said) for said in rounds),
        }
    show("one long file", [rows])
    content = {"command": told_command("benchmarks.long_file")}
    write_result(options.json, {**content, "rounds": len(rounds), **rows})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("reelmill", nargs="*", help="further options of `reelmill voice`, after --")
    return parser.parse_args()


def _make(file: Path, hours: float) -> tuple[int, float, str]:
    """The file; how many rounds it has, seconds and text of one."""
    truths = [
        json.loads((_SAMPLES / TRUTH_FOLDER / f"{name}.json").read_text("utf-8")) for name in _CALLS
    ]
    sound = np.concatenate([_sound(_SAMPLES / name) for name in _CALLS])
    times = max(1, round(hours * 3600 * _RATE / len(sound)))
    encode = ["ffmpeg", "-v", "error", "-f", "s16le", "-ar", str(_RATE), "-ac", "1", "-i", "-"]
    encoder = subprocess.Popen([*encode, "-b:a", "48k", str(file)], stdin=subprocess.PIPE)
    assert encoder.stdin is not None
    for _ in range(times):
        encoder.stdin.write(sound.tobytes())
    encoder.stdin.close()
    if encoder.wait():
        raise SystemExit("ffmpeg could not make the file")
    text = " ".join(part["text"] for truth in truths for part in truth["utterances"])
    return times, len(sound) / _RATE, text


def _sound(path: Path) -> np.ndarray:
    resampler = av.AudioResampler("s16", "mono", _RATE)
    with av.open(str(path)) as container:
        frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def _rounds(segments: list[dict[str, Any]], round_s: float, times: int) -> list[str]:
    """What was said in each round, by the middle of each segment."""
    said: list[list[str]] = [[] for _ in range(times)]
    for segment in segments:
        at = int((segment["start"] + segment["end"]) / 2 / round_s)
        said[min(at, times - 1)].append(segment["text"])
    return [" ".join(texts) for texts in said]


def _errors(truth: str, said: str) -> float:
    return round(100 * float(jiwer.wer(normalized(truth), normalized(said))), 2)


if __name__ == "__main__":
    main()
