"""How soon a run without a network begins to recognize, with models that are on this machine.

    python -m benchmarks.offline RECORDING --model FOLDER

The command runs in a network namespace of its own (`unshare`), where no name resolves, with empty
caches of the hub. Counted is all time but that of the run after its first window of recognition
began.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

from benchmarks.common import REELMILL, measure, show


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recording")
    parser.add_argument("--model", required=True, help="folder of a Whisper model")
    options = parser.parse_args()
    os.environ.pop("HF_HUB_OFFLINE", None)
    with tempfile.TemporaryDirectory(prefix="reelmill-offline-") as folder:
        out = Path(folder) / "out"
        caches = {name: f"{folder}/{name}" for name in ("HF_HOME", "REELMILL_CACHE")}
        measured = measure(
            ["unshare", "-rn", *REELMILL, "voice", options.recording, "-o", str(out), "--model",
             options.model],
            caches,
        )  # fmt: skip
        if measured.exit_code not in (0, 1):
            raise SystemExit(f"the command ended with exit code {measured.exit_code}")
        report = json.loads((out / "performance_report.json").read_text("utf-8"))
        began = min(_batches(out))
    row = {
        "what": "without a network",
        "until recognition begins, s": measured.seconds - report["seconds"] + began,
        "whole command, s": measured.seconds,
        "CPU s": measured.cpu_seconds,
    }
    show("local models, no network", [row])


def _batches(out: Path) -> list[float]:
    """Seconds of the run at which batches of windows began."""
    metrics = next((out / ".cache" / "runs").glob("*.jsonl")).read_text("utf-8")
    events = [json.loads(line) for line in metrics.splitlines()]
    return [one["started"] for one in events if one.get("stage") == "recognize" and "items" in one]


if __name__ == "__main__":
    main()
