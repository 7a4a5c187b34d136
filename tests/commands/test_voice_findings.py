"""Damage of a recording is reported everywhere a user would look."""

# proves: G21

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from reelmill.core.paths import ASSETS

CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]


def test_a_truncated_recording_is_not_reported_as_done(tmp_path: Path) -> None:
    calls, out = tmp_path / "calls", tmp_path / "out"
    calls.mkdir()
    whole = (ASSETS / "samples" / "voicemail.wav").read_bytes()
    (calls / "통화 cut.wav").write_bytes(whole[: len(whole) // 2])
    (calls / "whole.wav").write_bytes(whole)
    command = [*CLI, "voice", str(calls), "-o", str(out), "--model", "demo"]
    run = subprocess.run(
        [*command, "--diarizer", "none", "--no-align"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1, run.stderr
    assert "NOT WHOLE" in run.stdout and "its header states" in run.stdout
    (finding,) = json.loads((out / "통화 cut.json").read_text("utf-8"))["findings"]
    assert (finding["source"], finding["label"]) == ("recording", "truncated")
    assert finding["severity"] == "grave" and 0 < finding["start"] < finding["end"]
    assert json.loads((out / "whole.json").read_text("utf-8"))["findings"] == []
    (failed,) = json.loads((out / "failed_files.json").read_text("utf-8"))
    assert failed["file"].endswith("통화 cut.wav") and failed["kind"] == "not whole"
    assert "its header states" in (out / "report.html").read_text("utf-8")


def test_a_recording_without_speech_is_not_reported_as_ok(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "quiet.wav", np.zeros(3 * 16_000), 16_000)
    out = tmp_path / "out"
    command = [*CLI, "voice", str(tmp_path / "quiet.wav"), "-o", str(out), "--model", "demo"]
    run = subprocess.run([*command, "--no-align"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    (finding,) = json.loads((out / "quiet.json").read_text("utf-8"))["findings"]
    assert (finding["label"], finding["text"]) == ("no speech", "no speech found")
    report = json.loads((out / "performance_report.json").read_text("utf-8"))
    (told,) = report["recording_findings"]
    assert [one["text"] for one in told["findings"]] == ["no speech found"]
