"""Small files that would take hours, gigabytes or a whole disk fail alone."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reelmill.core.recording import Recording, read_state
from reelmill.engine.stage import Inputs
from reelmill.errors import InputError, LimitError
from reelmill.media.audio.decode import SAMPLE_RATE, decode
from reelmill.media.audio.pcm_file import PcmFile
from reelmill.media.audio.samples import open_samples
from reelmill.media.limits import MediaLimits, limits
from reelmill.media.probe import probe
from reelmill.media.video.reader import open_pictures
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.testing import context_of
from tests.faults.kit import small_disk
from tests.media.make import in_format, large_picture, many_tracks


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Limits as a worker process has them: from its environment."""
    limits.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    limits.cache_clear()


def stage(path: Path, folder: Path) -> object:
    recording = Recording(path, path.stem, folder, read_state(path))
    media = Probe().run(context_of(recording), Inputs([]))
    return Decode().run(context_of(recording, Decode()), Inputs([media]))


def test_limits_reach_workers_through_the_environment() -> None:
    given = MediaLimits(max_tracks=3, max_pixels=10, max_silence=1.5, max_stretch=2.0)
    assert MediaLimits.of(given.variables()) == given
    assert MediaLimits.of({}) == MediaLimits()


def test_seconds_of_sound_that_state_ten_thousand_hours_are_refused(tmp_path: Path) -> None:
    # proves: G8 G12
    path = in_format(tmp_path / "bomb.mkv", "mka-aac", gap=(3.0, 10_000 * 3600.0))
    assert path.stat().st_size < 200_000
    with pytest.raises(LimitError, match=r"bomb\.mkv: .*states 10000\.0 h.* -o"):
        stage(path, tmp_path / "cache")
    with pytest.raises(LimitError, match=r"bomb\.mkv: .* 24\.0 h allowed; --max-silence"):
        decode(path, io.BytesIO())
    assert not list(tmp_path.rglob("*.pcm*"))


def test_a_day_of_silence_around_seconds_of_sound_is_refused(
    tmp_path: Path, limited: pytest.MonkeyPatch
) -> None:
    # proves: G8
    path = in_format(tmp_path / "bomb.mkv", "mka-aac", gap=(3.0, 3 * 3600.0))
    with pytest.raises(LimitError, match=r"bomb\.mkv: 5\.\d s of sound .* 3\.0 h.*--max-stretch"):
        stage(path, tmp_path / "cache")
    limited.setenv("REELMILL_MAX_STRETCH", "10000")
    limits.cache_clear()
    audio = stage(path, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    assert file.stat().st_size == 2 * audio.samples > 3 * 3600 * 2 * SAMPLE_RATE
    assert file.stat().st_blocks * 512 < 1 << 20, "silence takes no room"
    samples = open_samples(tmp_path / "cache", audio)
    assert not samples[5 * SAMPLE_RATE : 3600 * SAMPLE_RATE].any()
    assert np.abs(samples[-2 * SAMPLE_RATE :]).max() > 3000


def test_silence_at_the_end_is_part_of_the_file(tmp_path: Path) -> None:
    sound = np.zeros((1, 600_000), np.float32)
    sound[0, :1000] = 0.5
    path = in_format(tmp_path / "a.wav", "wav", sound)
    with (tmp_path / "sparse").open("wb") as file:
        sink = PcmFile(file, path)
        decode(path, sink)
        sink.finish()
    plain = io.BytesIO()
    decode(path, plain)
    assert (tmp_path / "sparse").read_bytes() == plain.getvalue()


@pytest.mark.parametrize("rate", [1, 2, 100])
def test_a_very_low_sample_rate_does_not_become_days_of_sound(rate: int, tmp_path: Path) -> None:
    # proves: G7 G8
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.tile([0.5, -0.5], 3000), rate, subtype="PCM_16")
    with pytest.raises(InputError, match=rf"slow\.wav: {rate} samples per second"):
        decode(path, io.BytesIO())


def test_sound_with_a_low_rate_is_resampled_in_small_blocks(tmp_path: Path) -> None:
    # proves: G7
    path = tmp_path / "slow.wav"
    soundfile.write(path, np.tile([0.5, -0.5], 100_000), 1000, subtype="PCM_16")
    pieces: list[int] = []

    class Sink:
        def write(self, data: bytes | memoryview) -> int:
            pieces.append(len(data))
            return len(data)

    assert decode(path, Sink()).samples / SAMPLE_RATE == pytest.approx(200, abs=0.1)
    assert max(pieces) < 2 * SAMPLE_RATE * 20


@pytest.mark.parametrize("container", ["matroska", "mov", "mpegts"])
def test_too_many_tracks_are_refused(
    container: str, tmp_path: Path, limited: pytest.MonkeyPatch
) -> None:
    # proves: G7 G8
    path = many_tracks(tmp_path / f"tracks.{container}", 70, container)
    told = rf"tracks\.{container}: has 70 audio and video tracks.*--max-tracks"
    with pytest.raises(LimitError, match=told):
        probe(path)
    limited.setenv("REELMILL_MAX_TRACKS", "70")
    limits.cache_clear()
    assert len(probe(path).audio) == 70


def test_a_picture_with_too_many_pixels_is_refused(
    tmp_path: Path, limited: pytest.MonkeyPatch
) -> None:
    # proves: G7 G8
    path = large_picture(tmp_path / "large.mkv", 640, 480)
    limited.setenv("REELMILL_MAX_PIXELS", str(640 * 480 - 1))
    limits.cache_clear()
    assert len(probe(path).video) == 1, "its sound, if it has any, can be heard"
    with (
        pytest.raises(LimitError, match=r"large\.mkv: .* 307199 pixels .*--max-pixels"),
        open_pictures(path) as pictures,
    ):
        list(pictures.between(0, 10))
    limited.setenv("REELMILL_MAX_PIXELS", str(640 * 480 * 2))
    limits.cache_clear()
    with open_pictures(path) as pictures:
        assert len(list(pictures.between(0, 10))) == 3


def test_a_decoder_that_needs_more_than_the_worker_memory_fails_its_recording(
    tmp_path: Path,
) -> None:
    # proves: G7
    path = large_picture(tmp_path / "large.mkv", 6000, 4000)
    code = (
        "import sys; from pathlib import Path\n"
        "from reelmill.media.video.reader import open_pictures\n"
        "from reelmill.engine.process.cpu_worker import limit_memory\n"
        "limit_memory(int(sys.argv[2]))\n"
        "try:\n"
        "    with open_pictures(Path(sys.argv[1])) as pictures:\n"
        "        print(len(list(pictures.between(0, 10))))\n"
        "except Exception as error:\n"
        "    print(type(error).__mro__, error)\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", code, str(path), megabytes],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for megabytes in ("110", "2000")
    ]
    assert "MemoryError" in told[0] or "--worker-memory" in told[0]
    assert told[1].strip() == "3"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with small_disk(folder, "6m"):
        yield folder


def test_a_sound_too_large_for_the_disk_fails_alone(disk: Path, tmp_path: Path) -> None:
    # proves: G8 G12
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 48_000 * 250)).astype(np.float32)
    stated = in_format(tmp_path / "long.wav", "wav", noise[:, : 22_050 * 250])
    with pytest.raises(
        LimitError, match=r"long\.wav: .*header states \d+ s, which takes \d+ MB.* are free"
    ):
        stage(stated, disk)
    silent_about_it = in_format(tmp_path / "long.aac", "aac", noise)
    with pytest.raises(LimitError, match=r"long\.aac: its decoded audio does not fit.*left"):
        stage(silent_about_it, disk)
    assert list(disk.iterdir()) == []
    assert stage(in_format(tmp_path / "a.wav", "wav"), disk)


def test_a_disk_filled_by_others_fails_no_recording(disk: Path, tmp_path: Path) -> None:
    # proves: G8
    (disk / "ballast").write_bytes(bytes((6 << 20) - (300 << 10)))
    noise = np.random.default_rng(1).normal(0, 0.1, (1, 22_050 * 20)).astype(np.float32)
    with pytest.raises(OSError, match="No space left"):
        stage(in_format(tmp_path / "a.wav", "wav", noise), disk)


def test_sound_that_cannot_be_resampled_is_not_reported_as_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reelmill.media.audio import mixdown

    monkeypatch.setattr(mixdown.Mixdown, "_pull", lambda self: 0)
    with pytest.raises(InputError, match=r"a\.wav: its sound at 22050 Hz cannot be resampled"):
        decode(in_format(tmp_path / "a.wav", "wav"), io.BytesIO())
