"""A call with one channel per person, as a user of `reelmill voice` gets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.media.two_channels import later, people, said, write_call

CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]
#: The length of the call in s, and how much later A is than in the sample.
SECONDS, LATER = 14.0, 3.0


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results for a call in which B is shifted so that both talk at once."""
    folder = tmp_path_factory.mktemp("stereo")
    a, b = people(SECONDS)
    write_call(folder / "call.flac", later(a, LATER), b)
    arguments = [folder, "-o", folder / "out", "--model", "demo", "--language", "en"]
    command = [*CLI, "voice", *map(str, arguments), "--formats", "json,srt,rttm"]
    done = subprocess.run(
        [*command, "--names", "left=Agent,right=Caller"],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "out"


def test_the_channel_decides_the_speaker(out: Path) -> None:
    # proves: V10 V5
    content = json.loads((out / "call.json").read_text())
    segments = content["segments"]
    assert [one["start"] for one in segments] == sorted(one["start"] for one in segments)
    assert {(one["channel"], one["speaker"]) for one in segments} == {
        ("left", "Agent"),
        ("right", "Caller"),
    }
    for channel, speaker in (("left", "A"), ("right", "B")):
        words = [
            word["word"].strip(".,?!").lower()
            for one in segments
            if one["channel"] == channel
            for word in one["words"]
        ]
        expected = said(speaker, SECONDS)
        assert len(set(expected) & set(words)) >= 0.8 * len(set(expected))
        assert abs(len(words) - len(expected)) <= 0.2 * len(expected)
    for one in segments:
        assert {word["speaker"] for word in one["words"]} == {one["speaker"]}
    assert "channels" in [one["label"] for one in content["findings"]]
    assert {one["speaker"] for one in content["speakers"]} == {"Agent", "Caller"}


def test_overlapping_speech_is_kept(out: Path) -> None:
    # proves: V10
    content = json.loads((out / "call.json").read_text())
    spans = {
        channel: [
            (one["start"], one["end"]) for one in content["segments"] if one["channel"] == channel
        ]
        for channel in ("left", "right")
    }
    common = sum(
        max(0.0, min(end, other_end) - max(start, other_start))
        for start, end in spans["left"]
        for other_start, other_end in spans["right"]
    )
    assert common > 1.0
    rttm = [line.split() for line in (out / "call.rttm").read_text().splitlines()]
    assert {(row[2], row[7]) for row in rttm} == {("1", "Agent"), ("2", "Caller")}
    starts = [
        line.split(" --> ")[0]
        for line in (out / "call.srt").read_text().splitlines()
        if "-->" in line
    ]
    assert starts == sorted(starts) and "[Caller]" in (out / "call.srt").read_text()
