"""The decode stage: its file appears whole or not at all, and the original stays as it was."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from reelmill.artifacts import Audio
from reelmill.core.recording import Recording, read_state
from reelmill.engine.stage import Inputs
from reelmill.errors import InputError, is_disk_full
from reelmill.media.audio.samples import open_samples, window
from reelmill.stages.media import spoken_track
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.testing import context_of
from tests.media.make import clicks, in_format, write


def recording_of(path, folder) -> Recording:
    return Recording(path, path.name, folder, read_state(path))


def run(recording: Recording, **settings) -> Audio:
    stage, media = Decode(**settings), Probe().run(context_of(recording), Inputs([]))
    return stage.run(context_of(recording, stage), Inputs([media]))


def test_decode(tmp_path):  # proves: V1 G13 G14
    path = in_format(tmp_path / "x.m4a", "m4a")
    recording = recording_of(path, tmp_path / "cache" / "ab" / "cd")
    audio = run(recording)
    assert audio.sample_rate == 16_000 and audio.duration == pytest.approx(5.0, abs=0.07)
    assert [file.name for file in recording.folder.iterdir()] == audio.sidecars()
    assert read_state(path) == recording.state

    samples = open_samples(recording.folder, audio)
    assert samples.shape == (audio.samples,)
    sound = window(samples, 1.99, 2.02)
    assert sound.dtype == np.float32 and 0.5 < np.abs(sound).max() <= 1.0
    assert len(window(samples, 4.0, 400.0)) == audio.samples - 64_000
    assert len(window(samples, 3.0, 2.0)) == 0
    with pytest.raises(ValueError, match="read-only"):
        samples[0] = 1


def test_tracks_have_files_of_their_own(tmp_path):  # proves: V1 G12
    first, second = clicks(1, 16_000, (0.3,)), clicks(2, 16_000, (0.3,))
    path = write(tmp_path / "x.mkv", first, second, container="matroska", codec="flac", rate=16_000)
    recording = recording_of(path, tmp_path / "cache")
    audios = [run(recording, track=track) for track in (None, 0, 1)]
    assert len({audio.file for audio in audios}) == 3
    assert [audio.track for audio in audios] == [0, 0, 1]
    assert Decode().fingerprint() != Decode(track=1).fingerprint()


def test_video_without_sound(tmp_path):  # proves: G8
    path = write(tmp_path / "x.mp4", container="mp4", codec="aac", rate=16_000, video=True)
    recording = recording_of(path, tmp_path / "cache")
    with pytest.raises(InputError, match="has no sound"):
        run(recording)
    assert not recording.folder.exists()


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):  # proves: G8 G12
    def fill(recording, sink, *more):
        sink.write(b"some")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(spoken_track, "decode", fill)
    recording = recording_of(in_format(tmp_path / "x.wav", "wav"), tmp_path / "cache")
    with pytest.raises(OSError) as error:
        run(recording)
    assert is_disk_full(error.value)
    assert list(recording.folder.iterdir()) == []


def test_samples_that_were_tampered_with_are_not_used(tmp_path):  # proves: G12
    recording = recording_of(in_format(tmp_path / "x.wav", "wav"), tmp_path / "cache")
    audio = run(recording)
    (recording.folder / audio.file).write_bytes(b"short")
    with pytest.raises(InputError, match="bytes"):
        open_samples(recording.folder, audio)
    (recording.folder / audio.file).unlink()
    with pytest.raises(InputError, match="gone"):
        open_samples(recording.folder, audio)


def test_where_sound_is_not_required_its_lack_is_a_finding(tmp_path):  # proves: F8 G8
    silent = write(tmp_path / "x.mp4", container="mp4", codec="aac", rate=16_000, video=True)
    sound = clicks(1, 16_000, (0.3,))
    whole = write(tmp_path / "y.mp4", sound, container="mp4", codec="aac", rate=16_000, video=True)
    unknown = tmp_path / "z.mp4"
    unknown.write_bytes(whole.read_bytes().replace(b"mp4a", b"zzzz").replace(b"esds", b"zzzz"))
    for path, label in ((silent, "no sound"), (unknown, "sound not read")):
        recording = recording_of(path, tmp_path / "cache" / path.stem)
        audio = run(recording, required=False)
        assert (audio.samples, [one.label for one in audio.problems]) == (0, [label])
        assert len(open_samples(recording.folder, audio)) == 0
        with pytest.raises(InputError):
            run(recording)
    assert run(recording_of(whole, tmp_path / "cache" / "y"), required=False).samples > 15_000
