from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reelmill.cli.app import app
from reelmill.commands.find import seconds
from reelmill.errors import UsageError
from reelmill.evidence.manifest import write_manifest
from tests.search.test_index import said, write


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELMILL_CACHE", str(tmp_path / "cache"))
    write(tmp_path / "out" / "통화 1.json", said("you will pay\x1b[2J now", 3721, "Agent"))
    return tmp_path / "out"


def test_find__a_phrase__prints_recording_time_and_speaker(out: Path) -> None:
    # proves: V13
    done = CliRunner().invoke(app, ["find", str(out), "will pay"])
    assert done.exit_code == 0
    assert done.stdout == "통화 1.wav  1:02:02  Agent: you will pay\\x1b[2J now\n"


def test_find__json__prints_an_object_per_line(out: Path) -> None:
    done = CliRunner().invoke(app, ["find", str(out), "pay", "--json", "--from", "1:00:00"])
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["at"] == 3723.0
    assert json.loads(line)["file"] == "통화 1.json"


def test_find__no_match__says_so_and_exits_with_1(out: Path) -> None:
    done = CliRunner().invoke(app, ["find", str(out), "pay", "--speaker", "Caller"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "nothing found" in done.stderr


def test_find__the_list_of_failures__is_no_damaged_result(out: Path) -> None:
    (out / "failed_files.json").write_text("[]\n")
    files = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.glob("*.json")
    }
    write_manifest(out, files)
    done = CliRunner().invoke(app, ["find", str(out), "pay"])
    assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.parametrize("damage", ["cut off", "zeros", "other", "a byte of its schema"])
def test_find__a_damaged_result__is_named(out: Path, damage: str) -> None:
    result = out / "통화 1.json"
    data = result.read_bytes()
    write_manifest(out, {result.name: hashlib.sha256(data).hexdigest(), "a.srt": "0" * 64})
    result.write_bytes(
        {
            "cut off": data[: len(data) // 2],
            "zeros": bytes(len(data)),
            "other": b"{}",
            "a byte of its schema": data.replace(b"reelmill.", b"reelmilk."),
        }[damage]
    )
    done = CliRunner().invoke(app, ["find", str(out), "pay"])
    assert done.exit_code == 1
    assert "통화 1.json: damaged, and not searched" in done.stderr
    assert "nothing found in what could be read" in done.stderr


def test_find__a_result_cut_off_without_a_manifest__is_named(out: Path) -> None:
    result = out / "통화 1.json"
    result.write_bytes(result.read_bytes()[:-20])
    done = CliRunner().invoke(app, ["find", str(out), "pay"])
    assert "통화 1.json: damaged, and not searched (not JSON)" in done.stderr


@pytest.mark.parametrize(
    ("text", "value"), [("12.5", 12.5), ("1:02", 62.0), ("1:00:01.5", 3601.5), ("0", 0.0)]
)
def test_seconds__a_time__is_read(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "soon", "-1", "1:2:3:4", "1::2", "inf", "nan"])
def test_seconds__anything_else__is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a time"):
        seconds(text)
