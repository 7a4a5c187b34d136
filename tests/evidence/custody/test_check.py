"""Verify detects changed, moved and truncated entries, and names the first one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from reelmill.core.keys import KEY_FILE_VARIABLE
from reelmill.evidence import verify
from reelmill.evidence.custody.chain import CUSTODY
from tests.evidence.custody.conftest import ARTIFACT, Case

# proves: G14


@pytest.fixture(params=["with the key", "without the key"])
def any_key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def check(
    case: Case, any_key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[str]]:
    """Verifies as the user does, or as somebody without the user's key."""

    def found() -> list[str]:
        if any_key == "without the key":
            key = tmp_path / "other key"
            key.write_text("ab" * 32)
            key.chmod(0o600)
            monkeypatch.setenv(KEY_FILE_VARIABLE, str(key))
        return case.wrong()

    return found


def entry(what: str, number: int) -> str:
    return f"{what}: record {CUSTODY}, entry {number}"


def changed(line: bytes, at: int = 30) -> bytes:
    return line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :]


def test_an_untouched_case_passes_the_check(check: Callable[[], list[str]]) -> None:
    assert check() == []


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_one_changed_byte_in_a_line_is_detected(
    case: Case, check: Callable[[], list[str]], number: int
) -> None:
    """Also in the last line, and in the hash of the line before."""
    lines = case.lines()
    line = lines[number - 1]
    for at in (30, line.index(b'"prev"') + 20):
        case.put([*lines[: number - 1], changed(line, at), *lines[number:]])
        assert check() == [entry("CHANGED", number)]


def test_a_byte_that_breaks_the_json_of_a_line_is_detected(
    case: Case, check: Callable[[], list[str]]
) -> None:
    lines = case.lines()
    case.put([lines[0], changed(lines[1], 0), *lines[2:]])
    assert check() == [entry("CHANGED", 2)]
    case.put([*lines[:4], changed(lines[4], 0)])
    assert check() == [entry("UNREADABLE", 5)]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ([0, 2, 1, 3, 4], entry("MISSING", 2)),
        ([0, 1, 2, 4, 3], entry("MISSING", 4)),
        ([0, 1, 3, 4], entry("MISSING", 3)),
        ([1, 2, 3, 4], entry("MISSING", 1)),
        ([0, 1, 1, 2, 3, 4], entry("CHANGED", 2)),
        ([0, 1, 2, 3], entry("MISSING", 5)),
        ([0], entry("MISSING", 2)),
        ([], f"MISSING: record {CUSTODY}"),
    ],
)
def test_reordered_removed_and_truncated_lines_are_detected(
    case: Case, check: Callable[[], list[str]], order: list[int], found: str
) -> None:
    lines = case.lines()
    case.put([lines[at] for at in order])
    if not order:
        (case.out / CUSTODY).unlink()
    assert check() == [found]


def test_one_changed_byte_in_an_artifact_is_detected(
    case: Case, check: Callable[[], list[str]]
) -> None:
    case.change(ARTIFACT)
    assert check() == [f"CHANGED: artifact {ARTIFACT}"]


def test_a_removed_artifact_is_not_an_error(case: Case) -> None:
    (case.out / ARTIFACT).unlink()
    assert case.wrong() == []


def test_one_changed_byte_in_an_original_is_detected(
    case: Case, check: Callable[[], list[str]]
) -> None:
    stat = case.call.stat()
    case.call.write_bytes(b"sound of a cell")
    os.utime(case.call, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert check() == ["CHANGED: original ../통화.m4a"]


def test_an_original_replaced_with_evidence_and_manifest_is_detected(case: Case) -> None:
    case.call.write_bytes(b"another call")
    (case.out / "evidence.json").unlink()
    case.add()
    assert case.wrong() == ["RECORDS DISAGREE: original ../통화.m4a"]


def test_a_result_replaced_with_evidence_and_manifest_is_detected(case: Case) -> None:
    (case.out / "call.txt").write_text("other text")
    case.add()
    assert case.wrong() == ["RECORDS DISAGREE: result call.txt"]


def test_a_truncation_is_reported_even_if_a_later_run_continued(case: Case) -> None:
    case.put(case.lines()[:3])
    [problem] = case.add(("view", {"recording": "../통화.m4a"}))
    assert "changed or cut" in problem
    assert case.wrong() == [entry("RECORDS DISAGREE", 4)]


def test_an_unfinished_line_is_explained_and_the_log_is_valid(case: Case) -> None:
    with (case.out / CUSTODY).open("ab") as file:
        file.write(b'{"n": 6, "at": "20')
    assert case.wrong() == [entry("UNREADABLE", 6)]
    case.add(("view", {"recording": "../통화.m4a"}))
    checked = verify(case.out)
    assert checked.ok and checked.custody_torn == 1
    assert "1 line left unfinished by a run that was killed" in "\n".join(checked.lines())


def test_other_text_instead_of_an_unfinished_line_is_detected(case: Case) -> None:
    with (case.out / CUSTODY).open("ab") as file:
        file.write(b"{torn")
    case.add(("view", {}))
    case.put([changed(one, 2) if one == b"{torn\n" else one for one in case.lines()])
    assert case.wrong() == [entry("CHANGED", 6)]


def test_the_printed_head_reveals_a_truncated_end(case: Case) -> None:
    """Even where the evidence was rewritten to match."""
    kept = hashlib.sha256(case.lines()[-1]).hexdigest()
    anchored = verify(case.out, custody_head=kept)
    assert anchored.ok and anchored.custody_anchor == 5
    case.put(case.lines()[:4])
    (case.out / "evidence.json").unlink()
    case.add()
    assert case.wrong() == []
    assert case.wrong(custody_head=kept) == [f"CHANGED: record {CUSTODY}"]


def test_a_log_rewritten_without_the_key_is_detected(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chain fits and the evidence agrees, but the marks are not the user's."""
    key = tmp_path / "other key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    monkeypatch.setenv(KEY_FILE_VARIABLE, str(key))
    (case.out / CUSTODY).write_bytes(b"")
    (case.out / "evidence.json").unlink()
    case.add(("run", {}), ("ingest", {}))
    monkeypatch.delenv(KEY_FILE_VARIABLE)
    checked = verify(case.out)
    assert checked.custody_others == 2
    assert "2 entries marked with another key than yours" in "\n".join(checked.lines())


@pytest.mark.parametrize(
    "line",
    [
        b'{"n": 6, "at": "", "what": "export", "prev": "", "results": [{"path": "../x"}]}\n',
        b'{"n": 6, "at": "", "what": "stage", "prev": "", "artifact": "x", "beside": 3}\n',
        b'{"n": 6, "at": "", "what": "ingest", "prev": "", "recording": 4, "source": []}\n',
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_lines_without_our_mac_are_only_reported(case: Case, line: bytes) -> None:
    case.put([*case.lines(), line])
    assert len(case.wrong()) == 1
