"""Changes made by others in a folder of results are not reused, and are reported."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from reelmill.core.keys import Seal
from reelmill.engine.telemetry.metrics import RunSummary
from tests.engine.execution.test_resume import Place

TEXTS = {"a.txt": "passport x", "b.txt": "other y"}
NAMES = ("a", "b")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def found(place: Place, stage: str) -> list[Path]:
    return sorted((place.out / ".cache" / "artifacts").rglob(f"{stage}-*.json"))


def again(place: Place, **config: Any) -> RunSummary:
    """A run that reads earlier results, and makes its last stage anew."""
    for path in found(place, "write"):
        path.unlink()
    for path in place.out.glob("*.up"):
        path.unlink()
    return place.run(TEXTS, **config)


def edit(place: Place, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(place.out / ".cache" / "ledger.sqlite")) as db:
        db.execute(statement)
        db.commit()


@pytest.mark.parametrize("is_noted", [True, False])
def test_a_tampered_result_is_made_again_and_reported(place: Place, is_noted: bool) -> None:
    # proves: G12
    place.run(TEXTS)
    right = {name: place.text(name) for name in NAMES}
    for path in found(place, "shout"):
        path.write_text(path.read_text().replace("PASSPORT", "PISTOL"))
    if not is_noted:
        edit(place, "DELETE FROM results")
    summary = again(place)
    assert {name: place.text(name) for name in NAMES} == right
    assert any("not made with your key, or changed since" in text for text in summary.warnings)
    assert summary.count("done") == 2


def test_swapped_results_are_made_again_and_reported(place: Place) -> None:
    # proves: G12
    place.run(TEXTS)
    right = {name: place.text(name) for name in NAMES}
    one, two = found(place, "shout")
    first = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(first)
    summary = again(place)
    assert {name: place.text(name) for name in NAMES} == right
    assert any("the result of other work" in text for text in summary.warnings)


def test_results_made_with_another_key_are_made_again(place: Place, tmp_path: Path) -> None:
    # proves: G12
    """Planted results: everything in them is right except the key."""
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other")
    other.run(TEXTS, seal=Seal(b"t" * 32))
    place.run({"c.txt": "z"})
    planted = place.out / ".cache" / "artifacts"
    shutil.copytree(other.out / ".cache" / "artifacts", planted, dirs_exist_ok=True)
    summary = place.run(TEXTS)
    assert place.count("merge") == 3
    told = [text for text in summary.warnings if "not made with your key" in text]
    assert len(told) == 1 and "all others like it are computed again" in told[0]


def test_a_ledger_that_names_files_elsewhere_removes_nothing(place: Place, tmp_path: Path) -> None:
    # proves: G12 G14
    thesis = tmp_path / "thesis.docx"
    thesis.write_text("years of work")
    place.run(TEXTS)
    edit(place, f"UPDATE results SET files = '{json.dumps([str(thesis)] * 2)}'")
    edit(place, "UPDATE originals SET outcome = NULL")
    summary = again(place)
    assert thesis.read_text() == "years of work"
    assert summary.count("done") == 2
    assert any("entries were changed by somebody else" in text for text in summary.warnings)


def test_a_copied_folder_works_and_touches_nothing_in_the_old_place(
    place: Place, tmp_path: Path
) -> None:
    # proves: G12 G14
    place.run(TEXTS)
    before = {path: path.read_bytes() for path in place.out.rglob("*") if path.is_file()}
    copy = Place(tmp_path)
    copy.out = tmp_path / "copy"
    shutil.copytree(place.out, copy.out)
    (copy.out / "a.up").unlink()
    summary = copy.run(TEXTS)
    assert summary.count("done") == 2
    assert copy.text("a") == place.text("a")
    assert before == {path: path.read_bytes() for path in before}
    assert place.count("merge") == 2, "nothing was inferred again"


def test_a_case_moved_as_a_whole_keeps_its_names(tmp_path: Path) -> None:
    """Recordings and results beside each other, both copied to another machine's disk."""
    # proves: G12
    (tmp_path / "old").mkdir()
    old = Place(tmp_path / "old")
    old.run(TEXTS)
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    new = Place(tmp_path / "new")
    (new.out / "a.up").unlink()
    assert new.run(TEXTS).count("done") == 2
    assert sorted(path.name for path in new.out.glob("*.up")) == ["a.up", "b.up"]
    assert new.count("merge") == 2, "as many as before: nothing was inferred again"
