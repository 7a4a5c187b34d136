"""One long recording of several people through the whole `reelmill voice`: words and speakers.

    python -m benchmarks.long_call --json benchmarks/results/long_call.json

70 minutes, 5 people, some of it spoken at once. Peak memory is that of all processes together.
Needs espeak-ng, flite and `pip install -e ".[bench]"`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import Measured, measure_reelmill, show, told_command, write_result
from benchmarks.diarize_alone import Turns
from benchmarks.speakers import errors
from synthetic.corpus import TRUTH_FOLDER
from synthetic.meetings import generate_meetings, plan_meetings


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="reelmill-bench-") as work:
        folder = options.corpus or Path(work) / "calls"
        if not folder.exists():
            plans = plan_meetings(
                1,
                options.seed,
                speakers=[options.speakers],
                overlaps=[options.overlap],
                seconds=options.minutes * 60,
            )
            generate_meetings(folder, plans, workers=1)
        (file,) = (path for path in folder.iterdir() if path.is_file())
        out = Path(work) / "out"
        measured = _transcribe(file, out, options.reelmill)
        _report(options, file, out, measured)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=70.0)
    parser.add_argument("--speakers", type=int, default=5)
    parser.add_argument("--overlap", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=70)
    parser.add_argument("--corpus", type=Path, help="folder of the corpus; created if missing")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("reelmill", nargs="*", help="further options of `reelmill voice`, after --")
    return parser.parse_args()


def _transcribe(file: Path, out: Path, more: list[str]) -> Measured:
    how = ["-o", str(out), "--model", "demo", "--language", "en", "--device", "cpu"]
    return measure_reelmill("voice", str(file), *how, "--formats", "json,rttm", "--quiet", *more)


def _report(options: argparse.Namespace, file: Path, out: Path, measured: Measured) -> None:
    truth = json.loads((file.parent / TRUTH_FOLDER / f"{file.name}.json").read_text("utf-8"))
    (rttm,) = out.glob("*.rttm")
    found = _turns(rttm)
    hours = truth["duration"] / 3600
    report = json.loads((out / "performance_report.json").read_text("utf-8"))
    rows: dict[str, Any] = {
        "what": f"{truth['duration'] / 60:.0f} min, {len(truth['speakers'])} people",
        **errors({file.name: truth}, {file.name: found}),
        "people found": len({speaker for *_, speaker in found}),
        "s an hour of audio": measured.seconds / hours,
        "peak MB": measured.peak_mb,
    }
    show("one long recording", [rows])
    content = {
        "command": told_command("benchmarks.long_call"),
        "seed": options.seed,
        "minutes": truth["duration"] / 60,
        "overlap": options.overlap,
        **{name: value for name, value in rows.items() if name != "what"},
        "seconds": measured.seconds,
        "CPU s": measured.cpu_seconds,
        "stages": {
            stage["name"]: {"cpu_s": stage["cpu_seconds"], "model_s": stage["model_seconds"]}
            for stage in report["stages"]
        },
    }
    write_result(options.json, content)


def _turns(rttm: Path) -> Turns:
    turns = []
    for line in rttm.read_text("utf-8").splitlines():
        fields = line.split()
        start, seconds = float(fields[3]), float(fields[4])
        turns.append((start, start + seconds, fields[7]))
    return turns


if __name__ == "__main__":
    main()
