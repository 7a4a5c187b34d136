"""The same people in several recordings, as a user of `reelmill voice` gets them."""

# proves: V11

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.media.make import RATE
from tests.media.two_channels import TRUTH, people

CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]


def voice(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CLI, "voice", *map(str, arguments), "--model", "demo", "--language", "en"]
    return subprocess.run(
        [*command, "--no-align", "--formats", "json,txt"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )


def said(path: Path, speaker: str, *numbers: int) -> None:
    """A recording of part of what a person says."""
    sound = dict(zip("AB", people(38.0), strict=True))[speaker]
    own = [one for one in TRUTH["utterances"] if one["speaker"] == speaker]
    parts = [sound[round(one["start"] * RATE) : round(one["end"] * RATE)] for one in own]
    soundfile.write(path, np.concatenate([parts[number] for number in numbers]), RATE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("across")
    (folder / "calls").mkdir()
    (folder / "samples" / "Kim").mkdir(parents=True)
    said(folder / "calls" / "first.wav", "A", 0, 1)
    said(folder / "calls" / "second.wav", "B", 0, 1)
    said(folder / "calls" / "third.wav", "A", 2, 3)
    said(folder / "samples" / "Kim" / "1.wav", "A", 4)
    (folder / "samples" / "notes.txt").write_text("no sound")
    return folder


@pytest.fixture(scope="module")
def out(folder: Path) -> Path:
    done = voice(folder / "calls", "-o", folder / "out", "--across", "--people", folder / "samples")
    assert done.returncode == 0, done.stderr
    assert "1 known people: Kim" in done.stderr and "notes.txt: left out" in done.stderr
    assert "speakers.json" in done.stdout
    return folder / "out"


def who(out: Path) -> dict[str, str]:
    """The number of each recording's speaker."""
    content = json.loads((out / "speakers.json").read_text())
    return {
        one["recording"]: person["id"] for person in content["people"] for one in person["heard_in"]
    }


def test_a_person_has_one_number_and_a_name_in_all_recordings(out: Path) -> None:
    numbers = who(out)
    assert numbers["first"] == numbers["third"] != numbers["second"]
    content = json.loads((out / "speakers.json").read_text())
    names = {person["id"]: person["name"] for person in content["people"]}
    assert names == {numbers["first"]: "Kim", numbers["second"]: None}
    for person in content["people"]:
        for one in person["heard_in"]:
            alone = len(person["heard_in"]) == 1
            assert one["score"] is None if alone else one["score"] >= one["needed"]
    assert (out / "first.txt").read_text().startswith("[Kim]")
    assert (out / "second.txt").read_text().startswith("[A]")


def test_the_report_page_shows_who_is_in_which_recordings(out: Path) -> None:
    page = (out / "report.html").read_text()
    assert "Who is in which recordings" in page and "third: A, 00:" in page
    assert "A sounds like Kim in the samples (score " in page


def test_a_speaker_in_a_later_recording_keeps_the_number(folder: Path, out: Path) -> None:
    before = who(out)
    (folder / "later").mkdir()
    said(folder / "later" / "fourth.wav", "B", 1, 2)
    done = voice(folder / "later", "-o", out, "--across")
    assert done.returncode == 0, done.stderr
    assert who(out) == {"fourth": before["second"]}


def test_a_single_recording_has_nothing_to_compare(folder: Path) -> None:
    for arguments, message in (
        (("--across", "--diarizer", "none"), "--across compares speakers: it needs a --diarizer"),
        (("--people", folder / "nowhere"), "no folder; give one with a sample of each person"),
    ):
        done = voice(folder / "calls", "-o", folder / "other", *arguments)
        assert done.returncode == 2 and message in done.stderr
