"""The probe stage."""

from __future__ import annotations

from reelmill.artifacts import Media
from reelmill.core.recording import Recording, read_state
from reelmill.engine.stage import Inputs
from reelmill.stages.media.probe import Probe
from reelmill.testing import context_of
from tests.media.make import in_format


def test_probe_lists_tracks_and_duration(tmp_path):  # proves: V1 G13
    path = in_format(tmp_path / "x.m4a", "m4a")
    recording = Recording(path, "x", tmp_path / "cache", read_state(path))
    media = Probe().run(context_of(recording), Inputs([]))
    assert isinstance(media, Media)
    assert [track.codec for track in media.audio] == ["aac"]
    assert not recording.folder.exists()
