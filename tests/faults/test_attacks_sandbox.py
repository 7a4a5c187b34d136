"""The sandbox of the attacks detects what commands do to files of others; no row is left out."""

import pytest

from benchmarks.attacks import __main__ as attacks
from benchmarks.attacks.rows import ROWS, Outcome, Row, Tried
from benchmarks.attacks.sandbox import Sandbox


@pytest.fixture
def box(tmp_path):
    return Sandbox(tmp_path / "box", deadline=20.0)


def shell(box, script):
    return box.run(program=("sh", "-c", script))


def test_files_that_existed_before_are_not_ours(box):
    box.plant("diary.txt", "dear diary")
    box.plant("photo.jpg", "a photo")
    shell(box, "echo more >> diary.txt; rm photo.jpg; echo new > result.txt")
    assert sorted(box.harmed) == ["changed diary.txt", "removed photo.jpg"]


def test_a_change_that_was_undone_is_detected_by_its_time(box):
    box.plant("diary.txt", "dear diary")
    shell(box, "sleep 0.02; printf 'dear diary' > diary.txt")
    assert box.harmed == ["changed diary.txt"]


def test_a_file_that_a_command_wrote_is_ours_until_somebody_changes_it(box):
    shell(box, "echo 1 > result.txt; echo 1 > other.txt")
    shell(box, "echo 2 > result.txt; rm other.txt")
    assert not box.harmed
    box.plant("result.txt", "by hand")
    shell(box, "echo 3 > result.txt")
    assert box.harmed == ["changed result.txt"]


def test_links_are_compared_by_their_targets(box):
    box.plant("diary.txt", "dear diary")
    (box.root / "link").symlink_to("diary.txt")
    shell(box, "ln -sf /dev/null link")
    assert box.harmed == ["changed link"]


def test_a_file_of_ours_stays_ours_when_its_owner_moves_it(box):
    shell(box, "mkdir out; echo 1 > out/result.txt")
    box.copy(box.root / "out", box.root / "copied")
    box.move(box.root / "out", box.root / "moved")
    shell(box, "echo 2 > copied/result.txt; echo 2 > moved/result.txt")
    assert not box.harmed


def test_foreign_programs_and_hanging_commands_are_detected(box):
    script = box.program("evil")
    shell(box, f"'{script}'")
    assert box.canary.exists()
    assert box.run(program=("sleep", "30"), seconds=0.3).exit_code is None


@pytest.mark.parametrize(
    ("harmed", "programs", "tracebacks", "outcome", "verdict"),
    [
        ([], 0, 0, Outcome("done", True), "ok"),
        ([], 0, 0, Outcome("done", False), "FAIL"),
        (["changed a"], 0, 0, Outcome("done", True), "FAIL"),
        ([], 1, 0, Outcome("done", True), "FAIL"),
        ([], 0, 1, Outcome("done", True), "FAIL"),
        ([], 0, 0, Outcome("done", True, forged=1), "FAIL"),
        ([], 0, 0, Outcome("done", True, missed=1), "FAIL"),
        ([], 0, 0, Outcome("", True, skipped="not here"), "not tried"),
    ],
)
def test_a_row_is_ok_only_if_nothing_happened(harmed, programs, tracebacks, outcome, verdict):
    row = Row("1", "attack", "how", "right", 1.0, 12, lambda box: outcome)
    assert Tried(row, outcome, 1.0, harmed, programs, tracebacks).verdict == verdict


def test_every_known_attack_has_a_row():
    assert {str(number) for number in range(1, 34)} <= ROWS.keys()
    assert {f"w{number}" for number in range(1, 19)} <= ROWS.keys()
    assert attacks._place(ROWS["5b"]) > attacks._place(ROWS["5"]) < attacks._place(ROWS["w1"])
