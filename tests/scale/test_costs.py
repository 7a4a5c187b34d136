"""How much work recordings are expected to be."""

# proves: G17

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import pytest

from reelmill.engine.resources.stage_costs import StageCosts
from reelmill.scale import costs as module
from reelmill.scale.costs import durations, estimate

SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))


@pytest.fixture
def calls(tmp_path: Path) -> list[Path]:
    shutil.copy(SAMPLES / "voicemail.wav", tmp_path)
    (tmp_path / "broken.wav").write_bytes(b"no sound" * 4000)
    return [tmp_path / "voicemail.wav", tmp_path / "broken.wav", tmp_path / "gone.wav"]


def test_costs_are_length_times_what_stages_were_measured_to_cost(
    calls: list[Path], tmp_path: Path
) -> None:
    costs = StageCosts(tmp_path / "costs.json")
    costs.learn({"recognize": 20.0, "diarize": 5.0, "other": 100.0}, 100.0)
    assert costs.save() is None
    costs = StageCosts(tmp_path / "costs.json")
    found = estimate(calls, ["recognize", "diarize", "never measured"], costs)
    length = durations(calls)[calls[0]]
    assert length > 1 and found.seconds[0] == pytest.approx(0.25 * length, rel=0.1, abs=0.1)
    assert found.notes == ["the length of 2 recordings is estimated by size"]
    assert found.seconds[1] > found.seconds[2] > 0


def test_without_measurements_length_stands_for_work(calls: list[Path], tmp_path: Path) -> None:
    found = estimate(calls[:1], ["recognize"], StageCosts(tmp_path / "none.json"))
    assert found.seconds[0] == pytest.approx(durations(calls)[calls[0]], abs=0.1)
    assert "no run has measured" in found.notes[0]


def test_a_file_on_which_the_reader_crashes_costs_only_itself(
    calls: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelmill.errors import CrashError

    def crashing(function, paths):
        if any("broken" in path for path in paths):
            raise CrashError("died")
        return function(paths)

    monkeypatch.setattr(module, "call_alone", crashing)
    assert list(durations(calls)) == calls[:1]


def test_new_measurements_count_and_short_runs_do_not(tmp_path: Path) -> None:
    costs = StageCosts(tmp_path / "costs.json")
    costs.learn({"a": 10.0}, 100.0)
    costs.learn({"a": 30.0}, 100.0)
    assert costs.rate(["a"]) == pytest.approx(0.2)
    costs.learn({"a": 30.0}, 0.5)
    assert costs.rate(["a"]) == pytest.approx(0.2)
    (tmp_path / "costs.json").write_text("damaged")
    assert StageCosts(tmp_path / "costs.json").rate(["a"]) is None
