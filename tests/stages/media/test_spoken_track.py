"""Which of several audio tracks is read, and how the others are reported."""

# proves: V1 G18

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from reelmill.artifacts import Audio
from reelmill.core.paths import ASSETS
from reelmill.core.recording import Recording, read_state
from reelmill.engine.stage import Inputs
from reelmill.media.audio.samples import open_samples
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.testing import context_of
from tests.media.make import clicks, write


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    sound, rate = soundfile.read(ASSETS / "samples" / "voicemail.wav", dtype="float32")
    return np.repeat(sound[None, : 6 * rate], 16_000 // rate, axis=1)


def read(path: Path, folder: Path, **settings: int) -> tuple[Audio, np.ndarray]:
    recording = Recording(path, path.name, folder, read_state(path))
    media = Probe().run(context_of(recording), Inputs([]))
    stage = Decode(**settings)
    audio = stage.run(context_of(recording, stage), Inputs([media]))
    return audio, np.array(open_samples(folder, audio))


def two(path: Path, first: np.ndarray, second: np.ndarray, container: str = "mp4") -> Path:
    return write(
        path, first, second, container=container, codec="aac", rate=16_000, languages=("eng", "spa")
    )


def test_the_track_with_speech_is_used_if_the_main_one_is_silent(tmp_path, speech):
    path = two(tmp_path / "x.mp4", np.zeros_like(speech), speech)
    audio, samples = read(path, tmp_path / "cache")
    assert audio.track == 1 and np.abs(samples.astype(int)).max() > 3000
    (finding,) = audio.problems
    assert (finding.label, finding.severity) == ("other audio tracks", "warning")
    assert "track 1 (aac, spa) was read, because nobody speaks in track 0" in finding.text
    assert "not in the result: track 0 (aac, eng); --track 0 " in finding.text


def test_noise_does_not_count_as_speech(tmp_path, speech):
    path = two(tmp_path / "x.mp4", clicks(6, 16_000, (1.0, 4.0)), speech)
    assert read(path, tmp_path / "cache")[0].track == 1


@pytest.mark.parametrize(("given", "track", "severity"), [({}, 0, "warning"), (1, 1, "info")])
def test_the_other_tracks_are_named(tmp_path, speech, given, track, severity):
    path = two(tmp_path / "x.mkv", speech, np.roll(speech, 8_000), "matroska")
    audio, _ = read(path, tmp_path / "cache", **({"track": given} if given else {}))
    assert audio.track == track
    (finding,) = audio.problems
    assert finding.severity == severity and f"--track {1 - track} " in finding.text


def test_the_main_track_is_used_if_all_are_silent(tmp_path, speech):
    silence = np.zeros_like(speech)
    path = two(tmp_path / "x.mp4", silence, silence)
    audio, samples = read(path, tmp_path / "cache")
    assert audio.track == 0 and len(samples) == pytest.approx(96_000, abs=1100)


def test_a_track_is_not_reported_as_truncated_because_another_is_longer(tmp_path, speech):
    path = two(tmp_path / "x.mkv", speech[:, :48_000], speech, "matroska")
    audio, _ = read(path, tmp_path / "cache")
    assert [finding.label for finding in audio.problems] == ["other audio tracks"]
