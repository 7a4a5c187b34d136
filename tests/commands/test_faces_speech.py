"""`reelmill faces --follow speaker --captions` as a user runs it, in one call: videos with speech,
with none, and without sound.

# proves: F8
"""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from synthetic.movie import SoundTrack, write_movie
from synthetic.videos import Script, make_video
from tests.commands.test_faces import OPTIONS, reelmill, without_sound
from tests.film_clips import clip
from tests.media.films import colours
from tests.models.faces.test_lr_asd import state
from tests.models.torch_files import save_zip

SCRIPT = Script(
    seconds=4, width=320, height=240, persons=1, sizes=(60, 70), leaving=0, speed=0.3, seed=5
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple:
    folder = tmp_path_factory.mktemp("talks")
    make_video(folder / "clicks.mp4", SCRIPT)
    spoken = clip(0).samples[0, : 4 * 16_000]
    sound = SoundTrack(np.repeat(spoken, 3).astype(np.float32), 48_000)
    write_movie(folder / "talk.mp4", colours(folder / "clicks.mp4"), Fraction(25), sound)
    without_sound(folder / "clicks.mp4", folder / "silent.mkv")
    weights = save_zip(folder / "small.model", state())
    out = tmp_path_factory.mktemp("out")
    options = ["--follow", "speaker", "--active-speaker", weights, "--captions", "--model", "demo"]
    options += ["--aspect", "9:16,1:1", "--size", "120", "--names", "A=Kim", "--workers", "2"]
    return reelmill("faces", folder, "-o", out, *options, *OPTIONS), out, folder


def test_one_call_makes_clips_captions_and_transcript(run) -> None:
    done, out, _ = run
    assert done.returncode == 0, done.stderr
    for name in ("talk", "clicks", "silent"):
        document = json.loads((out / f"{name}.faces.json").read_text())
        assert [person["name"] for person in document["persons"]] == ["Kim"]
        for shape, size in (("9x16", (120, 212)), ("1x1", (120, 120))):
            with av.open(str(out / f"{name}.follow-{shape}.mp4")) as video:
                frames = [(f.width, f.height) for f in video.decode(video=0)]
                assert len(frames) == 100 and set(frames) == {size}
                assert bool(video.streams.audio) == (name != "silent")


def test_the_transcript_has_the_names_of_speakers(run) -> None:
    _, out, _ = run
    document = json.loads((out / "talk.faces.json").read_text())
    who = {"Kim", *(f"Voice {one['voice']}" for one in document["unseen_voices"])}
    told = json.loads((out / "talk.json").read_text())
    assert told["segments"] and {one["speaker"] for one in told["segments"]} <= who
    assert (out / "talk.srt").read_text().strip()
    report = json.loads((out / "performance_report.json").read_text())
    found = {Path(one["file"]).name: one["findings"] for one in report["recording_findings"]}
    assert "no sound" in [one["label"] for one in found["silent.mkv"]]


def test_names_are_kept_for_later_runs_on_the_folder(run) -> None:
    _, out, folder = run
    done = reelmill("faces", folder / "clicks.mp4", "-o", out, *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert [file.name for file in (out / "clicks.clips").iterdir()] == ["Kim-001.mp4"]
