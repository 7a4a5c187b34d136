"""What people and programs see during a run."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

from reelmill.artifacts import Finding, Severity
from reelmill.commands.terminal import JsonLines, Plain, View, headline, observing
from reelmill.engine.telemetry.events import Progressed, RecordingFinished, RunEnded, Snapshot
from reelmill.engine.telemetry.metrics import FileOutcome, StageTotals
from reelmill.errors import Failure
from tests.report.samples import real_run


def outcome(path: str = "/in/a.wav", message: str | None = None) -> FileOutcome:
    failure = Failure("read", "crash", message) if message else None
    status = "failed" if failure else "done"
    return FileOutcome(path, "a", status, 125.0, 3.0, False, failure)


def snapshot(seconds: float = 20.0) -> Snapshot:
    stages = [StageTotals("read", done=3), StageTotals("shout", items=40, first_at=10.0)]
    return Snapshot(seconds, 10, 3, 1, 0, 400.0, stages, {"shout": 5}, 61.0, 2048.0, 150.0)


def told(*events: FileOutcome) -> str:
    stream = io.StringIO()
    plain = Plain(stream)
    plain.planned(3, 1)
    for event in events:
        plain.finished(event)
    return stream.getvalue()


def test_plain_output_has_one_line_per_recording() -> None:
    lines = told(outcome(), outcome("/in/b.wav", "/in/b.wav: no sound")).splitlines()
    assert lines[0] == "3 recordings, 1 of them ended in an earlier run"
    assert lines[1].startswith("[2/3] ok") and "/in/a.wav" in lines[1]
    assert lines[2].startswith("[3/3] FAILED") and lines[2].count("/in/b.wav") == 1


@pytest.mark.parametrize(
    ("severities", "mark"),
    [((), "ok "), (("info",), "note "), (("info", "warning"), "check "), (("grave",), "GRAVE ")],
)
def test_ok_is_printed_only_without_findings(severities: tuple[Severity, ...], mark: str) -> None:
    # proves: G21
    found = outcome()
    found.findings = [Finding("channels", severity=severity) for severity in severities]
    assert told(found).splitlines()[1].startswith(f"[2/3] {mark}")


def test_a_failure_always_names_its_recording() -> None:
    assert "/in/b.wav: worker-1 killed by SIGKILL" in told(
        outcome("/in/b.wav", "worker-1 killed by SIGKILL")
    )


def test_a_changed_original_cannot_be_overlooked() -> None:
    # proves: G14
    changed = outcome()
    changed.changed = ["mtime_ns: 1 -> 2"]
    assert "ORIGINAL CHANGED: /in/a.wav: mtime_ns: 1 -> 2" in told(changed)
    assert "[2/3] GRAVE" in told(changed)


@pytest.mark.parametrize("path", ["/in/two\nlines.wav", "/in/\x1b[31mred.wav", "/in/\udcff.wav"])
def test_no_name_can_break_the_line_or_the_terminal(path: str) -> None:
    lines = told(outcome(path)).splitlines()
    assert len(lines) == 2 and "\x1b" not in lines[1]
    lines[1].encode()


def test_progress_lines_are_printed_from_time_to_time() -> None:
    stream = io.StringIO()
    plain = Plain(stream)
    for seconds in (1.0, 16.0, 17.0, 32.0):
        plain.moved(snapshot(seconds))
    assert len(stream.getvalue().splitlines()) == 2


def test_the_headline_shows_the_progress() -> None:
    # proves: G15
    line = headline(snapshot())
    for part in ("4/10 recordings", "1 failed", "20.0 × real time", "left", "2.0 GB"):
        assert part in line


def test_a_run_slower_than_the_recording_is_not_said_to_have_no_speed() -> None:
    slow = replace(snapshot(), media_seconds=9.0)
    assert "0.45 × real time" in headline(slow)


def test_what_a_second_interrupt_does_is_said_while_it_can_be_pressed() -> None:
    stream = io.StringIO()
    Plain(stream).warned("stopping: Ctrl-C")
    assert stream.getvalue() == "warning: stopping: Ctrl-C (press it again to stop at once)\n"


def test_every_event_is_a_line_of_json() -> None:
    stream = io.StringIO()
    lines = JsonLines(stream)
    lines.planned(2, 0)
    lines.warned("two\nlines")
    lines.finished(outcome("/in/\udcff.wav", "broken"))
    lines.moved(snapshot())
    events = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["planned", "warning", "recording"]
    assert events[2]["failure"]["kind"] == "crash"


def test_a_closed_reader_does_not_stop_the_run() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    for observer in (JsonLines(Gone()), Plain(Gone())):
        observer.planned(1, 0)
        observer.finished(outcome())
        observer.warned("x")


@pytest.mark.parametrize(
    ("quiet", "as_json", "kind"), [(True, False, View), (False, True, JsonLines)]
)
def test_options_choose_the_view(quiet: bool, as_json: bool, kind: type) -> None:
    with observing(quiet=quiet, as_json=as_json) as observer:
        assert isinstance(observer, kind)
        observer(Progressed(snapshot()))


def test_recordings_of_earlier_runs_are_not_shown_one_by_one() -> None:
    stream = io.StringIO()
    old = outcome()
    old.reused = True
    Plain(stream)(RecordingFinished(old))
    assert stream.getvalue() == ""
    Plain(stream)(RecordingFinished(outcome()))
    assert "/in/a.wav" in stream.getvalue()


def test_json_output_ends_with_the_hash_of_the_manifest() -> None:
    # proves: G14
    stream, run = io.StringIO(), real_run()
    run.manifest_sha256 = "ab" * 32
    JsonLines(stream)(RunEnded(run))
    ended = json.loads(stream.getvalue())
    assert (ended["event"], ended["done"], ended["failed"]) == ("ended", 6, 1)
    assert ended["manifest_sha256"] == "ab" * 32
