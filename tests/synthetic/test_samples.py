"""The recordings that ship with the program."""

import json
from importlib.resources import files
from pathlib import Path

import av
import pytest

SAMPLES = Path(str(files("reelmill"))) / "assets" / "samples"
FILMS = SAMPLES.parent / "films"
TRUTHS = sorted((SAMPLES / "truth").glob("*.json"))


def load(truth: Path) -> dict:
    return json.loads(truth.read_text(encoding="utf-8"))


def test_there_are_a_dozen_small_recordings():
    recordings = [file for file in SAMPLES.iterdir() if file.is_file()]
    assert len(recordings) == 12
    assert {file.suffix for file in recordings} == {".m4a", ".mp3", ".ogg", ".wav"}
    assert sum(file.stat().st_size for file in recordings) < 2_000_000


def test_every_recording_has_its_truth():
    recordings = {file.name for file in SAMPLES.iterdir() if file.is_file()}
    assert {load(truth)["file"] for truth in TRUTHS} == recordings
    assert {truth.name for truth in TRUTHS} == {f"{name}.json" for name in recordings}


def test_names_have_what_users_have():
    names = [file.name for file in SAMPLES.iterdir()]
    assert any(" " in name and "가" <= name[0] <= "힣" for name in names)


@pytest.mark.parametrize("truth", TRUTHS, ids=lambda truth: truth.stem)
def test_truth_matches_the_sound(truth: Path):
    content = load(truth)
    file = SAMPLES / content["file"]
    if content.get("broken"):
        with pytest.raises(av.FFmpegError), av.open(str(file)) as container:
            next(container.decode(audio=0))
        return
    with av.open(str(file)) as container:
        assert container.streams.audio[0].channels == 1
        rate = container.streams.audio[0].rate
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / rate == pytest.approx(content["duration"], abs=0.2)
    last = 0.0
    for said in content["utterances"]:
        assert last <= said["start"] < said["end"] <= content["duration"]
        assert said["speaker"] in content["speakers"]
        assert [word["start"] for word in said["words"]] == sorted(
            word["start"] for word in said["words"]
        )
        assert min(word["end"] - word["start"] for word in said["words"]) > 0.03
        assert said["audible"]
        last = said["end"]


def test_samples_have_something_for_every_stage():
    said = [one for truth in TRUTHS for one in load(truth)["utterances"]]
    assert {one["language"] for one in said} == {"en", "ko", "ja"}
    assert {"threat", "coercion", "promise", "money", "hedging"} <= {one["kind"] for one in said}


def test_the_film_says_what_its_truth_states():
    # proves: S1
    (film,) = FILMS.glob("*.mp4")
    assert film.stat().st_size < 2_000_000
    assert any("一" <= letter <= "龯" for letter in film.stem)
    assert any("가" <= letter <= "힣" for letter in film.stem) and " " in film.stem
    content = load(FILMS / "truth" / f"{film.name}.json")
    assert content["file"] == film.name and content["language"] == "ja"
    assert 20 <= content["duration"] <= 40
    with av.open(str(film)) as container:
        assert container.duration / av.time_base == pytest.approx(content["duration"], abs=0.1)
        assert len(container.streams.video) == len(container.streams.audio) == 1
    ends = [0.0]
    for said in content["utterances"]:
        assert ends[-1] < said["start"] < said["end"] <= content["duration"]
        assert said["translations"]["ko"] and said["translations"]["en"]
        ends.append(said["end"])


def test_the_video_of_people_matches_its_truth():
    folder = SAMPLES.parent / "people"
    (video,) = folder.glob("*.mp4")
    assert video.stat().st_size <= 3_000_000
    assert " " in video.name and "가" <= video.name[0] <= "힣"
    truth = load(folder / "truth" / f"{video.name}.json")
    with av.open(str(video)) as container:
        picture, sound = container.streams.video[0], container.streams.audio[0]
        assert (picture.width, picture.height) == (truth["width"], truth["height"])
        assert picture.frames == truth["frames"]
        assert float(sound.duration * sound.time_base) == pytest.approx(
            truth["frames"] / truth["rate"], abs=0.1
        )
    assert len(truth["names"]) == 3 and len(truth["cuts"]) >= 3
    assert set(truth["person"]) == {0, 1, 2}
    assert len(truth["box"]) == len(truth["frame"]) == len(truth["visible"])
