"""Names of results: existing files of others are kept, and the consequence is reported."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.execution.planning import Source
from reelmill.engine.telemetry.events import ignore
from reelmill.engine.telemetry.metrics import RunSummary
from tests.engine.more_toys import moody_pipeline
from tests.engine.toys import toy_config, toy_pipeline

# proves: G14


class Folder:
    """Recordings and results in one folder; a recording `x.txt` gives `x.up`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *names: str, mark: str = "", reserved: tuple[str, ...] = ()) -> RunSummary:
        sources = [
            Source(self.path / name, Path(name).with_suffix("").as_posix()) for name in names
        ]
        config = toy_config(self.path, reserved=reserved)
        coordinator = Coordinator(moody_pipeline(self.path, None, mark), config, ignore)
        return asyncio.run(coordinator.run(sources))

    def __call__(self) -> dict[str, str]:
        files = (path for path in self.path.rglob("*") if ".cache" not in path.parts)
        return {
            path.relative_to(self.path).as_posix(): path.read_text()
            for path in files
            if path.is_file()
        }


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "a.txt").write_text("x")
    return Folder(tmp_path)


def test_a_recording_named_like_a_result_is_kept(folder: Folder) -> None:
    (folder.path / "a.up").write_text("y")
    summary = folder.run("a.txt", "a.up")
    assert summary.count("done") == 2
    assert folder() == {"a.txt": "x", "a.up": "y", "a.txt.up": "X", "a.up.up": "Y"}
    assert any("its results are named a.txt, because" in note for note in summary.notes)


def test_an_existing_file_is_kept_and_the_recording_fails_before_any_work(
    folder: Folder,
) -> None:
    (folder.path / "a.up").write_text("a clerk's own")
    (folder.path / "b.txt").write_text("y")
    summary = folder.run("a.txt", "b.txt")
    assert folder() == {"a.txt": "x", "b.txt": "y", "a.up": "a clerk's own", "b.up": "Y"}
    (failed,) = [one for one in summary.outcomes if one.status == "failed"]
    assert failed.failure is not None and failed.failure.stage == "plan"
    assert "a.up: was not written by Reelmill" in failed.failure.message
    (folder.path / "a.up").rename(folder.path / "mine.up")
    assert folder.run("a.txt", "b.txt").count("done") == 2, "the next run has another look"
    assert folder()["a.up"] == "X"


def test_a_result_changed_by_a_person_is_kept_and_reported(folder: Folder) -> None:
    folder.run("a.txt")
    (folder.path / "a.up").write_text("X, corrected")
    assert folder.run("a.txt").count("done") == 1, "nothing is to be written"
    summary = folder.run("a.txt", mark="!")
    assert folder()["a.up"] == "X, corrected"
    (outcome,) = summary.outcomes
    assert outcome.failure is not None and "was changed after" in outcome.failure.message


def test_results_do_not_get_the_names_of_reports(folder: Folder) -> None:
    assert folder.run("a.txt", reserved=("a.up",)).count("done") == 1
    assert folder() == {"a.txt": "x", "a.txt.up": "X"}


def test_results_are_not_written_through_links_below_the_output_folder(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("z")
    home, out = tmp_path / "home", tmp_path / "out"
    home.mkdir()
    out.mkdir()
    (out / "link").symlink_to(home)
    run = Coordinator(toy_pipeline(out), toy_config(out), ignore)
    (outcome,) = asyncio.run(run.run([Source(tmp_path / "c.txt", "link/c")])).outcomes
    assert outcome.failure is not None and "is a link" in outcome.failure.message
    assert list(home.iterdir()) == []
