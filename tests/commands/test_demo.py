"""`reelmill demo` as a new user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest
import srt

ASSETS = Path(str(resources.files("reelmill") / "assets"))
CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]


def reelmill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CLI, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def failures(out: Path) -> list[str]:
    report = json.loads((out / "performance_report.json").read_text())
    return [Path(entry["file"]).name for entry in report["failed_files"]]


def written(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.glob("*/[!.]*")}


def test_demo_runs_each_pipeline_and_a_second_time_does_nothing(tmp_path: Path) -> None:
    # proves: G12 G15 S1 F4
    out = tmp_path / "demo"
    first = reelmill("demo", "-o", out)
    assert first.returncode == 0, first.stderr
    assert {path.name for path in out.iterdir()} == {"voice", "subtitle", "faces"}
    assert failures(out / "voice") == ["broken.m4a"]
    assert failures(out / "subtitle") == []
    film = next((ASSETS / "films").glob("*.mp4"))
    truth = json.loads((film.parent / "truth" / f"{film.name}.json").read_text())
    shown = list(srt.parse((out / "subtitle" / f"{film.stem}.ko.srt").read_text()))
    assert len(shown) == len(truth["utterances"])
    for one, said in zip(shown, truth["utterances"], strict=True):
        assert one.content.replace("\n", " ") == said["translations"]["ko"]
        assert one.start.total_seconds() == pytest.approx(said["start"], abs=0.1)
        assert one.end.total_seconds() == pytest.approx(said["end"], abs=0.5)
    assert (out / "subtitle" / f"{film.stem}.subtitled.mp4").exists()
    assert failures(out / "faces") == []
    people = next((ASSETS / "people").glob("*.mp4"))
    faces = json.loads((out / "faces" / f"{people.stem}.faces.json").read_text())
    assert [person["label"] for person in faces["persons"]] == ["A", "B", "C"]
    assert all((out / "faces" / clip["file"]).stat().st_size > 10_000 for clip in faces["clips"])

    before = written(out)
    second = reelmill("demo", "-o", out)
    assert second.returncode == 0
    assert written(out) == before
    # Another command continues in the same folder.
    again = reelmill("voice", ASSETS / "samples", "-o", out / "voice", "--model", "demo")
    assert again.returncode == 1
    report = json.loads((out / "voice" / "performance_report.json").read_text())
    assert report["total_files"] == 12 and report["failed"] == 1
    assert (out / "voice" / "report.html").stat().st_size > 1000

    assert reelmill("verify", out).returncode == 0
    (out / "subtitle" / f"{film.stem}.ko.srt").write_text("somebody else's words")
    told = reelmill("verify", out)
    assert told.returncode == 1
    assert f"{film.stem}.ko.srt" in told.stdout
