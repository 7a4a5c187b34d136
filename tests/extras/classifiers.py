"""Classifiers of speech and text for real: transformers on PyTorch, in an environment of its own.

    python -m tests.extras.classifiers --python ENV

Not part of the tests (`pytest` does not collect it): PyTorch is large. Models are small, of the
real architectures, with random weights (`make_classifiers.py`). Exit code 1 when something is not
as it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

SAMPLE = Path(str(resources.files("reelmill") / "assets" / "samples" / "call with the bank.mp3"))
_SCRIPT = Path(__file__).parent / "make_classifiers.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", type=Path, required=True, help="has transformers and torch")
    python = parser.parse_args().python
    with tempfile.TemporaryDirectory(prefix="reelmill-extras-") as work:
        failed = [what for what, holds in _checks(python, Path(work)) if not holds]
    raise SystemExit(1 if failed else 0)


def _checks(python: Path, work: Path) -> list[tuple[str, bool]]:
    interpreter = python / "bin" / "python" if python.is_dir() else python
    _run([str(interpreter), str(_SCRIPT), "make", str(work)])
    models = ["--emotion-model", str(work / "emotion"), "--text-classifier", str(work / "text")]
    done = _voice(work / "out", python, *models)
    content = json.loads((work / "out" / f"{SAMPLE.stem}.json").read_text())
    said = {name: _of(content, name) for name in ("emotion", "text_classes")}
    texts = [one["text"].strip() for one in content["segments"]]
    asked = _run([str(interpreter), str(_SCRIPT), "ask", str(work / "text")], "\n".join(texts))
    direct = [json.loads(line) for line in asked.splitlines()]
    ours = [one for one in said["text_classes"] if one["label"] != "text cut"]
    headless = _voice(work / "none", python, "--text-classifier", str(work / "headless"))
    offline = _voice(work / "none", python, "--emotion-model", "nobody/nothing")
    checks = [
        ("exit code 0", done.returncode == 0),
        ("speech is classified", len(said["emotion"]) > 3),
        ("by speaker", {one["speaker"] for one in said["emotion"]} == {"A", "B"}),
        ("in seconds", all(one["end"] - one["start"] <= 8.01 for one in said["emotion"])),
        ("every segment is classified", len(ours) == len(texts)),
        (
            "with the scores that transformers itself gives",
            all(
                abs(one["score"] - scores[one["label"]]) < 2e-3
                for one, scores in zip(ours, direct, strict=True)
            ),
        ),
        (
            "a model without a head is refused",
            headless.returncode != 0 and "random ones in their place" in headless.stderr,
        ),
        (
            "a model that cannot be had is told",
            offline.returncode == 2 and "nobody/nothing is not available" in offline.stderr,
        ),
    ]
    for what, holds in checks:
        print(f"  {'ok' if holds else 'FAILED'}  {what}", flush=True)
    for one in (done, headless, offline):
        print(one.stderr.strip()[-400:])
    return checks


def _voice(out: Path, python: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from reelmill.cli.main import main; main()", "voice"]
    command += [str(SAMPLE), "-o", str(out), "--model", "demo", "--formats", "json"]
    command += ["--python", str(python), *options]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def _of(content: dict[str, Any], source: str) -> list[dict[str, Any]]:
    return [one for one in content["findings"] if one["source"] == source]


def _run(command: list[str], given: str = "") -> str:
    return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
