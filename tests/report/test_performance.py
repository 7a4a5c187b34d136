"""The JSON reports: the fields users already parse, and our own beside them."""

# proves: G15, G8 (failed_files.json)

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reelmill.engine.telemetry.metrics import ModelWorkerTotals, StageTotals
from reelmill.errors import Failure
from reelmill.report.figures import figures
from reelmill.report.performance import (
    failed_files,
    performance_report,
    write_failed_files,
    write_performance,
)
from tests.report.samples import empty_run, large_run, real_run


def test_the_fields_that_users_already_parse_are_kept():
    report = performance_report(real_run())
    assert list(report)[:7] == [
        "total_files",
        "successful",
        "failed",
        "total_time_minutes",
        "avg_time_per_file_seconds",
        "gpu_utilization",
        "failed_files",
    ]
    assert (report["total_files"], report["successful"], report["failed"]) == (7, 6, 1)
    assert report["total_time_minutes"] == pytest.approx(271.4 / 60, abs=1e-3)
    assert report["avg_time_per_file_seconds"] == pytest.approx(271.4 / 6, abs=1e-3)
    assert report["gpu_utilization"] == 91.3


def test_the_report_has_our_own_figures():
    report = performance_report(real_run())
    media = 158.2 + 4140.0 + 61.0 + 754.9 + 12.1  # the reused recording does not count
    assert report["media_seconds"] == pytest.approx(media)
    assert report["speed_x_real_time"] == pytest.approx(media / 271.4, abs=1e-3)
    assert report["total_time"] == "04:31"
    assert report["reused"] == 1
    assert report["work_share"]["gpu"] == pytest.approx(251.7 / (251.7 + 60.5), abs=1e-3)
    assert report["work_share"]["gpu"] + report["work_share"]["cpu"] == pytest.approx(1)
    assert report["model_workers"][0]["busy_share"] == pytest.approx(251.7 / 254.9, abs=1e-3)
    assert [stage["name"] for stage in report["stages"]][:2] == ["decode", "speech"]
    assert report["device"]["memory_mb"] == {"maximum": 7030.0, "mean": 6120.0, "total": 12288.0}


def test_notes_of_the_run_and_of_its_recordings():
    run = real_run()
    run.notes, run.outcomes[1].notes = ["no GPU"], ["3 of 40 words have interpolated times"]
    report = performance_report(run)
    assert report["notes"] == ["no GPU"]
    assert report["recording_notes"] == [
        {"file": run.outcomes[1].path, "notes": ["3 of 40 words have interpolated times"]}
    ]


def test_a_failure_has_all_that_a_user_needs():
    run = real_run()
    run.outcomes[-1].failure = Failure("transcribe", "transient", "disk busy", tries=4)
    [failed] = failed_files(run)
    assert failed.pop("what_to_do")
    assert failed == {
        "file": "/home/kim/통화/6월/깨진 파일.m4a",
        "error": "disk busy",
        "stage": "transcribe",
        "tries": 4,
        "kind": "transient",
    }
    assert performance_report(run)["failed_files"] == failed_files(run)


def test_a_run_without_recordings_is_reported(tmp_path: Path):
    write_performance(tmp_path, real_run())
    write_failed_files(tmp_path, real_run())
    report = write_performance(tmp_path, empty_run())
    failed = write_failed_files(tmp_path, empty_run())
    assert json.loads(failed.read_text()) == []
    content = json.loads(report.read_text())
    assert (content["total_files"], content["avg_time_per_file_seconds"]) == (0, 0.0)
    assert content["gpu_utilization"] == 0.0
    assert content["speed_x_real_time"] is None


def test_cpu_work_is_not_called_gpu_work():
    run = empty_run()
    run.stages = [StageTotals("decode", cpu_seconds=3.0)]
    run.model_workers = [ModelWorkerTotals("t", "demo", "cpu", busy_seconds=9.0)]
    assert figures(run).gpu_share == 0.0
    run.model_workers.append(ModelWorkerTotals("u", "demo", "cuda:1", busy_seconds=4.0))
    assert figures(run).gpu_share == pytest.approx(4 / 16)


def test_names_that_are_not_utf8_are_reported(tmp_path: Path):
    run = real_run()
    run.outcomes[-1].path = "/\udcff.m4a"
    report = write_performance(tmp_path, run)
    assert json.loads(report.read_text())["failed_files"][0]["file"] == "/\udcff.m4a"


def test_a_run_with_only_finished_recordings_is_reported():
    run = large_run(3)
    for outcome in run.outcomes:
        outcome.reused = True
    numbers = figures(run)
    assert (numbers.done, numbers.reused) == (3, 3)
    assert (numbers.speed, numbers.seconds_per_recording) == (None, None)
