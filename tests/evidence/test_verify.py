"""`verify` finds every kind of change and says what it was."""

# proves: G14 (verification)

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reelmill.errors import UsageError
from reelmill.evidence import EVIDENCE, MANIFEST, verify


def found(out: Path) -> set[tuple[str, str, str]]:
    return {(f.role, f.what, f.name) for f in verify(out).findings}


@pytest.fixture
def finished(run):
    run.finish(["하나.m4a", "two.m4a"], ["하나.txt", "two.txt"])
    return run


def test_all_is_well(finished):
    seen = []
    verification = verify(finished.out, lambda *report: seen.append(report))
    assert (verification.ok, verification.exit_code) == (True, 0)
    assert verification.lines() == ["OK: 2 originals and 2 results are as recorded."]
    assert [done for done, _, _ in seen] == [1, 2, 3, 4, 5]
    assert {total for _, total, _ in seen} == {5}


def test_changed_content(finished):
    path = finished.calls / "하나.m4a"
    before = path.stat()
    path.write_bytes(b"SOUND")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (finished.out / "two.txt").write_text("edited")
    verification = verify(finished.out)
    assert verification.exit_code == 1
    assert found(finished.out) == {
        ("original", "changed", "../통화/하나.m4a"),
        ("result", "changed", "two.txt"),
    }
    lines = verification.lines()
    assert lines[0] == "CHANGED: original ../통화/하나.m4a"
    assert lines[1].strip().startswith("sha256: ")
    assert lines[2].strip().startswith("md5: ")
    assert lines[-1] == "NOT AS RECORDED: 1 original, 1 result (of 2 originals and 2 results)."


def test_touched_original(finished):
    os.utime(finished.calls / "two.m4a", ns=(1, 1))
    verification = verify(finished.out)
    assert not verification.ok
    assert "content is the same" in verification.lines()[0]
    os.utime(finished.out / "two.txt", ns=(1, 1))  # results may be copied about
    assert len(verify(finished.out).findings) == 1


def test_missing_and_new(finished):
    (finished.calls / "two.m4a").unlink()
    (finished.out / "하나.txt").unlink()
    finished.result("note\nof mine.txt")
    finished.result(".cache/ledger.sqlite")
    assert found(finished.out) == {
        ("original", "missing", "../통화/two.m4a"),
        ("result", "missing", "하나.txt"),
        ("result", "new", "note\nof mine.txt"),
    }
    assert any(r"note\nof mine.txt" in line for line in verify(finished.out).lines())


def test_new_files_alone_are_no_error_and_not_all_listed(finished):
    for i in range(30):
        finished.result(f"{i}.txt")
    verification = verify(finished.out)
    assert verification.ok
    assert len(verification.lines()) == 22


def test_edited_records_are_found(finished):
    evidence = finished.out / EVIDENCE
    sha256 = verify(finished.out) and evidence.read_text().split('"sha256": "')[1][:64]
    evidence.write_text(evidence.read_text().replace(sha256, "0" * 64))
    kinds = {(role, what) for role, what, _ in found(finished.out)}
    assert ("record", "changed") in kinds
    assert ("original", "contradiction") in kinds


@pytest.mark.parametrize("name", [EVIDENCE, MANIFEST])
def test_a_lost_or_damaged_record(finished, name: str):
    (finished.out / name).write_text("garbage")
    assert ("record", "unreadable", name) in found(finished.out)
    (finished.out / name).unlink()
    assert ("record", "missing", name) in found(finished.out)
    (finished.out / "two.txt").write_text("edited")
    assert ("result", "changed", "two.txt") in found(finished.out)


def test_a_folder_without_evidence(tmp_path: Path):
    with pytest.raises(UsageError, match="output folder of a run"):
        verify(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_no_permission(finished):
    (finished.calls / "two.m4a").chmod(0)
    assert ("original", "unreadable", "../통화/two.m4a") in found(finished.out)


def test_moved_together(finished, tmp_path: Path):
    target = tmp_path / "archive"
    target.mkdir()
    finished.out.rename(target / "out")
    finished.calls.rename(target / "통화")
    assert verify(target / "out").ok
