"""Decoding: all of the sound, at its time, from any format."""

from __future__ import annotations

import io
import subprocess
import sys

import av
import numpy as np
import pytest
import soundfile

from reelmill.errors import InputError
from reelmill.media.audio.decode import Decoded, decode
from tests.media.make import FORMATS, RATE, clicks, in_format, onset, write

CLICKS = (0.5, 2.0, 4.5)

#: Encoder delay that neither container nor codec declares; it stays in the sound.
UNDECLARED = {"aac": 1024 / 44_100, "ts": 1024 / 48_000, "wma": 2048 / 44_100}


def decoded(path, track=None) -> tuple[np.ndarray, Decoded]:
    sink = io.BytesIO()
    result = decode(path, sink, track)
    samples = np.frombuffer(sink.getvalue(), "<i2")
    assert len(samples) == result.samples
    return samples, result


@pytest.mark.parametrize("name", FORMATS)
def test_decoding_keeps_length_and_times(tmp_path, name):  # proves: V1 V2
    samples, result = decoded(in_format(tmp_path / "x", name))
    delay = UNDECLARED.get(name, 0.0)
    for click in CLICKS:
        assert onset(samples, click) == pytest.approx(click + delay, abs=0.003)
    assert len(samples) / RATE == pytest.approx(5.0, abs=0.07)  # the last AAC frame's padding
    assert result.problems == []


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8, 16])
def test_all_rates_and_channels_are_decoded(tmp_path, rate, channels):  # proves: V1
    path = tmp_path / "x.wav"
    soundfile.write(path, clicks(1, rate, (0.3,), channels).T, rate)
    samples, _ = decoded(path)
    assert len(samples) == pytest.approx(RATE, abs=1)
    assert onset(samples, 0.3) == pytest.approx(0.3, abs=0.002)
    assert np.abs(samples.astype(int)).max() == pytest.approx(0.7 * 32768, rel=0.1)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_all_sample_formats_are_decoded(tmp_path, subtype):  # proves: V1
    path = tmp_path / "x.wav"
    soundfile.write(path, clicks(1, 16_000, (0.3,))[0], 16_000, subtype=subtype)
    samples, _ = decoded(path)
    assert np.abs(samples.astype(int)).max() == pytest.approx(0.7 * 32768, rel=0.03)


@pytest.mark.parametrize("channels", [2, 6, 8])
def test_the_mixed_sound_contains_every_channel(tmp_path, channels):  # proves: V1
    sound = np.zeros((8000 * channels, channels), np.float32)
    for channel in range(channels):  # each has its own half second, also the LFE
        sound[8000 * channel : 8000 * (channel + 1), channel] = 0.9 * np.sin(np.arange(8000) / 5)
    path = tmp_path / "x.wav"
    soundfile.write(path, sound, 16_000)
    samples, _ = decoded(path)
    peaks = np.abs(samples.astype(int)).reshape(channels, 8000)[:, 1000:7000].max(axis=1)
    np.testing.assert_allclose(peaks, 0.9 * 32768 / channels, rtol=0.02)


def test_full_scale_on_both_channels_does_not_clip(tmp_path):  # proves: V1
    tone = np.float32(0.99) * np.sin(np.arange(16_000) / 7).astype(np.float32)
    path = write(
        tmp_path / "x.flac", np.stack([tone, tone]), container="flac", codec="flac", rate=16_000
    )
    samples, _ = decoded(path)
    np.testing.assert_allclose(samples, tone * 32768, atol=2)


@pytest.mark.parametrize("name", ["m4a", "mka-aac", "webm", "ts"])
def test_sound_that_starts_late_keeps_its_time(tmp_path, name):  # proves: V2
    container, codec, rate = FORMATS[name]
    path = write(
        tmp_path / "x",
        clicks(3, rate, (0.5, 2.0)),
        container=container,
        codec=codec,
        rate=rate,
        offset=1.5,
        video=True,
    )
    samples, _ = decoded(path)
    assert onset(samples, 2.0) == pytest.approx(2.0, abs=0.005)
    assert onset(samples, 3.5) == pytest.approx(3.5, abs=0.005)
    assert not samples[:RATE].any()


@pytest.mark.parametrize("name", ["mka-aac", "webm"])
def test_a_gap_is_filled_with_silence(tmp_path, name):  # proves: V1 V2
    path = in_format(tmp_path / "x", name, gap=(3.0, 10.0))
    samples, result = decoded(path)
    assert onset(samples, 2.0) == pytest.approx(2.0, abs=0.005)
    assert onset(samples, 14.5) == pytest.approx(14.5, abs=0.025)  # up to one frame of a codec
    assert not samples[4 * RATE : 12 * RATE].any()
    assert len(samples) / RATE == pytest.approx(15.0, abs=0.07)
    (gap,) = result.problems
    assert (gap.label, gap.severity) == ("missing sound", "warning")
    assert gap.start == pytest.approx(3.0, abs=0.05) and gap.text.startswith("no sound for ")


def two_tracks(tmp_path):
    first, second = clicks(3, 16_000, (1.0,)), clicks(3, 16_000, (2.0,))
    return write(tmp_path / "x.mkv", first, second, container="matroska", codec="aac", rate=16_000)


@pytest.mark.parametrize(("track", "index", "click"), [(None, 0, 1.0), (0, 0, 1.0), (1, 1, 2.0)])
def test_the_chosen_track_is_decoded(tmp_path, track, index, click):  # proves: V1
    samples, result = decoded(two_tracks(tmp_path), track)
    assert result.track == index
    assert onset(samples, 1.5, within=1.4) == pytest.approx(click, abs=0.005)


@pytest.mark.parametrize("track", [2, -1])
def test_a_missing_track_is_refused(tmp_path, track):  # proves: G8
    with pytest.raises(InputError, match=r"no audio track .* there are 2"):
        decoded(two_tracks(tmp_path), track)


def test_a_video_without_sound_is_refused(tmp_path):  # proves: G8
    path = write(tmp_path / "x.mp4", container="mp4", codec="aac", rate=16_000, video=True)
    with pytest.raises(InputError, match="has no sound"):
        decoded(path)


@pytest.mark.parametrize("name", ["m4a", "mp3", "wav", "flac", "opus"])
def test_a_very_short_sound_is_decoded(tmp_path, name):  # proves: V1
    rate = FORMATS[name][2]
    samples, _ = decoded(in_format(tmp_path / "x", name, clicks(0.05, rate, (0.01,))))
    assert 0.04 * RATE < len(samples) < 0.12 * RATE


def damage(path, first: float, last: float) -> None:
    """Overwrite a part of a file, given as shares of its length, with random bytes."""
    data = bytearray(path.read_bytes())
    start, end = int(len(data) * first), int(len(data) * last)
    data[start:end] = np.random.default_rng(3).bytes(end - start)
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["m4a", "mp3", "flac", "opus", "mka-aac"])
def test_damage_in_the_middle_loses_only_the_middle(tmp_path, name):  # proves: V1 G8
    rate = FORMATS[name][2]
    sound = clicks(20, rate, (1.0, 18.0))
    path = in_format(tmp_path / "x", name, sound)
    damage(path, 0.4, 0.45)
    samples, result = decoded(path)
    assert onset(samples, 1.0) == pytest.approx(1.0, abs=0.005)
    if name != "mp3":  # it has no time stamps: what follows the damage comes early
        assert onset(samples, 18.0) == pytest.approx(18.0, abs=0.05)
    assert len(samples) > 18.5 * RATE
    if name != "opus":  # its decoder conceals
        assert any("corrupt" in p.text or "no sound" in p.text for p in result.problems)


@pytest.mark.parametrize("name", ["wav", "mp3", "flac", "mka-aac"])
def test_a_truncated_file_is_decoded_with_a_finding(tmp_path, name):  # proves: V1
    path = in_format(tmp_path / "x", name)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    samples, result = decoded(path)
    assert onset(samples, 2.0) == pytest.approx(2.0, abs=0.005)
    assert len(samples) < 4 * RATE
    (cut,) = [problem for problem in result.problems if problem.label == "truncated"]
    assert cut.severity == "grave" and cut.end - cut.start > 1


def test_a_file_with_nothing_decodable_is_refused(tmp_path):  # proves: G8
    path = in_format(tmp_path / "x.m4a", "m4a")
    data = bytearray(path.read_bytes())
    box = data.index(b"mdat")
    size = int.from_bytes(data[box - 4 : box], "big") - 8
    data[box + 4 : box + 4 + size] = b"\xff" * size
    path.write_bytes(data)
    with pytest.raises(InputError, match="none of its audio can be decoded"):
        decoded(path)


def test_a_sound_that_changes_its_format_is_decoded(tmp_path):  # proves: V1
    path = tmp_path / "x.mp3"
    parts = []
    for number, (rate, channels) in enumerate([(16_000, 1), (44_100, 2), (22_050, 1)]):
        part = tmp_path / f"{number}.mp3"
        sound = clicks(2, rate, (1.0,), channels)
        write(part, sound, container="mp3", codec="libmp3lame", rate=rate)
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    samples, _ = decoded(path)
    assert len(samples) / RATE == pytest.approx(6.0, abs=0.6)


class FullDisk(io.RawIOBase):
    def write(self, data):
        raise OSError(28, "No space left on device")


def test_a_full_disk_raises_the_system_error(tmp_path):  # proves: G8
    with pytest.raises(OSError, match="No space left") as error:
        decode(in_format(tmp_path / "x", "wav"), FullDisk())
    assert error.value.errno == 28


# Not ru_maxrss: on Linux a process takes over the peak of the one that started it.
MEASURE = """
import sys, threading, psutil
from pathlib import Path
from reelmill.media.audio.decode import decode
peak, done = 0, threading.Event()
def watch():
    global peak
    while not done.wait(0.02):
        peak = max(peak, psutil.Process().memory_info().rss)
watcher = threading.Thread(target=watch)
watcher.start()
with open(sys.argv[2], "wb") as sink:
    result = decode(Path(sys.argv[1]), sink)
done.set()
watcher.join()
print(result.samples, peak >> 20)
"""


@pytest.mark.parametrize("name", ["m4a-16k", "wav"])
def test_memory_does_not_grow_with_length(tmp_path, name):  # proves: V1
    minutes, path = 120, tmp_path / "long"
    rate = FORMATS[name][2]
    piece = in_format(tmp_path / "minute", name, clicks(60, rate, (1.0,)))
    repeat(piece, path, FORMATS[name][0], minutes)
    answer = subprocess.run(
        [sys.executable, "-c", MEASURE, path, tmp_path / "out.pcm"],
        check=True,
        capture_output=True,
        text=True,
    )
    samples, megabytes = map(int, answer.stdout.split())
    assert samples / RATE == pytest.approx(60 * minutes, rel=0.002)
    assert megabytes < 150


def repeat(source, target, container: str, times: int) -> None:
    """The same packets again and again, without encoding anew."""
    with av.open(str(source)) as reader, av.open(str(target), "w", format=container) as writer:
        track = reader.streams.audio[0]
        stream = writer.add_stream_from_template(track)
        at = 0
        for _ in range(times):
            reader.seek(0)
            for packet in reader.demux(track):
                if packet.dts is not None:
                    packet.stream = stream
                    packet.pts = packet.dts = at
                    at += packet.duration
                    writer.mux(packet)


@pytest.mark.parametrize(
    ("name", "codec"), [("matroska", "flac"), ("mp4", "aac"), ("avi", "pcm_s16le")]
)
def test_a_track_shorter_than_the_other_is_not_truncated(tmp_path, name, codec):
    # proves: G21
    path = tmp_path / "film"
    sounds = clicks(1, 16_000, (0.5,)), clicks(6, 16_000, (0.5,))
    write(path, *sounds, container=name, codec=codec, rate=16_000)
    assert decoded(path, 0)[1].problems == []
