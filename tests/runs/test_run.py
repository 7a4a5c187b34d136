"""Runs as a program uses them: in threads, in an event loop, several at once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from reelmill.engine.execution.planning import Source
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.telemetry.events import (
    Event,
    Noted,
    Planned,
    Previewed,
    Progressed,
    RecordingFinished,
    RunEnded,
)
from reelmill.errors import InputError, RunClosedError, UsageError
from reelmill.evidence.verify import verify
from reelmill.pipelines.choices import BuildContext
from reelmill.runs.run import Run
from tests.engine.toys import ShoutStage
from tests.runs.toy_task import recordings, toy_run, toy_task

WORDS = " ".join(f"word{n}" for n in range(12))


def names(events: list[Event]) -> list[str]:
    return sorted(one.outcome.name for one in events if isinstance(one, RecordingFinished))


def process_state() -> tuple[object, ...]:
    """The state of a process that belongs to the user of the library."""
    mask = os.umask(0o022)
    os.umask(mask)
    handlers = tuple(signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM))
    return dict(os.environ), Path.cwd(), mask, handlers, threading.active_count()


def test_two_runs_in_two_threads_stay_separate(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = process_state()
    meeting = threading.Barrier(2)
    statuses: dict[str, list[str]] = {}

    def work(name: str) -> None:
        texts = {f"{name}{n}.txt": f"{name} number{n} {WORDS}" for n in range(3)}
        run = toy_run(tmp_path / name, *recordings(tmp_path / "in", texts), slow=0.02)
        meeting.wait()
        with run:
            statuses[name] = (
                [result.status for result in run.results()] if run.close() is None else []
            )

    threads = [threading.Thread(target=work, args=(name,)) for name in ("red", "blue")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    assert statuses == {"red": ["ok"] * 3, "blue": ["ok"] * 3}
    for name in ("red", "blue"):
        written = {path.name for path in (tmp_path / name).glob("*.up")}
        assert written == {f"{name}{n}.up" for n in range(3)}
        assert (tmp_path / name / "report.html").exists()
        assert (tmp_path / name / f"{name}1.up").read_text().startswith(f"{name.upper()}0 NUMBER11")
    assert process_state() == before
    assert capfd.readouterr() == ("", "")


def test_a_second_run_on_the_same_folder_is_refused_without_effect(tmp_path: Path) -> None:
    files = recordings(tmp_path / "in", {"a.txt": WORDS})
    with (
        toy_run(tmp_path / "out", *files, slow=0.05) as run,
        pytest.raises(UsageError, match="another run"),
    ):
        toy_run(tmp_path / "out", *files).start()
    assert run.summary is not None and run.summary.count("done") == 1
    with toy_run(tmp_path / "out", *files) as again:
        pass
    assert again.summary is not None and again.summary.outcomes[0].reused


def test_reports_are_brought_up_to_date_while_a_run_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with toy_run(out) as run:
        run.add([Source(*recordings(tmp_path / "in", {"a.txt": WORDS}), "calls/first")])
        next(one for one in run.events() if isinstance(one, RecordingFinished))
        run.refresh_reports()
        assert "a.txt" in (out / "report.html").read_text()
        assert "calls/first" in (out / "index.html").read_text()
        assert {one.what for one in verify(out).findings} == {"new"}  # toys name no exports
        run.add(recordings(tmp_path / "in", {"b.txt": WORDS}))
    run.refresh_reports()  # does nothing
    assert "a.txt" in (out / "report.html").read_text()
    assert run.summary is not None and run.summary.count("done") == 2
    assert [path.name for path in sorted(out.rglob("*.up"))] == ["b.up", "first.up"]
    log = (out / "custody.jsonl").read_text()
    assert log.count('"ended"') == 1
    assert {one.what for one in verify(out).findings} == {"new"}  # toys name no exports


def test_a_run_inside_a_running_loop_does_not_block_it(tmp_path: Path) -> None:
    """As in a notebook, whose cells run in a loop that continues."""
    files = recordings(tmp_path / "in", {f"{n}.txt": WORDS for n in range(3)})
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0.01)

    async def cell() -> list[str]:
        heart = asyncio.create_task(beat())
        async with toy_run(tmp_path / "out", slow=0.02) as run:
            run.add(files)
            run.close()
            statuses = [result.status async for result in run.results()]
        heart.cancel()
        return statuses

    assert asyncio.run(asyncio.wait_for(cell(), 180)) == ["ok", "ok", "ok"]
    assert beats > 10


def test_a_blocking_run_inside_a_running_loop_works_too(tmp_path: Path) -> None:
    """A cell with a plain `for`."""
    files = recordings(tmp_path / "in", {"a.txt": "x"})

    async def cell() -> int:
        with toy_run(tmp_path / "out", *files) as run:
            return run.wait().count("done")

    assert asyncio.run(cell()) == 1


def test_a_recording_added_during_a_run_is_processed_like_the_others(tmp_path: Path) -> None:
    first, second = recordings(tmp_path / "in", {"a.txt": WORDS, "b.txt": "added later"})
    with toy_run(tmp_path / "out", first) as run:
        for event in run.events():
            if isinstance(event, RecordingFinished) and event.outcome.name == "a":
                run.add(second)
                run.add([first, second])  # those it has already are left out
                run.close()
    assert run.summary is not None
    assert [one.status for one in run.summary.outcomes] == ["done", "done"]
    assert (tmp_path / "out" / "b.up").read_text() == "ADDED0 LATER1"
    with pytest.raises(RunClosedError, match="no longer accepts recordings"):
        run.add(second)


def test_a_run_can_start_without_recordings_and_get_them_at_once(tmp_path: Path) -> None:
    run = toy_run(tmp_path / "out").start()
    run.add(recordings(tmp_path / "in", {"a.txt": "x"}))
    assert run.wait(180).count("done") == 1


def test_previews_come_in_order_while_a_recording_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: W2
    monkeypatch.setattr(ShoutStage, "previewed", True)
    (file,) = recordings(tmp_path / "in", {"a.txt": WORDS})
    run = toy_run(tmp_path / "out", file, previews=True).start()
    run.close()
    found = [one for one in run.events() if isinstance(one, (Previewed, RecordingFinished))]
    *previews, finished = found
    assert isinstance(finished, RecordingFinished)
    assert [one.output for one in previews if isinstance(one, Previewed)] == [
        f"WORD{number}{number}" for number in range(12)
    ]
    with toy_run(tmp_path / "plain", *recordings(tmp_path / "in", {"b.txt": WORDS})) as plain:
        plain.close()
        assert not [one for one in plain.events() if isinstance(one, Previewed)]


def test_a_withdrawn_recording_costs_nothing_more_and_those_with_its_content_are_done(
    tmp_path: Path,
) -> None:
    # proves: W2
    long = " ".join(f"long{n}" for n in range(4000))
    short = " ".join(f"short{n}" for n in range(60))  # but not done before it can be withdrawn
    texts = {"a.txt": long, "b.txt": long + " end", "c.txt": short, "same.txt": short}
    a, b, c, same = recordings(tmp_path / "in", texts)
    run = toy_run(tmp_path / "out", a, b, slow=0.05).start()
    while not ((progress := run.progress) and progress.queued_items.get("shout")):
        time.sleep(0.01)
    began = time.monotonic()
    run.withdraw([a, b])
    a.unlink()
    run.add([c, same])
    run.withdraw(c)
    summary = run.wait(180)
    assert time.monotonic() - began < 60, "4,000 words would take 100 s"
    outcomes = {one.name: one for one in summary.outcomes}
    assert outcomes["same"].status == "done"
    for name in ("a", "b", "c"):
        failure = outcomes[name].failure
        assert failure is not None and failure.stage == "withdrawn"
        assert failure.message.endswith(f"{name}.txt: withdrawn before it was done")
    run.withdraw(same)  # it is done, and the run is over


def test_a_run_stopped_by_its_method_keeps_what_is_finished(tmp_path: Path) -> None:
    files = recordings(tmp_path / "in", {f"{n:02}.txt": f"{n} {WORDS}" for n in range(16)})
    statuses: dict[str, str] = {}
    with toy_run(tmp_path / "out", *files, slow=0.1) as run:
        run.close()
        began = time.monotonic()
        for result in run.results():
            statuses[result.name] = result.status
            run.stop("seen enough")
    assert time.monotonic() - began < 30
    assert run.summary is not None and run.summary.stopped == "seen enough"
    assert set(statuses.values()) == {"ok", "skipped"} and len(statuses) == 16
    done = {name for name, status in statuses.items() if status == "ok"}
    # files of an unfinished recording that were being written at the stop may exist too
    assert {path.stem for path in (tmp_path / "out").glob("*.up")} >= done
    with toy_run(tmp_path / "out", *files) as again:
        pass
    assert again.summary is not None and again.summary.count("done") == 16
    assert {one.name for one in again.summary.outcomes if one.reused} == done


def test_listeners_get_all_events_whenever_they_start(tmp_path: Path) -> None:
    files = recordings(tmp_path / "in", {"a.txt": WORDS, "b.txt": "unreadable", "c.txt": "x"})
    run = toy_run(tmp_path / "out", *files, slow=0.05)
    heard: list[Event] = []
    live = threading.Thread(target=lambda: heard.extend(run.events()))
    live.start()
    with run:
        pass
    live.join(90)

    async def listen() -> list[Event]:
        return [event async for event in run.events()]

    late = asyncio.run(listen())
    assert names(heard) == names(late) == ["a", "b", "c"]
    assert any(isinstance(event, Progressed) for event in heard)
    for events in (heard, late):
        assert isinstance(events[0], Noted) and events[0].text.startswith("device:")
        assert [one for one in events if isinstance(one, Planned)] == [Planned(3, 0)]
        assert isinstance(events[-1], RunEnded) and events[-1].summary is run.summary


def test_a_failure_is_a_result_that_can_be_raised(tmp_path: Path) -> None:
    files = recordings(tmp_path / "in", {"good.txt": "x", "bad.txt": "unreadable"})
    with toy_run(tmp_path / "out", *files) as run:
        run.close()
        results = {result.name: result for result in run.results()}
    assert results["good"].error is None and results["good"].recording == files[0]
    results["good"].raise_if_failed()
    bad = results["bad"]
    assert (bad.status, bad.error.kind if bad.error else None) == ("failed", "input")
    with pytest.raises(InputError, match=r"bad\.txt: unreadable on purpose"):
        bad.raise_if_failed()


def test_an_exception_in_the_block_stops_the_run_and_is_raised(tmp_path: Path) -> None:
    files = recordings(tmp_path / "in", {f"{n}.txt": f"{n} {WORDS}" for n in range(5)})
    with pytest.raises(ZeroDivisionError), toy_run(tmp_path / "out", *files, slow=0.1) as run:
        raise ZeroDivisionError
    assert run.is_over and run.summary is not None
    assert run.summary.stopped == "ended by ZeroDivisionError"


def test_an_error_at_the_start_is_raised_there_and_ends_the_listeners(tmp_path: Path) -> None:
    run = toy_run(tmp_path / "out", tmp_path / "missing.wav")
    with pytest.raises(UsageError, match="not found"):
        run.start()
    assert list(run.events()) == []
    with pytest.raises(UsageError, match="not found"):
        run.wait()
    with pytest.raises(UsageError, match="no task 'voices'"):
        Run("voices")
    with pytest.raises(UsageError, match="modle"):
        Run("voice", modle="tiny")


def test_a_file_in_the_place_of_the_output_folder_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("notes")
    with pytest.raises(UsageError, match="it is a file, not a folder"):
        toy_run(tmp_path / "out", *recordings(tmp_path / "in", {"a.txt": "x"})).start()


def test_a_program_that_exits_leaves_no_process_behind(tmp_path: Path) -> None:
    """Nothing waits for the run: the interpreter ends it and its processes."""
    files = recordings(tmp_path / "in", {f"{n}.txt": f"{n} {WORDS} {WORDS}" for n in range(12)})
    script = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.runs.toy_task import toy_run
from reelmill.engine.telemetry.events import RecordingFinished
run = toy_run(Path({str(tmp_path / "out")!r}), *map(Path, {list(map(str, files))!r}), slow=0.1)
run.start()
next(event for event in run.events() if isinstance(event, RecordingFinished))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=180
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out" / "report.html").exists()
    with toy_run(tmp_path / "out", *files) as again:
        pass
    assert again.summary is not None
    reused = sum(one.reused for one in again.summary.outcomes)
    assert 0 < reused < len(files)


@pytest.mark.parametrize("problem", [UsageError("no such model"), KeyboardInterrupt()])
def test_workers_started_early_end_when_the_run_cannot_be_prepared(
    tmp_path: Path, problem: BaseException
) -> None:
    def build(context: BuildContext) -> Pipeline:
        raise problem

    (tmp_path / "a.txt").write_text("a")
    task = replace(toy_task(), build=build, worker_imports=("tests.engine.toys",))
    before = set(psutil.Process().children())
    with pytest.raises(type(problem)):
        Run(task, tmp_path / "a.txt", out=tmp_path / "out").start()
    assert set(psutil.Process().children()) <= before
