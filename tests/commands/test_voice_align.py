"""Words of `reelmill voice` as a user gets them, with the demo models."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]


def voice(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CLI, "voice", *map(str, arguments), "--model", "demo", "--diarizer", "none"]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def words_of(transcript: Path) -> list[dict]:
    """All words; each lies in order inside its segment, whose text it is part of."""
    segments = json.loads(transcript.read_text())["segments"]
    for segment in segments:
        words = segment["words"]
        edges = [edge for word in words for edge in (word["start"], word["end"])]
        assert edges == sorted(edges)
        assert segment["start"] <= edges[0] and edges[-1] <= segment["end"]
        assert "".join(word["word"] for word in words) == segment["text"].replace(" ", "")
    return [word for segment in segments for word in segment["words"]]


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("통화 모음")
    for name in ("voicemail.wav", "통화 녹음 긴 침묵.m4a", "broken.m4a"):
        shutil.copy(SAMPLES / name, folder)
    return folder


def test_aligned_words_are_at_the_true_times(calls: Path, tmp_path: Path) -> None:
    # proves: V4 V7
    done = voice(calls, "-o", tmp_path, "--formats", "json,vtt", "--words")
    assert done.returncode == 1, done.stderr  # the broken one, and only that
    korean = words_of(tmp_path / "통화 녹음 긴 침묵.json")
    assert korean and {word["timing"] for word in korean} == {"aligned"}
    truth = json.loads((SAMPLES / "truth" / "voicemail.wav.json").read_text())
    true = [word for one in truth["utterances"] for word in one["words"]]
    found = words_of(tmp_path / "voicemail.json")
    assert [word["word"] for word in found] == [word["text"] for word in true]
    errors = sorted(
        abs(one[edge] - other[edge])
        for one, other in zip(found, true, strict=True)
        for edge in ("start", "end")
    )
    assert errors[len(errors) // 2] <= 0.04 and errors[int(0.95 * len(errors))] <= 0.15


def test_without_an_aligner_words_have_whisper_times(calls: Path, tmp_path: Path) -> None:
    # proves: V4 G19
    done = voice(calls, "-o", tmp_path, "--aligner", "none", "--words")
    assert done.returncode == 1, done.stderr  # the broken one, and only that
    for name in ("voicemail", "통화 녹음 긴 침묵"):
        words = words_of(tmp_path / f"{name}.json")
        assert words and {word["timing"] for word in words} <= {"whisper", "interpolated"}
    captions = (tmp_path / "voicemail.vtt").read_text()
    assert captions.startswith("WEBVTT\n\nSTYLE") and "<00:00:01." in captions


def test_no_align_writes_no_words(calls: Path, tmp_path: Path) -> None:
    done = voice(calls / "voicemail.wav", "-o", tmp_path, "--no-align", "--words")
    assert done.returncode == 0, done.stderr
    assert "--words has no effect with --no-align" in done.stderr
    segments = json.loads((tmp_path / "voicemail.json").read_text())["segments"]
    assert segments and not any(segment.get("words") for segment in segments)
    assert "STYLE" not in (tmp_path / "voicemail.vtt").read_text()


def test_an_unavailable_aligner_is_reported_before_any_work(tmp_path: Path) -> None:
    done = voice(SAMPLES / "voicemail.wav", "-o", tmp_path, "--aligner", "nonsense")
    assert done.returncode == 2
    assert "no aligner 'nonsense': give `demo`, `none`" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "voicemail.json").exists()
