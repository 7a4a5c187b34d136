"""Who says what, as a user of `reelmill voice` gets it, with the shipped models."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import soundfile

ASSETS = Path(str(resources.files("reelmill") / "assets"))
SAMPLES = ASSETS / "samples"
CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]
TWO, ONE = "noisy line", "voicemail"


def voice(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CLI, "voice", *map(str, arguments), "--model", "demo"]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def computed(out: Path) -> set[str]:
    """The stages that made results in the last run."""
    report = json.loads((out / "performance_report.json").read_text())
    return {stage["name"] for stage in report["stages"] if stage["done"]}


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of two people, of one, of silence, of a third of a second, and a broken one."""
    folder = tmp_path_factory.mktemp("calls")
    for name in (f"{TWO}.mp3", f"{ONE}.wav", "broken.m4a"):
        shutil.copy(SAMPLES / name, folder)
    sound, rate = soundfile.read(SAMPLES / f"{ONE}.wav")
    soundfile.write(folder / "short.wav", sound[rate : rate + rate // 3], rate)
    soundfile.write(folder / "silent.wav", np.zeros(5 * rate), rate)
    return folder


@pytest.fixture(scope="module")
def out(calls: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first run writes, in which A is named."""
    out = tmp_path_factory.mktemp("out") / "results"
    done = voice(calls, "-o", out, "--formats", "json,txt,srt,vtt,tsv,rttm", "--names", "A=Kim")
    assert done.returncode == 1, done.stderr  # the broken one, and only that
    assert json.loads((out / "performance_report.json").read_text())["failed"] == 1
    return out


def test_words_are_assigned_to_their_speakers(out: Path) -> None:
    # proves: V5
    content = json.loads((out / f"{TWO}.json").read_text())
    truth = json.loads((SAMPLES / "truth" / f"{TWO}.mp3.json").read_text())
    said = [
        (true["speaker"], word["speaker"])
        for true in truth["utterances"]
        for segment in content["segments"]
        for word in segment["words"]
        if true["start"] <= (word["start"] + word["end"]) / 2 <= true["end"]
    ]
    assert len(said) > 60 and {found for _, found in said} == {"Kim", "B"}
    right = sum(pair in {("A", "Kim"), ("B", "B")} for pair in said)
    assert max(right, len(said) - right) > 0.95 * len(said)
    for segment in content["segments"]:
        assert {word["speaker"] for word in segment["words"]} == {segment["speaker"]}
    assert sum(one["share"] for one in content["speakers"]) == pytest.approx(1, abs=1e-3)


def test_one_person_gives_one_speaker_and_silence_none(out: Path) -> None:
    # proves: V5 S6
    (one,) = json.loads((out / f"{ONE}.json").read_text())["speakers"]
    assert one["speaker"] == "Kim" and one["turns"] == 3 and one["share"] == 1
    assert json.loads((out / "silent.json").read_text())["speakers"] == []
    assert (out / "silent.rttm").read_text() == (out / "silent.srt").read_text() == ""
    assert len(json.loads((out / "short.json").read_text())["speakers"]) <= 1


def test_speakers_are_in_every_format(out: Path) -> None:
    # proves: V7
    assert (out / f"{ONE}.txt").read_text().startswith("[Kim]: Emma called me")
    assert "\n[Kim]: Emma called me" in (out / f"{ONE}.srt").read_text()
    assert "<v Kim>Emma called me" in (out / f"{ONE}.vtt").read_text()
    assert (out / f"{ONE}.tsv").read_text().splitlines()[1].endswith("\tKim")
    turns = [line.split() for line in (out / f"{TWO}.rttm").read_text().splitlines()]
    assert {(len(turn), turn[0], turn[1]) for turn in turns} == {(10, "SPEAKER", "noisy_line.mp3")}
    assert {turn[7] for turn in turns} == {"Kim", "B"}


def test_names_can_be_added_later_without_computing(calls: Path, out: Path) -> None:
    # proves: V5 G12
    names = ("--names", f"{TWO}.mp3:B=Lee", "--names", "gone.mp3:A=Nobody")
    done = voice(calls / f"{TWO}.mp3", "-o", out, "--formats", "txt,rttm", *names)
    assert done.returncode == 0, done.stderr
    assert computed(out) == {"export", "review"}
    text = (out / f"{TWO}.txt").read_text()
    assert "[Kim]: " in text and "[Lee]: " in text and "[B]" not in text
    vain = "--names gone.mp3: no recording of this run has that file name"
    assert vain in done.stderr and vain in (out / "report.html").read_text()


def test_another_number_of_speakers_only_repeats_the_clustering(calls: Path, out: Path) -> None:
    # proves: V5 G12
    done = voice(calls / f"{ONE}.wav", "-o", out, "--formats", "json", "--speakers", "3")
    assert done.returncode == 0, done.stderr
    assert computed(out) == {"diarize", "speakers", "export", "review"}
    assert len(json.loads((out / f"{ONE}.json").read_text())["speakers"]) == 3


def test_records_for_courts_are_written_with_the_case(
    out: Path, calls: Path, tmp_path: Path
) -> None:
    # proves: V12
    shutil.copytree(out, tmp_path / "results")
    case = tmp_path / "사건.toml"
    case.write_text("number = '2026가단1'\n[speakers.A]\nrole = '고객'\n", encoding="utf-8")
    call = calls / f"{TWO}.mp3"
    formats = ("--formats", "nokchwirok,court", "--case", case)
    done = voice(call, "-o", tmp_path / "results", *formats)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "results" / f"{TWO}.nokchwirok.html").read_text(encoding="utf-8")
    assert "2026가단1" in page and "<td>고객</td>" in page and '<td class="who">Kim</td>' in page
    original = hashlib.sha256(call.read_bytes()).hexdigest()
    weights = ASSETS / "models" / "demo-whisper" / "model.bin"
    model = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert original in page and model in page
    assert f"--case &#39;{case}&#39;" in page, "the command as typed"
    assert (tmp_path / "results" / f"{TWO}.nokchwirok.docx").is_file()
    pages = (tmp_path / "results" / f"{TWO}.court.txt").read_text("ascii").split("\f")
    assert len(pages) >= 3 and all(page.count("\n") == 26 for page in pages)

    case.write_text("numbr = '1'", encoding="utf-8")
    wrong = voice(call, "-o", tmp_path / "results", *formats)
    assert wrong.returncode == 2 and "unknown entry numbr" in wrong.stderr
