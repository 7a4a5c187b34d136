"""Mutated media files through all three commands: nothing crashes, hangs or is lost.

    python -m benchmarks.mutations [--files 1000] [--first 0] [--seed 1] [--a-run 100] [--json FILE]

Seeds are seconds of sound and small films with a person, in many containers and codecs, made by the
ffmpeg installed here. Each file is one of them with bytes flipped, erased, cut off, doubled, moved,
or taken from another. All go through `voice`, `subtitle` and `faces` in runs of many; a run has to
end by itself with exit code 0 or 1, without a traceback, with every file among the results or the
failures, each failure in words of our own, and with bounded memory. Ends with 1 where one did not.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from benchmarks.common import REELMILL, show, told_command, tree_memory_mb, write_result
from synthetic.staged import Placed, pictures, write

_SOUND = {
    "wav": "-c:a pcm_s16le", "w64": "-c:a pcm_s16le", "aiff": "-c:a pcm_s16be",
    "au": "-c:a pcm_s16be", "caf": "-c:a pcm_s16le", "flac": "-c:a flac",
    "mp3": "-c:a libmp3lame", "m4a": "-c:a aac",
    "aac": "-c:a aac", "ogg": "-c:a libvorbis", "opus": "-c:a libopus", "webm": "-c:a libopus",
    "mka": "-c:a ac3", "wma": "-c:a wmav2", "mp2": "-c:a mp2", "tta": "-c:a tta",
    "wv": "-c:a wavpack",
}  # fmt: skip
_FILM = {
    "mp4": "-c:v libx264 -bf 2 -c:a aac", "mov": "-c:v mpeg4 -c:a pcm_s16le",
    "mkv": "-c:v libx264 -bf 2 -c:a libvorbis", "avi": "-c:v mpeg4 -bf 2 -c:a libmp3lame",
    "ts": "-c:v libx264 -bf 2 -c:a aac", "m2ts": "-c:v libx264 -c:a ac3",
    "mpg": "-c:v mpeg2video -bf 2 -c:a mp2", "vob": "-c:v mpeg2video -c:a mp2",
    "flv": "-c:v flv -c:a libmp3lame -ar 22050", "wmv": "-c:v wmv2 -c:a wmav2",
    "webm": "-c:v libvpx -deadline realtime -c:a libopus", "mxf": "-c:v mpeg2video -ar 48000",
    "ogv": "-c:v libtheora -c:a libvorbis", "3gp": "-c:v mpeg4 -c:a aac",
}  # fmt: skip
_COMMANDS: dict[str, tuple[str, ...]] = {
    "voice": ("--model", "demo", "--no-align", "--diarizer", "none", "--formats", "json"),
    "subtitle": ("--model", "demo", "--translator", "demo", "--to", "ko", "--mux"),
    "faces": ("--identity", "appearance", "--formats", "json", "--preset", "ultrafast"),
}
#: A run of many files may take this long for each, s, and this much memory, in all processes, MB.
_MOST_SECONDS, _MOST_MB = 30.0, 3000.0
#: Words that are Python's or FFmpeg's, not ours.
_FOREIGN = re.compile(r"Traceback|\b[A-Z]\w+Error\b|\bErrno\b|returned \d+|0x[0-9a-f]{6,}")

Mutation = Callable[[bytearray, bytes, random.Random], bytes]


def _flipped(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 5, 50, 500])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _flipped_head(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice([1, 3, 10])):
        data[rng.randrange(min(2048, len(data)))] = rng.randrange(256)
    return bytes(data)


def _erased(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    start, length = _piece(data, rng)
    data[start : start + length] = rng.choice([b"\0", b"\xff"]) * length
    return bytes(data)


def _noise(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    start, length = _piece(data, rng)
    data[start : start + length] = rng.randbytes(length)
    return bytes(data)


def _cut(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    return bytes(data[: rng.randrange(1, len(data))])


def _beheaded(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    return bytes(data[rng.randrange(1, len(data)) :])


def _left_out(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    start, length = _piece(data, rng)
    del data[start : start + length]
    return bytes(data)


def _doubled(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    start, length = _piece(data, rng)
    return bytes(data[:start] + data[start : start + length] + data[start:])


def _swapped(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    start, length = _piece(data, rng)
    middle = start + length // 2
    return bytes(
        data[:start] + data[middle : start + length] + data[start:middle] + data[start + length :]
    )


def _joined(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    return bytes(data) + other


def _spliced(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    return bytes(data[: rng.randrange(len(data))]) + other[rng.randrange(len(other)) :]


def _large_number(data: bytearray, other: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(max(1, min(4096, len(data)) - 8))
    data[at : at + 4] = rng.choice(
        [b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"]
    )
    return bytes(data)


MUTATIONS: tuple[Mutation, ...] = (
    _flipped, _flipped_head, _erased, _noise, _cut, _beheaded, _left_out, _doubled, _swapped,
    _joined, _spliced, _large_number,
)  # fmt: skip


def _piece(data: bytearray, rng: random.Random) -> tuple[int, int]:
    length = rng.randrange(1, max(2, len(data) // 3))
    return rng.randrange(max(1, len(data) - length)), length


def seeds(folder: Path) -> list[Path]:
    """One file of each format, with seconds of speech or a person."""
    folder.mkdir(parents=True)
    sample = resources.files("reelmill") / "assets" / "samples" / "voicemail.wav"
    sound, film = folder / "sound.nut", folder / "film.mp4"
    _ffmpeg("-ss", "1", "-t", "1.5", "-i", str(sample), "-c:a", "pcm_s16le", str(sound))
    shown = pictures(38, (160, 120), lambda frame: [Placed(0, 80 + frame % 9, 50, 44)])
    write(film, shown)
    made = []
    for suffix, codec in _SOUND.items():
        made.append(folder / f"sound.{suffix}")
        _ffmpeg("-i", str(sound), *codec.split(), str(made[-1]))
    for suffix, codec in _FILM.items():
        made.append(folder / f"film_.{suffix}")
        _ffmpeg("-i", str(film), "-i", str(sound), "-g", "10", *codec.split(), str(made[-1]))
    return made


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], check=True)


def mutated(made: Sequence[Path], count: int, seed: int, folder: Path) -> list[Path]:
    """`count` files, by number and what was done to them."""
    rng = random.Random(seed)
    folder.mkdir(parents=True)
    found = []
    for number in range(count):
        source = made[number % len(made)]
        change = MUTATIONS[(number // len(made)) % len(MUTATIONS)]
        data = change(bytearray(source.read_bytes()), rng.choice(made).read_bytes(), rng)
        path = folder / f"{number:04d}{change.__name__}{source.suffix}"
        path.write_bytes(data or b"\0")
        found.append(path)
    return found


@dataclass
class Run:
    """A run of a command over some of the files, and what was wrong with it."""

    command: str
    files: int
    exit_code: int | None
    seconds: float
    peak_mb: float
    done: int = 0
    failed: int = 0
    with_findings: int = 0
    wrong: list[str] = field(default_factory=list)


def run(command: str, files: Sequence[Path], out: Path) -> Run:
    """Run a command over files and check what it left."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    began = time.monotonic()
    with (out.parent / f"{out.name}.log").open("wb") as log:
        process = subprocess.Popen(
            [*REELMILL, command, *map(str, files), "-o", str(out), *_COMMANDS[command]],
            stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
        )  # fmt: skip
        peak, limit = 0.0, _MOST_SECONDS * len(files)
        while process.poll() is None and time.monotonic() - began < limit:
            time.sleep(0.5)
            peak = max(peak, tree_memory_mb(process.pid))
        hung = process.poll() is None
        left = _end(process)
    result = Run(command, len(files), process.returncode, time.monotonic() - began, peak)
    if hung:
        result.wrong.append(f"did not end within {limit:.0f} s")
    if left and not hung:
        result.wrong.append("processes are left")
    if process.returncode not in (0, 1):
        result.wrong.append(f"exit code {process.returncode}")
    if peak > _MOST_MB:
        result.wrong.append(f"{peak:.0f} MB of memory")
    said = (out.parent / f"{out.name}.log").read_text(errors="replace")
    if "Traceback" in said:
        result.wrong.append("a traceback was shown")
    if not hung:
        _account(result, files, out)
    return result


def _end(process: subprocess.Popen[bytes]) -> bool:
    """End remaining processes of a run; returns whether there were any."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    process.wait()
    return True


def _account(result: Run, files: Sequence[Path], out: Path) -> None:
    """Every file in the results or among the failures, each once, failures in our own words."""
    try:
        report: dict[str, Any] = json.loads((out / "performance_report.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        result.wrong.append(f"no report ({type(error).__name__})")
        return
    failures = {Path(one["file"]).name: one["error"] for one in report["failed_files"]}
    listed = json.loads((out / "failed_files.json").read_text("utf-8")) if failures else []
    result.done, result.failed = report["successful"], len(failures)
    result.with_findings = len(report.get("recording_findings", []))
    if report["total_files"] != len(files):
        result.wrong.append(f"{report['total_files']} files of {len(files)} in the report")
    if len(failures) != len(listed) and isinstance(listed, list):
        result.wrong.append("report and failed_files.json disagree")
    for name in (path.name for path in files):
        stem = Path(name).stem
        results = [*out.glob(f"{stem}*.json"), *out.glob(f"{stem}*.srt")]
        if not results and name not in failures:
            result.wrong.append(f"{name}: neither result nor failure")
    result.wrong += [f"{name}: {text}" for name, text in failures.items() if _FOREIGN.search(text)]


def main() -> int:
    """The table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutated file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--a-run", type=int, default=100, help="files in one run")
    parser.add_argument("--command", choices=_COMMANDS, action="append")
    parser.add_argument("--keep", type=Path, help="folder for files and results, kept at the end")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        files = mutated(seeds(folder / "seeds"), given.files, given.seed, folder / "files")
        for start in range(given.first, len(files), given.a_run):
            for command in given.command or _COMMANDS:
                some = files[start : start + given.a_run]
                runs.append(run(command, some, folder / f"out-{command}-{start}"))
                told = runs[-1]
                print(
                    f"{command:8} {start:4}: {told.done} done, {told.failed} failed, "
                    f"{told.seconds:.0f} s, {told.peak_mb:.0f} MB {'; '.join(told.wrong)}",
                    file=sys.stderr, flush=True,
                )  # fmt: skip
    sums = [_sum(command, runs) for command in given.command or _COMMANDS]
    show(f"{given.files} mutated files", sums)
    content = {
        "command": told_command("benchmarks.mutations"),
        "sums": sums,
        "runs": list(map(asdict, runs)),
    }
    write_result(given.json, content)
    return 1 if any(one.wrong for one in runs) else 0


def _sum(command: str, runs: Sequence[Run]) -> dict[str, Any]:
    own = [one for one in runs if one.command == command]
    total: Counter[str] = Counter()
    for one in own:
        total += Counter(
            files=one.files,
            done=one.done,
            failed=one.failed,
            findings=one.with_findings,
            wrong=len(one.wrong),
        )
    return {
        "what": command,
        **{name: total[name] for name in ("files", "done", "failed", "findings", "wrong")},
        "seconds": round(sum(one.seconds for one in own), 1),
        "peak_mb": round(max(one.peak_mb for one in own), 0),
    }


if __name__ == "__main__":
    sys.exit(main())
