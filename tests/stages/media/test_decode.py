"""The decode stage: its file appears whole or not at all, and the original stays as it was."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import soundfile

from reelmill.artifacts import Audio
from reelmill.core.recording import Recording, read_state
from reelmill.engine.stage import Inputs
from reelmill.errors import InputError, LimitError, is_disk_full
from reelmill.media.audio.pcm_file import PcmFile
from reelmill.media.audio.samples import open_samples, window
from reelmill.stages.media import spoken_track
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.testing import context_of
from tests.media.make import RATE, clicks, in_format, write
from tests.media.two_channels import people, write_call


def recording_of(path, folder) -> Recording:
    return Recording(path, path.name, folder, read_state(path))


def run(recording: Recording, **settings) -> Audio:
    stage, media = Decode(**settings), Probe().run(context_of(recording), Inputs([]))
    return stage.run(context_of(recording, stage), Inputs([media]))


def test_decode_writes_the_sound_beside_the_artifact(tmp_path):  # proves: V1 G13 G14
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


def test_tracks_have_separate_files(tmp_path):  # proves: V1 G12
    first, second = clicks(1, 16_000, (0.3,)), clicks(2, 16_000, (0.3,))
    path = write(tmp_path / "x.mkv", first, second, container="matroska", codec="flac", rate=16_000)
    recording = recording_of(path, tmp_path / "cache")
    audios = [run(recording, track=track) for track in (None, 0, 1)]
    assert len({audio.file for audio in audios}) == 3
    assert [audio.track for audio in audios] == [0, 0, 1]
    assert Decode().fingerprint() != Decode(track=1).fingerprint()


def test_a_video_without_sound_is_refused(tmp_path):  # proves: G8
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


def test_missing_sound_is_a_finding_if_it_is_not_required(tmp_path):  # proves: F8 G8
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


def test_channels_that_cancel_each_other_are_inverted(tmp_path):  # proves: V10
    a, _ = people()
    audio = run(recording_of(write_call(tmp_path / "x.flac", a, -a), tmp_path / "cache"))
    samples = open_samples(tmp_path / "cache", audio)
    assert np.abs(samples.astype(int)).max() == pytest.approx(32767 * np.abs(a).max(), rel=0.01)
    (finding,) = audio.problems
    assert (finding.label, finding.severity) == ("channels", "info")
    assert "inverted" in finding.text and audio.channels == []


def test_channels_with_one_person_each_have_separate_files(tmp_path):  # proves: V10
    a, b = people()
    recording = recording_of(write_call(tmp_path / "x.flac", a, b), tmp_path / "cache")
    audio = run(recording)
    assert [channel.name for channel in audio.channels] == ["left", "right"]
    for (name, sound), said in zip(audio.sounds(), (a, b), strict=True):
        kept = open_samples(recording.folder, sound) / 32768
        assert name in sound.file and np.abs(kept - said).max() < 1e-3
    together = open_samples(recording.folder, audio) / 32768
    assert np.abs(together - (a + b) / 2).max() < 1e-3
    assert sorted(file.name for file in recording.folder.iterdir()) == sorted(audio.sidecars())
    assert run(recording, channels="mix").channels == []
    assert run(recording, channels="1").sounds()[0][0] is None
    with pytest.raises(InputError, match=r"x\.flac: there is no channel 3"):
        run(recording, channels="3")


@pytest.mark.parametrize("count", [4, 8, 16])
def test_channels_of_any_layout_keep_their_order(tmp_path, count):  # proves: V10
    expected = [(number + 1) / 20 for number in range(count)]
    sounds = [np.full(RATE, level, np.float32) for level in expected]
    soundfile.write(tmp_path / "x.wav", np.stack(sounds, axis=1), RATE)
    audio = run(recording_of(tmp_path / "x.wav", tmp_path / "cache"), channels="split")
    levels = [open_samples(tmp_path / "cache", one).mean() / 32768 for _, one in audio.sounds()]
    assert levels == pytest.approx(expected, abs=0.01)


def test_mono_after_stereo_is_in_both_channels(tmp_path):  # proves: V10 G18
    a, b = people()
    for name, sound in (("a", np.stack([a, b], axis=1)), ("b", a[: 5 * RATE])):
        soundfile.write(tmp_path / f"{name}.wav", sound, RATE)
    joined = tmp_path / "x.wav"
    joined.write_bytes((tmp_path / "a.wav").read_bytes() + (tmp_path / "b.wav").read_bytes())
    audio = run(recording_of(joined, tmp_path / "cache"), channels="split")
    assert audio.duration == pytest.approx(25.0, abs=0.01)
    for _, sound in audio.sounds():
        assert np.abs(open_samples(tmp_path / "cache", sound)[20 * RATE :]).max() > 3000


@pytest.mark.parametrize("name", ["wav", "webm"])
def test_a_recording_that_is_too_long_fails_and_leaves_nothing(tmp_path, name):  # proves: W2 G7
    path = in_format(tmp_path / f"x.{name}", name)
    recording = recording_of(path, tmp_path / "cache")
    with pytest.raises(LimitError, match=rf"x\.{name}: longer than 4 s.*--max-duration"):
        run(recording, longest=4.0)
    assert not recording.folder.exists() or not [*recording.folder.iterdir()]
    assert run(recording, longest=6.0).duration == pytest.approx(5.0, abs=0.07)


def test_a_length_that_the_header_does_not_state_is_limited_too(tmp_path):  # proves: W2 G7
    with (tmp_path / "sound").open("wb") as file:
        sink = PcmFile(file, tmp_path / "x.wav", longest=2.0)
        sink.expect(1.0)
        sink.write(bytes(64_000))
        with pytest.raises(LimitError, match="longer than 2 s"):
            sink.write(bytes(2))
