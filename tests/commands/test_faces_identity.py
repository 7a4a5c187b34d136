"""`reelmill faces` with known people and across videos, as a user runs it.

# proves: F1 F3 F6
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from synthetic.videos import Script, make_video
from tests.stages.faces.face_looks import coarse_network
from tests.stages.faces.test_reference_pictures import portrait

CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]


def reelmill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CLI, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def film(path: Path, seed: int) -> Path:
    shots = Script(
        seconds=2.4, width=320, height=240, rate=10, persons=2, sizes=(60, 80),
        shot_seconds=(1.1, 1.3), leaving=0, seed=seed,
    )  # fmt: skip
    make_video(path, shots)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[list[str | Path], Path, subprocess.CompletedProcess[str]]:
    """Two videos of the same two people, of whom one is known."""
    folder = tmp_path_factory.mktemp("people")
    films = [film(folder / "하나.mp4", 3), film(folder / "둘.mp4", 8)]
    portrait(folder / "portraits" / "김 제독.png", 1)
    network = coarse_network(folder / "coarse.onnx")
    arguments: list[str | Path] = ["faces", *films, "-o", folder / "out", "--across"]
    arguments += ["--people", folder / "portraits", "--identity", network, "--min-share", "0"]
    arguments += ["--clip", "person", "--size", "64", "--preset", "ultrafast"]
    return arguments, folder / "out", reelmill(*arguments)


def test_people_are_named_and_found_across_videos(run) -> None:
    _, out, done = run
    assert done.returncode == 0, done.stderr
    document = json.loads((out / "people.json").read_text())
    assert document["told_apart_by"] == "coarse.onnx" and document["notes"] == []
    assert [one["id"] for one in document["people"]] == ["P1", "P2"]
    assert {one["name"] for one in document["people"]} == {"김 제독", None}
    for one in document["people"]:
        assert [seen["video"] for seen in one["seen_in"]] == ["둘", "하나"]
        for seen in one["seen_in"]:
            faces = json.loads((out / f"{seen['video']}.faces.json").read_text())
            person = next(p for p in faces["persons"] if p["label"] == seen["person"])
            assert person["name"] == one["name"]
            assert "by their faces (coarse.onnx)" in faces["notes"][0]
    assert (out / "둘.clips" / "김 제독.mp4").is_file()
    assert "people.json" in (out / "manifest.sha256").read_text()
    assert "people.json" in done.stdout


def test_a_second_run_and_another_order_keep_all_numbers(run) -> None:
    # proves: G12
    arguments, out, _ = run
    before = (out / "people.json").read_bytes()
    clips = {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    again = reelmill(*arguments)
    assert again.returncode == 0, again.stderr
    assert (out / "people.json").read_bytes() == before
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")} == clips
    assert reelmill("verify", out).returncode == 0
    one = reelmill(*[a for a in arguments if not str(a).endswith("하나.mp4")])
    assert one.returncode == 0, one.stderr
    first, alone = json.loads(before), json.loads((out / "people.json").read_bytes())
    numbers = {one["id"]: one["name"] for one in first["people"]}
    assert {one["id"]: one["name"] for one in alone["people"]} == numbers
