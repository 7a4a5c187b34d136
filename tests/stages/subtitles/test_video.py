"""Copies of a video are made if they have something to show."""

# proves: S5 S6 G21

from __future__ import annotations

import av
import pytest

from reelmill.artifacts import Media, SubtitleCue, Subtitles, SubtitleTrack
from reelmill.core.recording import Recording, read_state
from reelmill.engine.stage import Inputs
from reelmill.errors import UsageError
from reelmill.media import fonts
from reelmill.stages.media.probe import Probe
from reelmill.stages.subtitles.video import Burn, Mux
from reelmill.testing import context_of
from tests.film_clips import hush, video
from tests.media.make import write
from tests.media.video.test_mux import film as make
from tests.media.video.test_mux import notes


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
def test_no_copy_is_made_without_subtitles(film, tmp_path, stage_type):
    out = tmp_path / "out"
    stage = stage_type(root=out)
    result = stage.run(context_of(film, stage), inputs(film, ko=[], en=[]))
    assert result.files == [] and list(out.glob("*")) in ([], [out / ".cache"])
    (finding,) = result.summary().findings
    assert finding.text.endswith("(ko, en): no text") and finding.severity == "warning"


def test_no_empty_track_is_added(film, tmp_path):
    stage = Mux(root=tmp_path / "out")
    result = stage.run(context_of(film, stage), inputs(film, ko=[], en=shown("Hello.")))
    (file,) = result.files
    with av.open(str(tmp_path / "out" / file.path)) as copy:
        assert [stream.metadata["language"] for stream in copy.streams.subtitles] == ["eng"]
    assert [finding.text for finding in result.findings] == [
        "no subtitle track added (ko): no text"
    ]


def test_of_two_languages_one_copy_is_burned(film, tmp_path):
    stage = Burn(root=tmp_path / "out")
    result = stage.run(context_of(film, stage), inputs(film, ko=[], en=shown("Hello.")))
    assert [file.path for file in result.files] == ["film.en.burned.mkv"]
    assert len(result.findings) == 1


def test_sound_without_a_picture_gets_no_copy_and_does_not_fail(tmp_path):
    (tmp_path / "in").mkdir()
    path = write(tmp_path / "in" / "call.m4a", hush(1.0), container="mp4", codec="aac", rate=16_000)
    call = Recording(path, "call", tmp_path / "out" / ".cache", read_state(path))
    for stage in (Mux(root=tmp_path / "out"), Burn(root=tmp_path / "out")):
        result = stage.run(context_of(call, stage), inputs(call, ko=shown("네.")))
        (finding,) = result.summary().findings
        assert result.files == [] and "no picture" in finding.text
        assert finding.severity == "warning"


def test_a_language_that_cannot_be_burned_does_not_affect_the_others_or_the_tracks(film, tmp_path):
    # U+1EEBB: an Arabic mathematical letter that hardly any font has.
    tracks = inputs(film, xx=shown("\U0001eebb"), en=shown("Hello."))
    burning, muxing = Burn(root=tmp_path / "out"), Mux(root=tmp_path / "out")
    result = burning.run(context_of(film, burning), tracks)
    if not result.findings:
        pytest.skip("a font here has even that letter")
    (finding,) = result.findings
    assert [file.path for file in result.files] == ["film.en.burned.mkv"]
    assert finding.severity == "grave" and "(xx)" in finding.text
    assert len(muxing.run(context_of(film, muxing), tracks).files) == 1


BLU_RAY = {"sound": "pcm_bluray", "of": {"mpegts_m2ts_mode": "1"}}


@pytest.mark.parametrize(
    ("made_of", "severity", "text"),
    [
        ({"finish": notes}, "warning", "not in {}: data timed_id3"),
        (BLU_RAY, "info", "in {} as plain PCM, sample for sample: audio pcm_bluray"),
    ],
)
def test_differences_of_a_copy_are_findings(made_of, severity, text, tmp_path):
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in" / "disc.ts", "mpegts", **made_of)
    disc = Recording(path, "disc", tmp_path / "out" / ".cache", read_state(path))
    stage = Mux(root=tmp_path / "out")
    result = stage.run(context_of(disc, stage), inputs(disc, ko=shown("네.")))
    assert [(one.severity, one.text) for one in result.findings] == [
        (severity, text.format("the copy with subtitle tracks"))
    ]


def test_the_new_track_is_shown_by_default_on_request(film, tmp_path):
    stage = Mux(root=tmp_path / "out", as_default=True)
    result = stage.run(context_of(film, stage), inputs(film, ko=shown("네."), en=shown("Yes.")))
    with av.open(str(tmp_path / "out" / result.files[0].path)) as copy:
        assert [int(stream.disposition) for stream in copy.streams.subtitles] == [1, 0]


def test_fonts_are_checked_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts, "lacking", lambda letters, font: frozenset(letters))
    with pytest.raises(UsageError, match=r"Thai letters \(th\).*fonts-noto-core"):
        Burn(root=tmp_path, languages=("th",))
