"""`reelmill voice` as a user runs it, on real files with the demo model."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import soundfile

SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
SAMPLE = SAMPLES / "voicemail.wav"
CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]
#: Words and speakers have tests of their own; here they would only take time.
TEXT_ONLY = ("--model", "demo", "--no-align", "--diarizer", "none")


def reelmill(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CLI, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        **options,
    )


def voice(*arguments: str | Path, **options) -> subprocess.CompletedProcess[str]:
    return reelmill("voice", *arguments, *TEXT_ONLY, **options)


def failures(out: Path) -> dict[str, str]:
    """Causes by file name."""
    report = json.loads((out / "performance_report.json").read_text())
    return {Path(entry["file"]).name: entry["error"] for entry in report["failed_files"]}


@pytest.fixture(scope="module")
def bad_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unusable files of all kinds, and two good recordings."""
    folder = tmp_path_factory.mktemp("통화 모음")
    shutil.copy(SAMPLE, folder / "통화 녹음 김민수.wav")
    shutil.copy(SAMPLE, folder / "-leading dash 😀\nnewline.wav")
    (folder / "zero.mp3").touch()
    (folder / "text.mp3").write_text("this is no sound\n" * 50)
    shutil.copy(SAMPLES / "broken.m4a", folder / "truncated.m4a")
    rate, tone = 192_000, 0.1 * np.sin(np.arange(192_000) / 50)
    soundfile.write(folder / "studio.wav", tone, rate)
    soundfile.write(folder / "telephone.wav", tone[:16_000], 8_000)
    soundfile.write(folder / "eight.wav", np.tile(tone[:48_000, None], (1, 8)), 48_000)
    soundfile.write(folder / "blink.wav", tone[:800], 16_000)
    soundfile.write(folder / "silence.wav", np.zeros(5 * 16_000), 16_000)
    (folder / "dangling.wav").symlink_to(folder / "gone.wav")
    (folder / "circle.wav").symlink_to(folder / "circle.wav")
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    return folder


def test_a_broken_recording_does_not_affect_the_others(bad_folder: Path, tmp_path: Path) -> None:
    # proves: G8 V1 V2
    out = tmp_path / "out"
    done = voice(bad_folder, "-o", out)
    assert done.returncode == 1, done.stderr
    causes = failures(out)
    assert set(causes) == {
        "zero.mp3",
        "text.mp3",
        "truncated.m4a",
        "dangling.wav",
        "circle.wav",
    }
    assert "empty" in causes["zero.mp3"]
    assert "text" in causes["text.mp3"]
    assert "truncated" in causes["truncated.m4a"]
    assert "link" in causes["dangling.wav"] or "not found" in causes["dangling.wav"]
    for name in ("studio", "telephone", "eight", "blink", "silence", "통화 녹음 김민수"):
        content = json.loads((out / f"{name}.json").read_text())
        assert content["source"]["sha256"]
    assert json.loads((out / "silence.json").read_text())["segments"] == []
    same = [out / "통화 녹음 김민수.txt", out / "-leading dash 😀\nnewline.txt"]
    assert same[0].read_text() == same[1].read_text() != ""


# Root may read everything, unless it gives up the rights to (CAP_DAC_OVERRIDE, _READ_SEARCH).
UNPRIVILEGED = """
import ctypes, os, sys
if os.geteuid() == 0:
    for capability in (1, 2):
        assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's capabilities")
def test_an_unreadable_file_is_reported_and_does_not_affect_others(tmp_path: Path) -> None:
    # proves: G8
    folder, out = tmp_path / "통화 모음", tmp_path / "out"
    locked = folder / "locked folder"
    locked.mkdir(parents=True)
    shutil.copy(SAMPLE, folder / "good.wav")
    shutil.copy(SAMPLE, folder / "locked.wav").chmod(0)
    shutil.copy(SAMPLE, locked / "inside.wav")
    locked.chmod(0)
    command = [sys.executable, "-c", UNPRIVILEGED, *CLI[1:], "voice", folder, "-o", out]
    try:
        done = subprocess.run(
            [*command, *TEXT_ONLY], check=False, capture_output=True, text=True, timeout=300
        )
    finally:
        locked.chmod(0o755)
    assert done.returncode == 1, done.stderr
    assert failures(out).keys() == {"locked.wav", "locked folder"}
    assert all("no permission" in cause for cause in failures(out).values())
    assert (out / "good.txt").read_text()


def test_a_folder_that_vanishes_during_the_run_is_reported(tmp_path: Path) -> None:
    # proves: G8 G14
    calls, out = tmp_path / "calls", tmp_path / "out"
    calls.mkdir()
    for number in range(40):
        shutil.copy(SAMPLE, calls / f"{number:02}.wav")
        with (calls / f"{number:02}.wav").open("ab") as file:
            file.write(bytes([0, number] * 8000))  # contents of their own
    process = subprocess.Popen(
        [*CLI, "voice", calls, "-o", out, *TEXT_ONLY, "--workers", "1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 180
    while not list(out.glob(".cache/artifacts/*/*/*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    shutil.rmtree(calls)
    _, said = process.communicate(timeout=180)
    assert process.returncode == 1 and "Traceback" not in said
    causes = failures(out)
    # of one that was open at that moment it is said that it is "no longer found"
    assert causes and all(re.search("(not|no longer) found", cause) for cause in causes.values())
    assert len(set(causes) | {f"{path.stem}.wav" for path in out.glob("*.txt")}) == 40


def test_a_video_without_sound_is_reported(tmp_path: Path) -> None:
    # proves: V1
    import av

    path = tmp_path / "silent film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", 25)
        stream.width = stream.height = 64
        for _ in range(10):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    out = tmp_path / "out"
    assert voice(path, "-o", out).returncode == 1
    assert "no sound" in failures(out)["silent film.mp4"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one recording, with what it `printed`."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "in").mkdir()
    shutil.copy(SAMPLE, folder / "in")
    done = voice(folder / "in", "-o", folder / "out")
    assert done.returncode == 0, done.stderr
    (folder / "printed").write_text(done.stdout)
    return folder


def test_verify_reports_changed_files(finished: Path, out: Path) -> None:
    # proves: G14
    sha256 = re.search(r"SHA-256 +([0-9a-f]{64})", (finished / "printed").read_text())
    assert sha256 is not None, "the manifest's own hash is printed, to be kept elsewhere"
    checked = reelmill("verify", out, "--strict", "--manifest-sha256", sha256[1])
    assert (checked.returncode, checked.stdout.splitlines()[-1][:3]) == (0, "OK:")
    assert reelmill("verify", out, "--manifest-sha256", "0" * 64).returncode == 1
    assert reelmill("verify", out, "--manifest-sha256", "x").returncode == 2
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "--quiet", "-c", "manifest.sha256"], cwd=out, check=True)
    calls = out.parent / "in"
    (out / "voicemail.txt").write_text("somebody else's words")
    with (calls / "voicemail.wav").open("ab") as file:
        file.write(b"x")
    told = reelmill("verify", out)
    assert told.returncode == 1
    assert "voicemail.txt" in told.stdout and "voicemail.wav" in told.stdout
    (out / "voicemail.txt").unlink()
    again = voice(calls, "-o", out)
    assert again.returncode == 1, "an original that changed is an error"
    assert "ORIGINAL CHANGED" in again.stdout and "since an earlier run" in again.stdout


def test_a_run_with_other_settings_reuses_earlier_results(out: Path) -> None:
    # proves: G12 G13
    assert not (out / "voicemail.docx").exists()
    assert voice(out.parent / "in", "-o", out, "--formats", "docx,json").returncode == 0
    report = json.loads((out / "performance_report.json").read_text())
    stages = {stage["name"]: stage for stage in report["stages"]}
    assert stages["transcribe"]["done"] == 0
    assert (out / "voicemail.docx").exists()
    names = {path.name.split("-")[0] for path in out.glob(".cache/artifacts/*/*/*.json")}
    assert {"probe", "decode", "speech", "recognize", "transcribe"} <= names


def test_decoded_sound_is_removed_unless_it_is_kept_on_request(
    finished: Path, tmp_path: Path
) -> None:
    assert not list((finished / "out").rglob("*.pcm"))
    assert voice(SAMPLE, "-o", tmp_path / "kept", "--keep-audio").returncode == 0
    assert list((tmp_path / "kept").rglob("*.pcm"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "not found"),
        ((SAMPLE, "--formats", "doc"), "doc"),
        ((SAMPLE, "--device", "cuda:7"), "cuda:7"),
        ((SAMPLE, "--device", "tpu"), "tpu"),
        ((SAMPLE, "--language", "xx"), "xx"),
        ((SAMPLE, "-o", SAMPLE), "cannot be written"),
    ],
)
def test_wrong_usage_prints_one_line_and_exits_with_2(
    arguments: tuple[str | Path, ...], words: str, tmp_path: Path
) -> None:
    done = voice(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert words in last and "Traceback" not in done.stderr


def test_an_unavailable_model_is_reported_with_what_to_do(tmp_path: Path) -> None:
    # proves: G11
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    done = reelmill("voice", SAMPLE, "-o", tmp_path / "out", "--model", "tiny", env=environment)
    assert done.returncode == 2
    assert "--model" in done.stderr and "Traceback" not in done.stderr


def test_json_prints_events_as_lines(tmp_path: Path) -> None:
    done = voice(SAMPLE, "-o", tmp_path / "out", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["event"] for event in events]
    assert [kind for kind in kinds if kind != "note"] == ["planned", "recording", "ended"]
    assert "device" in events[0]["text"]
    assert events[-2]["status"] == "done"
    assert events[-1]["done"] == 1


def states(folder: Path) -> dict[Path, tuple[int, int, int]]:
    return {
        path: (stat.st_size, stat.st_mtime_ns, stat.st_mode)
        for path in folder.rglob("*")
        for stat in (path.stat(),)
    }


def test_a_run_stopped_by_ctrl_c_can_be_resumed_and_touches_no_original(tmp_path: Path) -> None:
    # proves: G12 G14
    calls, out = tmp_path / "calls", tmp_path / "out"
    shutil.copytree(SAMPLES, calls)
    originals = states(calls)
    process = subprocess.Popen(
        [*CLI, "voice", calls, "-o", out, *TEXT_ONLY],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 180
    while not list(out.glob("*.txt")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode in (1, 3)  # 1: it was faster than we
    assert states(calls) == originals
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*.txt")}
    assert kept
    assert voice(calls, "-o", out).returncode == 1
    assert states(calls) == originals
    assert all(path.stat().st_mtime_ns == at for path, at in kept.items())
    assert len(list(out.glob("*.txt"))) == 11
