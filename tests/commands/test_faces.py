"""`reelmill faces` as a user runs it: clips show the right people in step with their sound, and
files that cannot be cut are reported."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from synthetic.movie import write_movie
from synthetic.videos import CLEAR_SHARE, Script, Truth, make_video, read_truth
from tests.media.films import colours, film, heard, onsets, shown, turn

CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]
SCRIPT = Script(
    seconds=4.4,
    width=320,
    height=240,
    persons=2,
    sizes=(48, 70),
    shot_seconds=(2, 2.2),
    leaving=0,
    flashes=True,
    seed=3,
)
OPTIONS = ["--preset", "ultrafast"]


def reelmill(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*CLI, *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)


def without_sound(source: Path, path: Path) -> None:
    with av.open(str(source)) as read, av.open(str(path), "w") as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(read.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)


def lying(source: Path, path: Path) -> None:
    """As an upright phone records it: the coded picture lies on its side, to be rotated by 90
    degrees."""
    pictures = [np.ascontiguousarray(np.rot90(picture)) for picture in colours(source)]
    write_movie(path, pictures, Fraction(SCRIPT.rate))
    turn(path, 90)


def written(out: Path) -> dict[Path, int]:
    return {
        path: path.stat().st_mtime_ns
        for path in out.rglob("*")
        if ".cache" not in path.parts and path.is_file()
    }


def contents(out: Path, name: str) -> dict:
    return json.loads((out / f"{name}.faces.json").read_text())


def overlap(one, other) -> float:
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def people_of_truth(document: dict, truth: Truth) -> dict[str, set[int]]:
    """For each person's label the true persons whose faces its boxes are, and None for others."""
    at: dict[int, list] = {}
    for frame, person, box in zip(truth.frame, truth.person, truth.box, strict=True):
        at.setdefault(frame, []).append((person, box))
    found: dict[str, set] = {}
    for person in document["persons"]:
        for frame, _, *box in person["boxes"]:
            true = [who for who, face in at.get(frame, ()) if overlap(box, face) > 0.3]
            found.setdefault(person["label"], set()).add(true[0] if true else None)
    return found


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good videos, two of them with the same name, and unusable files."""
    folder = tmp_path_factory.mktemp("영상 모음")
    for side in ("왼쪽", "오른쪽"):
        (folder / side).mkdir()
    good = folder / "왼쪽" / "대화 1.mp4"
    make_video(good, SCRIPT, folder / "truth.json")
    shutil.copy(good, folder / "오른쪽" / "대화 1.mp4")
    without_sound(good, folder / "picture only.mkv")
    lying(good, folder / "phone.mp4")
    film(folder / "nobody.mp4", [i / 25 for i in range(30)])
    (folder / "empty.mp4").touch()
    (folder / "broken.mp4").write_bytes(good.read_bytes()[: good.stat().st_size * 2 // 3])
    with av.open(str(folder / "sound only.m4a"), "w") as sound:
        stream = sound.add_stream("aac", rate=48_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "fltp", "mono")
        frame.sample_rate = 48_000
        sound.mux([*stream.encode(frame), *stream.encode(None)])
    return folder


@pytest.fixture(scope="module")
def run(
    videos: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    out = tmp_path_factory.mktemp("out")
    options = ["--clip", "person", "--workers", "2", *OPTIONS]
    return reelmill("faces", videos, "-o", out, *options), out


def test_unusable_files_are_reported_and_do_not_affect_others(run) -> None:
    # proves: F6 G8
    done, out = run
    assert done.returncode == 1, done.stderr
    report = json.loads((out / "performance_report.json").read_text())
    causes = {Path(one["file"]).name: one["error"] for one in report["failed_files"]}
    assert set(causes) == {"nobody.mp4", "empty.mp4", "broken.mp4", "sound only.m4a"}
    assert "no face was found" in causes["nobody.mp4"]
    assert "empty" in causes["empty.mp4"]
    assert "truncated" in causes["broken.mp4"]
    assert "no picture" in causes["sound only.m4a"]
    assert report["successful"] == 4
    assert "Traceback" not in done.stderr


def test_all_persons_are_found_and_told_apart(run, videos: Path) -> None:
    # proves: F3
    truth = read_truth(videos / "truth.json")
    document = contents(run[1], "왼쪽/대화 1")
    who = people_of_truth(document, truth)
    assert sorted(who.values(), key=str) == [{0}, {1}]
    clear = sum(share >= CLEAR_SHARE for share in truth.visible)
    assert sum(len(person["boxes"]) for person in document["persons"]) > 0.97 * clear


def test_clips_show_their_person_in_step_with_the_sound(run) -> None:
    # proves: F4
    out = run[1]
    for clip in contents(out, "왼쪽/대화 1")["clips"]:
        path = out / clip["file"]
        frames = shown(path)
        assert frames[0][1].shape == (250, 250)
        light = np.array([luma.mean() for _, luma in frames])
        lit = [frames[i][0] for i in np.flatnonzero(np.diff(light) > 15) + 1]
        clicks = onsets(heard(path))
        assert lit and all(min(abs(at - click) for click in clicks) < 0.04 for at in lit)


def test_videos_of_the_same_name_keep_separate_results(run) -> None:
    out = run[1]
    left, right = (contents(out, f"{side}/대화 1") for side in ("왼쪽", "오른쪽"))
    assert left["persons"] == right["persons"]
    assert [Path(clip["file"]).parent for clip in right["clips"]] == [
        Path("오른쪽/대화 1.clips")
    ] * 2
    assert all((out / clip["file"]).is_file() for clip in left["clips"] + right["clips"])


def test_data_files_agree_with_each_other(run) -> None:
    # proves: F3
    out = run[1] / "왼쪽"
    document = contents(out, "대화 1")
    boxes = sum(len(person["boxes"]) for person in document["persons"])
    with (out / "대화 1.faces.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == boxes and {row["person"] for row in rows} == {"A", "B"}
    lines = (out / "대화 1.mot.txt").read_text().splitlines()
    assert len(lines) == boxes
    first = document["persons"][0]["boxes"][0]
    assert f"{first[0] + 1},1,{first[2]:g},{first[3]:g}" in "\n".join(lines)


def test_a_video_without_sound_gives_clips_without_sound(run) -> None:
    # proves: F6
    document = contents(run[1], "picture only")
    assert document["clips"] and not any(clip["sound"] for clip in document["clips"])
    with av.open(str(run[1] / document["clips"][0]["file"])) as clip:
        assert not clip.streams.audio and clip.streams.video


def test_a_rotated_video_is_shown_upright(run, videos: Path) -> None:
    # proves: F6
    document = contents(run[1], "phone")
    assert (document["picture"]["width"], document["picture"]["height"]) == (320, 240)
    who = people_of_truth(document, read_truth(videos / "truth.json"))
    assert sorted(who.values(), key=str) == [{0}, {1}]


def test_a_second_run_does_nothing(run, videos: Path) -> None:
    # proves: G12 G14
    out = run[1]
    before = written(out)
    again = reelmill("faces", videos, "-o", out, "--clip", "person", *OPTIONS)
    assert again.returncode == 1
    assert written(out) == before
    assert "8 recordings, 8 of them ended in an earlier run" in again.stderr
    checked = reelmill("verify", out)
    assert checked.returncode == 0, checked.stdout


def test_another_layout_reuses_the_detected_persons(run, videos: Path) -> None:
    # proves: F4 G12
    out, good = run[1], videos / "왼쪽" / "대화 1.mp4"
    options = ["--layout", "split", "--size", "120", *OPTIONS]
    assert reelmill("faces", good, "-o", out, *options).returncode == 0
    report = json.loads((out / "performance_report.json").read_text())
    worked = {one["name"]: one for one in report["stages"]}
    assert worked["detect_faces"]["done"] == 0 and worked["render_faces"]["done"] == 1
    assert colours(out / "왼쪽" / "대화 1.split.mp4")[0].shape == (120, 212, 3)
    assert reelmill("verify", out).returncode == 0


def test_clips_of_another_plan_replace_earlier_ones_and_verify_passes(run, videos: Path) -> None:
    # proves: G14
    out, good = run[1], videos / "왼쪽" / "대화 1.mp4"
    options = ["--target", "b", "--clip", "2", *OPTIONS]
    assert reelmill("faces", good, "-o", out, *options).returncode == 0
    names = sorted(path.name for path in (out / "왼쪽" / "대화 1.clips").iterdir())
    assert names and all(name.startswith("person B-00") for name in names)
    checked = reelmill("verify", out)
    assert checked.returncode == 0, checked.stdout
