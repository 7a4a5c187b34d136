"""`verify` finds every kind of change and says what it was."""

# proves: G14 (verification)

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from reelmill.core.recording import read_state
from reelmill.errors import UsageError
from reelmill.evidence import EVIDENCE, MANIFEST, verify
from reelmill.evidence.manifest import read_manifest, write_manifest


def found(out: Path) -> set[tuple[str, str, str]]:
    return {(f.role, f.what, f.name) for f in verify(out).findings}


@pytest.fixture
def finished(run):
    run.finish(["하나.m4a", "two.m4a"], ["하나.txt", "two.txt"])
    return run


def test_an_unchanged_folder_passes(finished):
    seen = []
    verification = verify(finished.out, lambda *report: seen.append(report))
    assert (verification.ok, verification.exit_code) == (True, 0)
    sha256 = hashlib.sha256((finished.out / MANIFEST).read_bytes()).hexdigest()
    hint = "(compare it with your copy, or give that to --manifest-sha256)"
    assert verification.lines() == [
        f"SHA-256 of manifest.sha256: {sha256} {hint}",
        "OK: 2 originals and 2 results are as recorded.",
    ]
    assert [done for done, _, _ in seen] == [1, 2, 3, 4]
    assert {total for _, total, _ in seen} == {4}


def test_changed_content_is_reported(finished):
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


def test_a_changed_time_of_an_original_is_reported(finished):
    os.utime(finished.calls / "two.m4a", ns=(1, 1))
    verification = verify(finished.out)
    assert not verification.ok
    assert "content is the same" in verification.lines()[0]
    os.utime(finished.out / "two.txt", ns=(1, 1))  # results may be copied about
    assert len(verify(finished.out).findings) == 1


def test_missing_and_new_files_are_reported(finished):
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


def test_new_files_alone_are_not_an_error_and_not_all_are_listed(finished):
    for i in range(30):
        finished.result(f"{i}.txt")
    verification = verify(finished.out)
    assert verification.ok
    assert len(verification.lines()) == 20 + 3
    strict = verify(finished.out, strict=True)
    assert strict.exit_code == 1
    assert strict.lines()[-1].startswith("NOT AS RECORDED: 30 results")


def test_edited_records_are_detected(finished):
    evidence = finished.out / EVIDENCE
    sha256 = verify(finished.out) and evidence.read_text().split('"sha256": "')[1][:64]
    evidence.write_text(evidence.read_text().replace(sha256, "0" * 64))
    kinds = {(role, what) for role, what, _ in found(finished.out)}
    assert ("record", "changed") in kinds
    assert ("original", "contradiction") in kinds


@pytest.mark.parametrize("name", [EVIDENCE, MANIFEST])
def test_a_lost_or_damaged_record_is_reported(finished, name: str):
    (finished.out / name).write_text("garbage")
    assert ("record", "unreadable", name) in found(finished.out)
    (finished.out / name).unlink()
    assert ("record", "missing", name) in found(finished.out)
    (finished.out / "two.txt").write_text("edited")
    assert ("result", "changed", "two.txt") in found(finished.out)


def test_a_folder_without_evidence_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="output folder of a run"):
        verify(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_files_without_permission_are_reported(finished):
    (finished.calls / "two.m4a").chmod(0)
    assert ("original", "unreadable", "../통화/two.m4a") in found(finished.out)


def test_originals_and_results_moved_together_pass(finished, tmp_path: Path):
    target = tmp_path / "archive"
    target.mkdir()
    finished.out.rename(target / "out")
    finished.calls.rename(target / "통화")
    assert verify(target / "out").ok


# -- records that somebody has edited


def rewrite(run, edit, *, bound: bool = True) -> None:
    """Edit evidence.json, and update its line in the manifest or not."""
    path = run.out / EVIDENCE
    content = json.loads(path.read_bytes())
    edit(content)
    path.write_text(json.dumps(content))
    if bound:
        hashes = {**read_manifest(run.out), EVIDENCE: read_state(path).sha256}
        write_manifest(run.out, hashes)


def test_the_manifest_covers_the_evidence(finished):
    # proves: G14
    def edit(content):
        content["originals"]["../통화/two.m4a"]["before_at"] = "1999-01-01T00:00:00+00:00"

    rewrite(finished, edit, bound=False)
    assert found(finished.out) == {("record", "changed", EVIDENCE)}
    hashes = read_manifest(finished.out)
    del hashes[EVIDENCE]
    write_manifest(finished.out, hashes)
    assert found(finished.out) == {("record", "contradiction", EVIDENCE)}


def test_what_only_one_record_lists_is_a_disagreement(finished):
    # proves: G14
    forged = finished.result("forged.txt")
    hashes = read_manifest(finished.out)
    write_manifest(finished.out, {**hashes, "forged.txt": read_state(forged).sha256})
    assert found(finished.out) == {("result", "contradiction", "forged.txt")}
    write_manifest(finished.out, hashes)
    forged.unlink()

    def take_out(content):
        del content["originals"]["../통화/two.m4a"], content["results"]["two.txt"]

    rewrite(finished, take_out)
    assert found(finished.out) == {
        ("original", "contradiction", "../통화/two.m4a"),
        ("result", "contradiction", "two.txt"),
    }


def test_the_hash_kept_elsewhere_reveals_every_change(finished):
    # proves: G14
    kept = verify(finished.out).manifest_sha256
    assert verify(finished.out, manifest_sha256=kept).ok
    assert "(as given)" in verify(finished.out, manifest_sha256=kept).lines()[0]
    (finished.calls / "two.m4a").write_bytes(b"forged")
    finished.finish(["two.m4a"], [])  # all hashes made anew
    assert verify(finished.out).ok
    verification = verify(finished.out, manifest_sha256=kept)
    assert verification.exit_code == 1
    assert {(f.role, f.what, f.name) for f in verification.findings} == {
        ("record", "changed", MANIFEST)
    }


ZERO = "0" * 64
STATE = f'{{"sha256": "{ZERO}", "md5": "{ZERO[:32]}", "size": 1, "mtime_ns": 1}}'
TIMES = '"before_at": null, "after_at": null'
ENTRY = f'{{"before": {STATE}, {TIMES}, "after": null, "differences": []}}'
RESULT = f'{{"sha256": "{ZERO}", "size": 1}}'


@pytest.mark.parametrize(
    ("originals", "results"),
    [
        ("[" * 100_000, "{}"),
        ("{}", "[]"),
        ("{}", f'{{"a\\u0000b": {RESULT}}}'),
        ("{}", f'{{"/etc/passwd": {RESULT}}}'),
        ("{}", f'{{"../outside": {RESULT}}}'),
        ("{}", f'{{"a": {RESULT}, "a": {RESULT}}}'),
        ("{}", '{"a": {"sha256": "\\u001b[2J", "size": 1}}'),
        ("{}", '{"a": {"sha256": "0\\nOK: 2 originals", "size": 1}}'),
        ("{}", f'{{"a": {{"sha256": "{ZERO}", "size": true}}}}'),
        ("{}", f'{{"a": {{"sha256": "{ZERO}", "size": {"9" * 5000}}}}}'),
        (f'{{"../x": {ENTRY.replace(ZERO[:32], "z" * 32)}}}', "{}"),
        (f'{{"../x": {ENTRY.replace("null", "1", 1)}}}', "{}"),
        (f'{{"../x": {ENTRY.replace("[]", "[[]]")}}}', "{}"),
        (f'{{"../\\ud800": {ENTRY}}}', "{}"),
    ],
)
def test_a_record_that_no_run_writes_is_reported_as_damaged(finished, originals, results):
    # proves: G14
    schema = json.loads((finished.out / EVIDENCE).read_bytes())["schema"]
    text = f'{{"schema": "{schema}", "originals": {originals}, "results": {results}}}'
    (finished.out / EVIDENCE).write_text(text)
    verification = verify(finished.out)
    assert ("record", "unreadable", EVIDENCE) in {
        (f.role, f.what, f.name) for f in verification.findings
    }
    assert all("\x1b" not in line and "\n" not in line for line in verification.lines())
    assert not any(line.startswith("OK") for line in verification.lines())
    assert finished.finish(["two.m4a"], []).warnings, "the next run keeps it aside and says so"


# -- what stands in the place of a file


def make_special(path: Path, kind: str) -> None:
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as line:
            here = Path.cwd()
            os.chdir(path.parent)  # a socket's name is short
            try:
                line.bind(path.name)
            finally:
                os.chdir(here)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")


@pytest.mark.parametrize("kind", ["fifo", "socket", "folder", "device"])
def test_special_files_are_reported_and_the_check_continues(finished, kind):
    # proves: G14
    make_special(finished.out / "two.txt", kind)
    make_special(finished.calls / "two.m4a", kind)
    special = {("result", "unreadable", "two.txt"), ("original", "unreadable", "../통화/two.m4a")}
    assert special <= found(finished.out)
    for name in (EVIDENCE, MANIFEST):
        make_special(finished.out / name, kind)
        assert ("record", "unreadable", name) in found(finished.out)


def test_links_are_reported_even_if_their_content_is_right(finished, tmp_path: Path):
    # proves: G14
    for path in (finished.out / "two.txt", finished.calls / "two.m4a"):
        path.rename(tmp_path / path.name)
        path.symlink_to(tmp_path / path.name)
    assert found(finished.out) == {
        ("result", "linked", "two.txt"),
        ("original", "linked", "../통화/two.m4a"),
    }


def test_a_linked_folder_on_the_way_is_reported(run, tmp_path: Path):
    # proves: G14
    run.finish(["a.m4a"], ["clips/1.mp4"])
    for path in (run.out / "clips", run.calls):
        path.rename(tmp_path / f"{path.name} moved")
        path.symlink_to(tmp_path / f"{path.name} moved")
    assert {("result", "linked", "clips/1.mp4"), ("original", "linked", "../통화/a.m4a")} <= found(
        run.out
    )
    assert not verify(run.out).ok


@pytest.mark.parametrize("name", [EVIDENCE, MANIFEST])
def test_a_record_that_is_a_link_is_refused(finished, tmp_path: Path, name: str):
    # proves: G14
    (finished.out / name).rename(tmp_path / name)
    (finished.out / name).symlink_to(tmp_path / name)
    assert ("record", "unreadable", name) in found(finished.out)


def test_added_folders_links_and_special_files_are_reported(finished, tmp_path: Path):
    # proves: G14
    finished.result("deep/er/note.txt")
    os.mkfifo(finished.out / "fifo")
    (finished.out / "linked").symlink_to(tmp_path)
    added = {("result", "new", name) for name in ("deep/er/note.txt", "fifo", "linked")}
    assert found(finished.out) == added
    assert verify(finished.out).ok and not verify(finished.out, strict=True).ok


def test_a_tree_deeper_than_the_stack_is_checked(finished):
    # proves: G14
    here = Path.cwd()
    os.chdir(finished.out)
    try:
        for _ in range(sys.getrecursionlimit() + 500):
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(here)
        verification = verify(finished.out)
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", finished.out / "d"], check=True)  # pytest's end would recurse
    assert {f.what for f in verification.findings} <= {"unreadable"}  # paths have a length, too


def test_a_result_larger_than_recorded_is_not_read(finished):
    # proves: G14
    with (finished.out / "two.txt").open("r+b") as file:
        file.truncate(1 << 42)
    assert [(f.what, f.details) for f in verify(finished.out).findings] == [
        ("changed", (f"size: 4 -> {1 << 42}",))
    ]


def test_records_of_version_0_1_0_have_no_links(finished, tmp_path: Path):
    def without(content):
        for entry in content["originals"].values():
            del entry["links"]

    rewrite(finished, without)
    path = finished.calls / "two.m4a"
    path.rename(tmp_path / path.name)
    path.symlink_to(tmp_path / path.name)
    assert verify(finished.out).ok
