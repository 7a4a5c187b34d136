"""Errors are reported in plain words for any input, everywhere that people and programs read."""

# proves: G8 G21

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reelmill.core.paths import ASSETS
from tests.media.films import film
from tests.media.make import RATE, clicks, list_of_others, write

#: Words of Python, its libraries and FFmpeg.
FOREIGN = re.compile(
    r"Traceback|\bErrno\b|\b[A-Z]\w*(?:Error|Exception|Warning)\b|0x[0-9a-f]{6,}|returned -?\d+|"
    r"\[\w+(?:,\w+)* @ |pydantic|site-packages|<(?:class|function|object|bound)\b"
)
COMMANDS = {
    "voice": ("--no-align", "--diarizer", "none", "--model", "demo"),
    "subtitle": ("--translator", "demo", "--model", "demo", "--to", "ko", "--mux", "--burn"),
    "faces": ("--identity", "appearance", "--preset", "ultrafast"),
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of what goes wrong: no media, parts of media, media with holes."""
    folder = tmp_path_factory.mktemp("broken")
    rng = random.Random(5)
    (folder / "empty.wav").touch()
    (folder / "noise.mp4").write_bytes(rng.randbytes(20_000))
    (folder / "page.mp3").write_text("<html><body>404 not found</body></html>")
    (folder / "gone.wav").symlink_to(folder / "nowhere.wav")
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    (folder / "lists").mkdir()
    list_of_others(folder / "lists" / "list.mp4", "hls")
    sound = clicks(1.5, RATE, (0.5,))
    for suffix, container, codec in (
        ("wav", "wav", "pcm_s16le"), ("flac", "flac", "flac"), ("mka", "matroska", "aac"),
    ):  # fmt: skip
        whole = write(folder / f"cut.{suffix}", sound, container=container, codec=codec, rate=RATE)
        whole.write_bytes(whole.read_bytes()[: -whole.stat().st_size // 3])
    for suffix in ("mp4", "ts", "mkv", "flv"):
        whole = folder / f"holes.{suffix}"
        if suffix == "flv":
            write(whole, sound, container="flv", codec="aac", rate=44_100, video=True)
        else:
            film(whole, [n / 25 for n in range(12)])
        data = bytearray(whole.read_bytes())
        (folder / f"half.{suffix}").write_bytes(data[: len(data) // 2])
        for _ in range(60):
            data[rng.randrange(len(data) // 8, len(data))] = rng.randrange(256)
        whole.write_bytes(data)
    return folder


def said(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "reelmill", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    assert done.returncode in (0, 1, 2), done.stderr
    return done.stdout + done.stderr


def foreign(text: str) -> list[str]:
    return [line for line in text.splitlines() if FOREIGN.search(line)]


@pytest.mark.parametrize("command", COMMANDS)
def test_messages_about_broken_recordings_are_plain(
    command: str, broken: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    told = said(tmp_path, command, str(broken), "-o", str(out), *COMMANDS[command])
    assert foreign(told) == []
    for path in out.iterdir():
        if path.suffix in (".json", ".html", ".txt", ".srt", ".vtt"):
            assert foreign(path.read_text("utf-8")) == [], path.name
    failed = (out / "failed_files.json").read_text("utf-8")
    for name in ("empty.wav", "noise.mp4", "page.mp3"):
        assert name in failed


def test_messages_about_broken_results_are_plain(tmp_path: Path) -> None:
    sample = ASSETS / "samples" / "voicemail.wav"
    out = tmp_path / "out"
    arguments = ("voice", str(sample), "-o", str(out), *COMMANDS["voice"])
    said(tmp_path, *arguments)
    artifacts = sorted((out / ".cache" / "artifacts").rglob("*.json"))
    for path, content in zip(artifacts, ("", "{", "[]", '{"data": 3}', "\0"), strict=False):
        path.write_text(content)
    (out / "evidence.json").write_text('{"schema": 3, "originals": [{}]}')
    (out / "voicemail.json").write_text('{"segments": [{"start": "x"}]}')
    told = said(tmp_path, "verify", str(out)) + said(tmp_path, "find", str(out), "harbor")
    for path in artifacts[:1]:
        told += said(tmp_path, "stage", "export", "-o", str(out), str(path))
    (out / ".cache" / "ledger.sqlite").write_bytes(b"SQLite format 3\0" + bytes(3000))
    assert foreign(told + said(tmp_path, *arguments)) == []
