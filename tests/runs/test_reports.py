"""Evidence is written first, whatever happens to the reports."""

# proves: G14

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from reelmill.artifacts import ExportedFile, RecordingSummary
from reelmill.core import gate
from reelmill.core.recording import read_state
from reelmill.engine.execution.planning import Job
from reelmill.engine.state.run_db import Original
from reelmill.evidence import verify
from reelmill.evidence.manifest import manifest_sha256, read_manifest
from reelmill.runs.reports import write_reports
from tests.report.samples import empty_run


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A finished recording with a result in `out`."""
    path = tmp_path / "a.wav"
    path.write_bytes(b"sound")
    state = read_state(path)
    job = Job(Original(str(path), "a", 1, 5, state.mtime_ns, state, 1.0, state, 2.0), 5)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.txt").write_text("text")
    result = read_state(tmp_path / "out" / "a.txt")
    job.end(RecordingSummary(exported=[ExportedFile("a.txt", result.sha256, result.size)]))
    return job


def test_all_reports_are_in_the_evidence(job: Job, tmp_path: Path) -> None:
    out, run = tmp_path / "out", empty_run()
    with gate.output(out, "voice", [job.path]):
        write_reports(out, run, [job], [], anew=True)
    assert run.unwritten == []
    assert run.manifest_sha256 == manifest_sha256(out)
    assert verify(out, strict=True, manifest_sha256=run.manifest_sha256).ok
    assert {"a.txt", "report.html", "performance_report.json"} <= set(read_manifest(out))


@pytest.mark.parametrize("name", ["report.html", "performance_report.json", "failed_files.json"])
def test_a_report_that_cannot_be_written_does_not_affect_others(
    job: Job, tmp_path: Path, name: str
) -> None:
    out, run = tmp_path / "out", empty_run()
    (out / name).mkdir()
    with gate.output(out, "voice", [job.path]):
        write_reports(out, run, [job], [], anew=True)
    [text] = run.unwritten
    assert text.startswith(f"{name} could not be written: ")
    assert {"../a.wav", "a.txt", "evidence.json"} <= set(read_manifest(out))
    assert verify(out).ok
    if name != "performance_report.json":
        report = json.loads((out / "performance_report.json").read_text())
        assert report["unwritten"] == [text]


def test_evidence_that_cannot_be_written_is_reported(job: Job, tmp_path: Path) -> None:
    out, run = tmp_path / "out", empty_run()
    (out / "manifest.sha256").mkdir()
    with gate.output(out, "voice", [job.path]):
        write_reports(out, run, [job], [], anew=True)
    assert any(text.startswith("evidence.json could not be written: ") for text in run.unwritten)
    assert run.manifest_sha256 is None
    assert (out / "report.html").exists(), "the reports are there all the same"


def test_a_run_killed_while_writing_reports_leaves_valid_evidence(job: Job, tmp_path: Path) -> None:
    """Earlier reports are not on record while new ones are being written."""
    out = tmp_path / "out"
    with gate.output(out, "voice", [job.path]):
        write_reports(out, empty_run(), [job], [], anew=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("reelmill.report.performance.write_performance", _killed)
            with pytest.raises(KeyboardInterrupt):
                write_reports(out, empty_run(), [job], [ExportedFile(*_result(out))], anew=True)
    verification = verify(out)
    assert verification.ok and {f.what for f in verification.findings} == {"new"}


def _killed(*_: object) -> Path:
    raise KeyboardInterrupt


def _result(out: Path) -> tuple[str, str, int]:
    state = read_state(out / "a.txt")
    return ("a.txt", state.sha256, state.size)


def test_nothing_is_left_to_load_once_the_reports_are_ready(job: Job, tmp_path: Path) -> None:
    """In a process of its own, because other tests have imported everything."""
    script = (
        "import sys; from pathlib import Path\n"
        "from reelmill.runs import reports; from tests.report.samples import real_run\n"
        "from reelmill.pages import environment, language\n"
        "run = real_run(); reports.get_ready(); before = set(sys.modules)\n"
        "loaded = set(environment._environment().cache)\n"
        "from reelmill.pages.report import render_page\n"
        "render_page(run, Path(sys.argv[1]))\n"
        "print([name for name in set(sys.modules) - before if name.startswith('reelmill.')])\n"
        "print(set(environment._environment().cache) - loaded)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines() == ["[]", "set()"]
