"""The example of a stage that another package brings: installed as such, and used by a run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "examples" / "reelmill-sounds"
SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]
TEXT_ONLY = ("--model", "demo", "--no-align", "--diarizer", "none", "--device", "cpu")


@pytest.fixture
def installed(tmp_path: Path) -> dict[str, str]:
    """The environment in which the package is installed, as an installer would leave it."""
    site = tmp_path / "site"
    shutil.copytree(PACKAGE / "src" / "reelmill_sounds", site / "reelmill_sounds")
    described = site / "reelmill_sounds-0.1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: reelmill-sounds\nVersion: 0.1.0\n"
    )
    _, _, after = (PACKAGE / "pyproject.toml").read_text().partition('[project.entry-points."')
    group, _, rest = after.partition('"]\n')
    entries, _, _ = rest.partition("\n\n")
    (described / "entry_points.txt").write_text(f"[{group}]\n{entries}\n".replace('"', ""))
    return {**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}


def run(environment: dict[str, str], *arguments: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, arguments)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_a_run_shows_the_findings_of_an_installed_stage(
    installed: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    option = f"sounds.model={PACKAGE / 'sounds.onnx'}"
    asked = ("--stages", "sounds", "--stage-option", option)
    done = run(
        installed, *CLI, "voice", SAMPLES / "voicemail.wav", "-o", out, *TEXT_ONLY, *asked
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads((out / "voicemail.json").read_text())
    sounds = [one for one in content["findings"] if one["source"] == "sounds"]
    spoken = [one for one in sounds if one["label"] == "speech"]
    assert spoken and all(one["score"] >= 0.5 for one in sounds)
    assert sum(one["end"] - one["start"] for one in spoken) > 0.6 * content["speech_seconds"]
    assert {one["made_with"].split()[0] for one in sounds} == {"sounds.onnx"}
    assert f"sounds: {len(spoken)} × speech" in (out / "report.html").read_text()


def test_the_installed_stage_is_listed_and_a_wrong_option_is_refused(
    installed: dict[str, str], tmp_path: Path
) -> None:
    listed = run(installed, *CLI, "stage", "list")
    assert "Labelling sounds" in listed.stdout
    asked = ("--stages", "sounds", "--stage-option", "sounds.model=gone.onnx")
    out = ("-o", tmp_path / "out")
    done = run(installed, *CLI, "voice", SAMPLES / "voicemail.wav", *out, *TEXT_ONLY, *asked)
    assert done.returncode == 2
    assert "gone.onnx: no such file; give --stage-option sounds.model=FILE" in done.stderr


def test_the_package_passes_its_own_tests(installed: dict[str, str]) -> None:
    done = run(
        installed, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", PACKAGE / "tests"
    )
    assert done.returncode == 0, done.stdout
