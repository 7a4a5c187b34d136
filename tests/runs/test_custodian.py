"""The custody log of runs: written while they work, and valid whatever happens to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from reelmill.core import gate
from reelmill.evidence import CUSTODY, custody_head, verify
from reelmill.evidence.record import recorded_head
from tests.runs.toy_task import recordings, toy_run

# proves: G14

TEXTS = {"a.txt": "one two three", "b.txt": "four five"}


def entries(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / CUSTODY).read_bytes().splitlines()]


def test_the_custody_log_has_command_user_and_libraries(tmp_path: Path) -> None:
    out, paths = tmp_path / "out", recordings(tmp_path / "in", TEXTS)
    summary = toy_run(out, *paths).start().wait()
    found = entries(out)
    first, *rest = found
    assert (first["what"], first["command"]) == ("run", "toy")
    assert first["settings"]["batch_size"] == 2
    assert first["libraries"]["numpy"]["version"] and first["libraries"]["reelmill"]["sha256"]
    assert all(model["identity"] for model in first["models"].values())
    assert {one["run"] for one in rest} == {1}
    for path in paths:
        of = [one for one in rest if one.get("recording") == f"../in/{path.name}"]
        what = [one["what"] for one in of]
        assert (what[0], what[-2:]) == ("ingest", ["checked", "finished"])
        assert of[0]["source"]["size"] == path.stat().st_size
        stages = [one for one in of if one["what"] == "stage"]
        assert stages and all((out / one["artifact"]["path"]).is_file() for one in stages)
        assert all(one["source"]["sha256"] == of[0]["source"]["sha256"] for one in stages)
    ended, reports = found[-2:]
    assert (ended["what"], ended["done"], ended["failed"]) == ("ended", 2, 0)
    assert "report.html" in [file["path"] for file in reports["results"]]
    head = custody_head(out)
    assert head is not None and head == recorded_head(out)
    assert (summary.custody_entries, summary.custody_head) == (head.entries, head.sha256)
    assert verify(out).ok


def test_a_result_is_flushed_before_the_log_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G12
    out, fsync, flushed = tmp_path / "out", os.fsync, set()
    late: list[Path] = []

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        flushed.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", noted)
    run = toy_run(out, *recordings(tmp_path / "in", TEXTS))
    run.on_kept = lambda kept: late.extend(
        [kept.file] if kept.file.stat().st_ino not in flushed else []
    )
    run.start().wait()
    temporary = {one.name for one in run.pipeline.stages if one.temporary}
    assert [one for one in late if one.name.rpartition("-")[0] not in temporary] == []
    assert any(one["what"] == "stage" for one in entries(out))


def test_reports_have_the_head_of_the_log(tmp_path: Path) -> None:
    out = tmp_path / "out"
    toy_run(out, *recordings(tmp_path / "in", TEXTS)).start().wait()
    shown = json.loads((out / "performance_report.json").read_text())["custody"]
    *_, before_reports, _ = (out / CUSTODY).read_bytes().splitlines()
    assert shown["entries"] == json.loads(before_reports)["n"]
    assert shown["head"] in (out / "report.html").read_text()
    assert verify(out, custody_head=shown["head"]).custody_anchor == shown["entries"]


def test_a_run_with_nothing_to_do_adds_no_entry(tmp_path: Path) -> None:
    out, paths = tmp_path / "out", recordings(tmp_path / "in", TEXTS)
    toy_run(out, *paths).start().wait()
    before = (out / CUSTODY).read_bytes()
    summary = toy_run(out, *paths).start().wait()
    assert (out / CUSTODY).read_bytes() == before
    assert summary.custody_head == custody_head(out).sha256  # type: ignore[union-attr]


def test_runs_on_one_folder_share_a_chain(tmp_path: Path) -> None:
    out = tmp_path / "out"
    toy_run(out, *recordings(tmp_path / "in", {"a.txt": "one"})).start().wait()
    first = entries(out)
    toy_run(out, *recordings(tmp_path / "in", {"b.txt": "two"})).start().wait()
    found = entries(out)
    assert found[: len(first)] == first
    assert found[len(first)]["what"] == "run" and found[len(first)]["manifest_sha256"]
    assert {one["run"] for one in found[len(first) + 1 :]} == {len(first) + 1}
    assert verify(out).ok


def test_the_next_run_continues_the_log_of_a_killed_one(tmp_path: Path) -> None:
    out = tmp_path / "out"
    paths = recordings(tmp_path / "in", {f"{n}.txt": f"one two {n}" for n in range(6)})
    code = (
        "import sys; from pathlib import Path; from tests.runs.toy_task import toy_run\n"
        "paths = map(Path, sys.argv[2:])\n"
        "toy_run(Path(sys.argv[1]), *paths, slow=0.2).start().wait()"
    )
    arguments = [sys.executable, "-c", code, str(out), *map(str, paths)]
    root = Path(__file__).parents[2]
    killed = subprocess.Popen(arguments, env={**os.environ, "PYTHONPATH": str(root)})
    until = time.monotonic() + 60
    while not (out / CUSTODY).exists() or len((out / CUSTODY).read_bytes().splitlines()) < 12:
        assert time.monotonic() < until and killed.poll() is None
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    with (out / CUSTODY).open("ab") as file:
        file.write(b'{"n": 99, "at"')  # as if it had been writing
    summary = toy_run(out, *paths).start().wait()
    assert any("unfinished" in text for text in summary.warnings)
    found = (out / CUSTODY).read_bytes().splitlines()
    assert b'{"n": 99, "at"' in found
    checked = verify(out)
    assert checked.ok, checked.lines()
    assert checked.custody_torn == 1


def test_a_log_that_cannot_be_written_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path) -> int:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(gate, "open_appended", full)
    out = tmp_path / "out"
    summary = toy_run(out, *recordings(tmp_path / "in", {"a.txt": "one"})).start().wait()
    [text] = summary.unwritten
    assert text.startswith(f"{CUSTODY} could not be written: ") and "No space left" in text


def test_entries_that_could_not_be_written_are_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, really = [], gate.open_appended

    def full_at_first(path: Path) -> int:
        calls.append(path)
        if len(calls) < 3:
            raise OSError(28, "No space left on device", str(path))
        return really(path)

    monkeypatch.setattr(gate, "open_appended", full_at_first)
    out = tmp_path / "out"
    summary = toy_run(out, *recordings(tmp_path / "in", {"a.txt": "one"})).start().wait()
    assert summary.unwritten == []
    assert [one["what"] for one in entries(out)][:2] == ["run", "ingest"]


def test_a_foreign_file_instead_of_the_log_stops_the_run_before_any_work(tmp_path: Path) -> None:
    from reelmill.errors import UsageError

    out = tmp_path / "out"
    out.mkdir()
    (out / CUSTODY).write_text("mine")
    with pytest.raises(UsageError, match=CUSTODY):
        toy_run(out, *recordings(tmp_path / "in", {"a.txt": "one"})).start()
    assert (out / CUSTODY).read_text() == "mine"


def test_results_that_are_taken_over_are_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelmill.core.keys import KEY_FILE_VARIABLE

    out, paths = tmp_path / "out", recordings(tmp_path / "in", {"a.txt": "one"})
    toy_run(out, *paths).start().wait()
    key = tmp_path / "other key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(key))
    toy_run(out, *paths, adopt=True).start().wait()
    assert "adopted" in [one["what"] for one in entries(out)]
    checked = verify(out)
    assert checked.ok, checked.lines()
    assert 0 < checked.custody_others < len(entries(out))
