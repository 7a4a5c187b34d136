"""The closing lines."""

# proves: G15 (summary), G8

from __future__ import annotations

from pathlib import Path

from reelmill.artifacts import Finding
from reelmill.errors import Failure
from reelmill.report.text import closing_lines
from tests.report.samples import empty_run, large_run, real_run

OUT = Path("analysis-results")


def test_closing_lines_name_a_failure_with_its_cause():
    run = real_run()
    run.manifest_sha256 = "ab" * 32
    assert closing_lines(run, OUT) == [
        "6 of 7 recordings done, 1 failed.",
        "  time 04:31, 1:25:26 of sound at 18.9 × real time, 45 s per recording, 1 done earlier",
        "  FAILED /home/kim/통화/6월/깨진 파일.m4a",
        "    Decoding the sound: ends in the middle of its index (moov atom not found)",
        "  Warning: device memory in use 83 %: batch size 20 -> 10",
        "  Results   analysis-results",
        "  Look at   analysis-results/index.html",
        "  Report    analysis-results/report.html",
        "  Failures  analysis-results/failed_files.json",
        "  Evidence  analysis-results/manifest.sha256 (check: reelmill verify analysis-results)",
        f"  SHA-256   {'ab' * 32} (of that file; keep a copy elsewhere)",
    ]


def test_closing_lines_report_tries_changes_and_stops():
    run = real_run()
    run.outcomes[-1].failure = Failure("transcribe", "transient", "disk\nbusy", tries=4)
    run.outcomes[0].changed = ["size: 1 -> 2"]
    run.stopped = "interrupted"
    text = "\n".join(closing_lines(run, OUT))
    assert r"Recognizing speech, after 4 tries: disk\nbusy" in text
    assert "ORIGINAL CHANGED" in text
    assert "Stopped because: interrupted. Run the same command again" in text


def test_closing_lines_do_not_count_what_failed_earlier_as_done():
    run = real_run()
    run.outcomes[-1].reused = True
    assert "1 done earlier" in closing_lines(run, OUT)[1]


def test_closing_lines_say_once_why_a_run_stopped():
    run = real_run()
    run.stopped = "Ctrl-C"
    run.warnings.append("stopping: Ctrl-C")
    assert sum("Ctrl-C" in line for line in closing_lines(run, OUT)) == 1


def test_closing_lines_name_damaged_recordings_and_count_warnings():
    # proves: G21
    run = real_run()
    cut = Finding("truncated", 3.1, 12.0, text="ends after 3.1 s", severity="grave")
    gap = Finding("missing sound", 60.0, 63.0, text="no sound for 3.0 s", severity="warning")
    turned = Finding("channels", text="right was turned over")
    run.outcomes[0].findings, run.outcomes[1].findings = [cut, turned], [gap, gap]
    lines = closing_lines(run, OUT)
    assert f"  NOT WHOLE {run.outcomes[0].path}: at 00:03–00:12: ends after 3.1 s" in lines
    assert "  2 warnings about 1 recording, see report.html" in lines
    assert "  1 note about 1 recording, see report.html" in lines


def test_closing_lines_limit_many_failures():
    run = large_run(30)
    for outcome in run.outcomes:
        outcome.status, outcome.failure = "failed", Failure("decode", "input", "broken")
    lines = closing_lines(run, OUT)
    assert sum("FAILED" in line for line in lines) == 20
    assert "  ... and 10 more, see failed_files.json" in lines


def test_closing_lines_say_that_nothing_was_found():
    lines = closing_lines(empty_run(), OUT)
    assert lines[0] == "Nothing to do: no recordings were found."
    assert not any("Evidence" in line for line in lines)


def test_closing_lines_report_unwritten_files_and_do_not_refer_to_them():
    # proves: G14
    run = real_run()
    run.unwritten = ["report.html could not be written: no permission"]
    lines = closing_lines(run, OUT)
    assert "  NOT WRITTEN: report.html could not be written: no permission" in lines
    assert not any(line.startswith(("  Report ", "  Evidence ", "  SHA-256 ")) for line in lines)


def test_closing_lines_say_what_was_left_out():
    # proves: G21
    run = real_run()
    run.left_out = ["2 hidden recordings left out (.a.wav, .b\x1b.wav)"]
    assert r"  Left out: 2 hidden recordings left out (.a.wav, .b\x1b.wav)" in closing_lines(
        run, OUT
    )
