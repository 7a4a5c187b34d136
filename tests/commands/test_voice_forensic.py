"""`reelmill voice --forensic` as a user runs it: measures and scores in the JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.commands.test_voice import SAMPLES, reelmill

SAMPLE = SAMPLES / "call with the bank.mp3"


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    done = reelmill("voice", SAMPLE, "-o", folder, "--model", "demo", "--forensic", "--formats",
                    "json", "--names", "A=Kim")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


# proves: V8
def test_measures_of_each_speaker_are_in_the_json_by_name(out: Path) -> None:
    content = json.loads((out / "call with the bank.json").read_text())
    acoustics = content["acoustics"]
    assert [one["speaker"] for one in acoustics["speakers"]] == ["Kim", "B"]
    for one in acoustics["speakers"]:
        assert -40 < one["loudness"] < -5
        assert 60 < one["f0"] < 400
        assert one["rate_unit"] == "words" and 1 < one["articulation_rate"] < 8
        assert one["speech_rate"] <= one["articulation_rate"]
        assert 0 < one["jitter"] < 0.1 and 0 < one["shimmer"] < 0.4
    assert "autocorrelation pitch after Boersma 1993" in acoustics["made_with"]
    assert all(one["end"] <= content["duration"] for one in acoustics["utterances"])
    told = [one for one in content["findings"] if one["source"] == "acoustics"]
    assert all(one["severity"] == "info" for one in told)


# proves: V8
def test_scores_are_in_the_json_and_on_the_report_page(out: Path) -> None:
    scores = json.loads((out / "call with the bank.json").read_text())["scores"]
    assert scores["weights_from"].startswith("shipped weights (")
    assert [one["speaker"] for one in scores["speakers"]] == ["Kim", "B"]
    for one in scores["recording"]["categories"]:
        assert (one["score"] is None) == bool(one["why_none"])
        assert one["score"] is None or one["formula"].endswith(f"= {one['score']:g}")
    by_name = {one["category"]: one["score"] for one in scores["recording"]["categories"]}
    assert by_name["threat"] is not None and by_name["voice"] is not None
    assert "score: " in (out / "report.html").read_text()


# proves: V8
def test_what_is_found_in_the_words_is_scored_with_its_parts(tmp_path: Path) -> None:
    sample = SAMPLES / "call 2026-03-14.m4a"
    done = reelmill("voice", sample, "-o", tmp_path, "--model", "demo", "--forensic", "--formats",
                    "json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "call 2026-03-14.json").read_text())
    found = {one["label"] for one in content["findings"] if one["source"] == "patterns"}
    scores = content["scores"]["recording"]
    scored = {one["category"] for one in scores["categories"] if one["score"]}
    assert "coercion" in found and found <= scored
    assert scores["overall"] > 0 and scores["formula"].endswith(f"= {scores['overall']:g}")
    parts = [part for one in scores["categories"] for part in one["parts"]]
    assert all(part["end"] > part["start"] and part["text"] for part in parts)


def test_an_invalid_file_of_weights_is_refused_before_any_work(tmp_path: Path) -> None:
    weights = tmp_path / "weights.toml"
    weights.write_text("[categories.threat]\npoints = 'many'\n")
    done = reelmill("voice", SAMPLE, "-o", tmp_path / "out", "--model", "demo", "--forensic",
                    "--score-weights", weights)  # fmt: skip
    assert done.returncode == 2
    assert "weights.toml: categories.threat.points" in done.stderr
