"""Copies of a video are made for what can be seen in them."""

# proves: S5 S6

from __future__ import annotations

import av
import pytest

from reelmill.artifacts import Media, SubtitleCue, Subtitles, SubtitleTrack
from reelmill.core.recording import Recording, read_state
from reelmill.engine.stage import Inputs
from reelmill.stages.media.probe import Probe
from reelmill.stages.subtitles.video import Burn, Mux
from reelmill.testing import context_of
from tests.film_clips import hush, video


@pytest.fixture
def film(tmp_path) -> Recording:
    path = video(tmp_path / "in" / "film.mkv", hush(2.0))
    return Recording(path, "film", tmp_path / "out" / ".cache", read_state(path))


def inputs(film: Recording, **cues: list[SubtitleCue]) -> Inputs:
    media: Media = Probe().run(context_of(film), Inputs([]))
    tracks = [SubtitleTrack(language, found, []) for language, found in cues.items()]
    return Inputs([media, Subtitles("ja", "demo", 2.0, tracks)])


def shown(text: str) -> list[SubtitleCue]:
    return [SubtitleCue(0.2, 1.8, [text], [])]


@pytest.mark.parametrize("stage_type", [Mux, Burn])
def test_no_copy_with_nothing_in_it(film, tmp_path, stage_type):
    out = tmp_path / "out"
    stage = stage_type(root=out)
    result = stage.run(context_of(film, stage), inputs(film, ko=[], en=[]))
    assert result.files == [] and list(out.glob("*")) in ([], [out / ".cache"])
    (finding,) = result.summary().findings
    assert finding.text.endswith("(ko, en): no text") and finding.severity == "warning"


def test_no_empty_track(film, tmp_path):
    stage = Mux(root=tmp_path / "out")
    result = stage.run(context_of(film, stage), inputs(film, ko=[], en=shown("Hello.")))
    (file,) = result.files
    with av.open(str(tmp_path / "out" / file.path)) as copy:
        assert [stream.metadata["language"] for stream in copy.streams.subtitles] == ["eng"]
    assert [finding.text for finding in result.findings] == [
        "no subtitle track added (ko): no text"
    ]


def test_one_copy_of_two_is_burned(film, tmp_path):
    stage = Burn(root=tmp_path / "out")
    result = stage.run(context_of(film, stage), inputs(film, ko=[], en=shown("Hello.")))
    assert [file.path for file in result.files] == ["film.en.burned.mkv"]
    assert len(result.findings) == 1
