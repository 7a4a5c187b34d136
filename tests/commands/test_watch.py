"""`reelmill watch` as a command."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from reelmill.commands.watch import run_watch
from reelmill.errors import UsageError
from tests.faults.kit import MarkedRun


def test_run_watch__a_folder_that_is_not_there(tmp_path: Path) -> None:
    given = {"out": tmp_path / "out"}
    with pytest.raises(UsageError, match="there is no such folder"):
        run_watch(tmp_path / "no", given, ["model=demo"], quiet=True, as_json=False)


def test_run_watch__the_output_folder_itself(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="results would be written among the recordings"):
        run_watch(tmp_path, {"out": tmp_path}, ["model=demo"], quiet=True, as_json=False)


def test_run_watch__without_the_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "watchfiles", None)
    with pytest.raises(UsageError, match=r"pip install 'reelmill\[watch\]'"):
        run_watch(tmp_path, {}, [], quiet=True, as_json=False)


def test_lines_have_a_time_and_a_broken_file_is_told_once(tmp_path: Path) -> None:
    folder, out, log = tmp_path / "in", tmp_path / "out", tmp_path / "log"
    folder.mkdir()
    log.touch()
    (folder / "bad.wav").write_text("broken")
    run = MarkedRun("tests.watch.toywatch", (folder, out, log), tmp_path / "errors")
    run.wait_for(lambda: "FAILED" in run.stderr)
    (folder / "good.wav").write_text("fine")
    run.wait_for(lambda: "2 recordings done, 1 of them failed; waiting for more" in run.stderr)
    run.tell(signal.SIGINT)
    assert run.wait() == 1
    assert run.survivors() == []
    assert run.stderr.count("broken on purpose; mend it") == 1
    assert "stopped; all recordings are done" in run.stderr
    failed = json.loads((out / "failed_files.json").read_text())
    assert "bad.wav" in json.dumps(failed)
    assert all(line[:2] == "20" for line in run.stderr.splitlines())
