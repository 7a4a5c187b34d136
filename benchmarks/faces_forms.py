"""Identities and memory with videos whose pictures cannot be kept as they are decoded.

    python -m benchmarks.faces_forms --json benchmarks/results/faces_forms.json

The videos of `benchmarks/faces_identity.py`, in four forms: as they are (H.264, 720 lines); filmed
with a turned camera (the file says by how much); of high dynamic range (PQ, BT.2020, 10 bits); and
of 1440 lines. To tell people apart, `reelmill faces` keeps pictures of the first form as planes, of
the others as reduced RGB, which takes more room, so it keeps fewer of them. For each form: recall
and IDF1 by py-motmetrics (`pip install -e ".[bench]"`), and the most memory that each kind of
process had (VmHWM; without the shared arena: RssAnon). FFmpeg with zscale makes the forms.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from benchmarks.common import REELMILL, show, told_command, write_result
from benchmarks.face_truth import Score, make_videos, read_mot
from benchmarks.faces_identity import SEED, scripts
from synthetic.videos import Truth

_SCALE = 2
_PQ = (
    "zscale=matrixin=709:transferin=709:primariesin=709:"
    "matrix=2020_ncl:transfer=smpte2084:primaries=2020:npl=200,format=yuv420p10le"
)
_PQ_TAGS = ("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc")
#: By form: options of FFmpeg.
FORMS: Mapping[str, tuple[str, ...]] = {
    "720 lines": (),
    "turned": ("-vf", "transpose=cclock"),
    "high dynamic range": ("-vf", _PQ, *_PQ_TAGS),
    "1440 lines": ("-vf", f"scale=iw*{_SCALE}:ih*{_SCALE}"),
}
#: By what a process runs: its name.
_ROLES = {"cpu_worker": "CPU worker", "model_worker": "model worker"}
_EVERY = 0.05


def main() -> None:
    options = _options()
    rows = []
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        videos = make_videos(options.corpus or Path(work) / "videos", scripts(options))
        for form in options.forms.split(","):
            these = _in_form(videos, form, Path(work) / form)
            rows.append(_row(these, form, Path(work) / f"out {form}", options.workers))
    _report(rows)
    content = {
        "command": told_command("benchmarks.faces_forms"),
        "seed": options.seed,
        "seconds of each video": options.seconds,
        "videos": len(videos),
        "forms": rows,
    }
    write_result(options.json, content)


def _report(rows: Sequence[dict[str, Any]]) -> None:
    memory = [{name: row[name] for name in row if name == "form" or "MB" in name} for row in rows]
    show("told apart", [{name: row[name] for name in row if "MB" not in name} for row in rows])
    show("most memory of a process", memory)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each video, s")
    parser.add_argument("--corpus", type=Path, help="folder of the videos; created if missing")
    parser.add_argument("--forms", default=",".join(FORMS), help="with commas between")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    return parser.parse_args()


def _in_form(videos: Mapping[Path, Truth], form: str, folder: Path) -> dict[Path, Truth]:
    folder.mkdir(parents=True)
    return {_changed(path, form, folder): _scaled(truth, form) for path, truth in videos.items()}


def _changed(path: Path, form: str, folder: Path) -> Path:
    if not FORMS[form]:
        return path
    target = folder / path.name
    encoded = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18", "-c:a", "copy")
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(path), *FORMS[form], *encoded, str(target)], check=True
    )
    if form == "turned":
        _show_turned(target)
    return target


def _show_turned(path: Path) -> None:
    """Have the picture of an mp4 file shown a quarter clockwise (ISO/IEC 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    first_track = data.index(b"tkhd")
    matrix = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[first_track + 44 : first_track + 44 + len(matrix)] = matrix
    path.write_bytes(data)


def _scaled(truth: Truth, form: str) -> Truth:
    if form != "1440 lines":
        return truth
    x = _SCALE
    boxes = [(x * left, x * top, x * wide, x * high) for left, top, wide, high in truth.box]
    return replace(truth, width=x * truth.width, height=x * truth.height, box=boxes)


def _row(videos: Mapping[Path, Truth], form: str, out: Path, workers: int) -> dict[str, Any]:
    command = [*REELMILL, "faces", "--quiet", "--preset", "ultrafast", "--formats", "mot"]
    command += ["--workers", str(workers), "--min-share", "0", "-o", str(out)]
    process = subprocess.Popen([*command, *map(str, videos)])
    marks = _HighWater(process.pid)
    code = process.wait()
    marks.stop()
    if code:
        raise SystemExit(f"reelmill faces: exit code {code}")
    score = Score()
    for path, truth in videos.items():
        score.add(path.stem, truth, read_mot(out / f"{path.stem}.mot.txt"))
    table = score.table()
    wanted = ("recall %", "false/frame", "IDF1 %", "switches")
    return {
        "form": form,
        **{name: table[-1][name] for name in wanted},
        "worst IDF1 %": min(row["IDF1 %"] for row in table[:-1]),
        **marks.table(),
    }


@dataclass
class _HighWater:
    """The most memory in MB that the processes of a command had, by role."""

    pid: int
    _most: dict[str, float] = field(default_factory=dict)
    _own: dict[str, float] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def table(self) -> dict[str, float]:
        """VmHWM of each role, and the most it had to itself."""
        return {
            f"{role}, MB{suffix}": mb
            for role in sorted(self._most)
            for suffix, mb in (("", self._most[role]), (" own", self._own[role]))
        }

    def _watch(self) -> None:
        while not self._over.wait(_EVERY):
            try:
                parent = psutil.Process(self.pid)
                for process in (parent, *parent.children(recursive=True)):
                    self._look(process)
            except psutil.Error:
                continue

    def _look(self, process: psutil.Process) -> None:
        """Raises psutil.Error: it has ended."""
        line = " ".join(process.cmdline())
        role = next((name for key, name in _ROLES.items() if key in line), "coordinator")
        try:
            text = Path(f"/proc/{process.pid}/status").read_text("utf-8")
        except OSError:
            return
        found = dict(part.split(":", 1) for part in text.splitlines() if ":" in part)
        for name, most in (("VmHWM", self._most), ("RssAnon", self._own)):
            if name in found:
                most[role] = max(most.get(role, 0.0), int(found[name].split()[0]) / 1024)


if __name__ == "__main__":
    main()
