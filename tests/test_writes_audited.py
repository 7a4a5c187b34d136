"""Real runs whose Python processes all report what they open for writing, rename and remove."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from synthetic.videos import Script, make_video
from tests.film_clips import FILM

CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]
AUDIT = Path(__file__).with_name("audit")

VOICE = ["--model", "demo", "--no-align", "--diarizer", "none"]
SUBTITLE = ["--model", "demo", "--translator", "demo", "--no-align", "--mux"]
FACES = ["--identity", "appearance", "--clip", "person", "--preset", "ultrafast"]


class Audited:
    """Commands run in `folder`, where `evidence` holds recordings."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "audit.jsonl"
        self._environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(AUDIT), str(Path(__file__).parents[1])]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "REELMILL_TEST_AUDIT": str(self._log),
            "REELMILL_CACHE": str(folder / "cache"),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }

    def run(self, *arguments: str) -> list[dict[str, Any]]:
        """The files written by one successful command."""
        self._log.write_text("")
        done = subprocess.run(
            [*CLI, *arguments],
            cwd=self.folder,
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def evidence(self) -> dict[str, tuple[str, int, int, int]]:
        """Every original: its hash, size, inode and time."""
        found = {}
        for path in sorted((self.folder / "evidence").rglob("*")):
            stat = path.stat()
            sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            found[str(path)] = (sha256, stat.st_size, stat.st_ino, stat.st_mtime_ns)
        return found


def foreign(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Writes that bypassed the gate. SQLite gets a path that the gate has checked."""
    return [one for one in entries if not one["by_gate"] and not is_allowed(one)]


def is_allowed(entry: dict[str, Any]) -> bool:
    what = entry["what"][0]
    if entry["event"] == "sqlite3.connect":
        return what.endswith("/out/.cache/ledger.sqlite")
    return what in (os.devnull, "/proc/self/clear_refs")


@pytest.fixture
def audited(tmp_path: Path) -> Audited:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "notes.txt").write_text("not a recording")
    return Audited(tmp_path)


@pytest.mark.parametrize("command", ["voice", "subtitle", "faces"])
def test_a_run_writes_only_through_the_gate(audited: Audited, command: str) -> None:
    # proves: G14
    evidence = audited.folder / "evidence"
    options = {"voice": VOICE, "subtitle": SUBTITLE, "faces": FACES}[command]
    if command == "faces":
        script = Script(seconds=1.6, width=320, height=240, persons=1, sizes=(60, 70), leaving=0)
        make_video(evidence / "a.mp4", script)
    else:
        cut(evidence / "a.mkv", with_picture=command == "subtitle")
    before = audited.evidence()
    entries = audited.run(command, "evidence", "-o", "out", *options)
    assert foreign(entries) == []
    assert sum(one["by_gate"] for one in entries) > 20, "it saw what was written"
    again = audited.run(command, "evidence", "-o", "out", *options)
    assert foreign([*again, *audited.run("verify", "out")]) == []
    assert audited.evidence() == before
    ours = {"evidence", "out", "cache", "config", "audit.jsonl"}
    assert {path.name for path in audited.folder.iterdir()} <= ours


def cut(path: Path, *, with_picture: bool) -> None:
    """The beginning of the sample film."""
    import av

    with av.open(str(FILM)) as source, av.open(str(path), "w") as copy:
        streams = [*source.streams.audio[:1], *(source.streams.video[:1] if with_picture else ())]
        copies = {stream.index: copy.add_stream_from_template(stream) for stream in streams}
        for packet in source.demux(*streams):
            if packet.dts is None or float(packet.dts * packet.time_base) > 4.0:
                continue
            packet.stream = copies[packet.stream.index]
            copy.mux(packet)


@pytest.mark.parametrize("command", [["doctor", "-o", "out"], ["models", "list"]])
def test_other_commands_write_nothing(audited: Audited, command: list[str]) -> None:
    before = audited.evidence()
    entries = audited.run(*command)
    assert foreign(entries) == []
    assert audited.evidence() == before and not (audited.folder / "out").exists()
