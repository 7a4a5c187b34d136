"""All the sound of a file is read: beyond its header, in all links, past pauses and damage."""

# proves: V1 V2 G8

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from reelmill.media.audio.decode import Decoded, decode
from tests.media.make import (
    RATE,
    amr_with_pauses,
    clicks,
    damaged_aac,
    in_format,
    joined,
    onset,
    wav_with_short_header,
    write,
)


def read(path: Path) -> tuple[np.ndarray, Decoded]:
    sink = io.BytesIO()
    result = decode(path, sink)
    return np.frombuffer(sink.getvalue(), "<i2"), result


def labels(result: Decoded) -> list[str]:
    return [finding.label for finding in result.problems]


def test_sound_beyond_the_length_in_the_header_is_read(tmp_path):
    path = wav_with_short_header(tmp_path / "x.wav", clicks(6, RATE, (0.5, 5.0)), 2.0)
    samples, result = read(path)
    assert len(samples) == 6 * RATE
    assert onset(samples, 5.0) == pytest.approx(5.0, abs=0.002)
    (finding,) = result.problems
    assert (finding.label, finding.severity) == ("beyond its header", "warning")
    assert (finding.start, finding.end) == (2.0, 6.0)


@pytest.mark.parametrize(
    "tail",
    [
        b"LIST" + (8192).to_bytes(4, "little") + b"INFO" + bytes(8188),
        b"TAG" + bytes(5000),
        b"ID3" + bytes(5000),
        bytes(512),
    ],
    ids=["chunk", "id3v1", "id3v2", "padding"],
)
def test_data_after_the_sound_is_not_read_as_sound(tmp_path, tail):
    path = in_format(tmp_path / "x.wav", "wav")
    path.write_bytes(path.read_bytes() + tail)
    samples, result = read(path)
    assert len(samples) == 5 * RATE and result.problems == []


@pytest.mark.parametrize("name", ["wav", "opus"])
def test_concatenated_files_are_read_completely(tmp_path, name):
    first = in_format(tmp_path / "first", name)
    second = write_again(tmp_path / "second", name)
    third = in_format(tmp_path / "third", name)
    samples, result = read(joined(tmp_path / "x", first, second, third))
    assert len(samples) / RATE == pytest.approx(13.0, abs=0.05)
    for click in (4.5, 6.0, 8.5, 12.5):
        assert onset(samples, click) == pytest.approx(click, abs=0.02)
    assert labels(result) == ["joined recordings"]
    assert result.problems[0].text.startswith("3 recordings")


def write_again(path: Path, name: str) -> Path:
    """3 s with a click at 1 s, at another rate and in stereo."""
    container, codec, rate = {
        "wav": ("wav", "pcm_s16le", 8_000),
        "opus": ("ogg", "libopus", 48_000),
    }[name]
    return write(path, clicks(3, rate, (1.0,), 2), container=container, codec=codec, rate=rate)


def test_chained_ogg_with_different_rates_is_read(tmp_path):
    links = [tmp_path / str(rate) for rate in (16_000, 8_000, 44_100)]
    for link in links:
        sound = clicks(3, int(link.name), (1.0,))[0]
        soundfile.write(link, sound, int(link.name), format="OGG", subtype="VORBIS")
    samples, result = read(joined(tmp_path / "x.ogg", *links))
    assert len(samples) / RATE == pytest.approx(9.0, abs=0.05)
    for click in (1.0, 4.0, 7.0):
        assert onset(samples, click) == pytest.approx(click, abs=0.02)
    assert labels(result) == ["joined recordings"]


def test_an_unreadable_part_loses_only_itself(tmp_path):
    good = in_format(tmp_path / "good", "wav")
    broken = bytearray(good.read_bytes())
    broken[20:22] = b"\xee\xee"  # a codec that nobody has
    (tmp_path / "broken").write_bytes(broken)
    samples, result = read(joined(tmp_path / "x.wav", good, tmp_path / "broken", good))
    assert len(samples) == 10 * RATE and onset(samples, 9.5) == pytest.approx(9.5, abs=0.002)
    lost, _ = result.problems
    assert (lost.label, lost.severity, lost.start) == ("sound not read", "grave", 5.0)
    assert "part 2 of 3" in lost.text


def test_pauses_that_a_telephone_did_not_send_become_silence(tmp_path):
    path = amr_with_pauses(tmp_path / "x.amr", (2.0, 30.0), (2.0, 700.0), (2.0, 0.0))
    samples, result = read(path)
    loud = np.abs(samples.reshape(-1, RATE // 50).astype(int)).max(axis=1) > 100
    begins = np.flatnonzero(loud[1:] & ~loud[:-1] & ~np.roll(loud, 1)[:-1]) * 0.02 + 0.02
    for start in (32.0, 734.0):
        assert np.abs(begins - start).min() < 0.05
        assert not samples[round((start - 29) * RATE) : round((start - 0.1) * RATE)].any()
    assert len(samples) / RATE == pytest.approx(736.0, abs=0.05)
    (finding,) = result.problems
    assert (finding.label, finding.severity) == ("pauses not sent", "info")
    assert "2 places (2.0 s, 34.0 s), 730.0 s in all" in finding.text


def test_damaged_places_lose_only_themselves_and_are_reported(tmp_path):
    sound = clicks(20, 16_000, (1.0, 10.0, 19.0))
    path = damaged_aac(tmp_path / "x.aac", sound, 16_000, (5.0, 5.5), (14.0, 14.3))
    samples, result = read(path)
    delay = 1024 / 16_000  # which raw AAC does not declare
    for click in (1.0, 10.0, 19.0):
        assert onset(samples, click + delay) == pytest.approx(click + delay, abs=0.01)
    damage = [finding for finding in result.problems if finding.label == "damaged sound"]
    assert [finding.start for finding in damage] == pytest.approx([5.0, 14.0], abs=0.15)
    assert [finding.end for finding in damage] == pytest.approx([5.5, 14.3], abs=0.15)
    assert all("left out" in finding.text for finding in damage)


#: Of each container where the size of the sound is written: what comes before it, how many bytes it
#: has, their order, and how many of the size are the header's own.
SIZES = {
    "rf64": (b"ds64", 12, 8, "little", 0),
    "w64": (b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", 0, 8, "little", 24),
    "aiff": (b"SSND", 0, 4, "big", 8),
    "caf": (b"data", 0, 8, "big", 4),
}


@pytest.mark.parametrize("kind", SIZES)
def test_other_formats_with_too_short_headers_are_read_to_the_end(tmp_path, kind):
    # proves: V1 G21
    path = tmp_path / f"x.{'wav' if kind == 'rf64' else kind}"
    container = {"rf64": "wav"}.get(kind, kind)
    codec = "pcm_s16be" if kind == "aiff" else "pcm_s16le"
    options = {"rf64": "always"} if kind == "rf64" else {}
    sound = clicks(6, RATE, (0.5, 5.0))
    write(path, sound, container=container, codec=codec, rate=RATE, options=options)
    samples, result = read(path)
    assert (len(samples), result.problems) == (6 * RATE, [])
    name, skipped, width, order, own = SIZES[kind]
    data = bytearray(path.read_bytes())
    at = data.index(name) + len(name) + skipped
    size = int.from_bytes(data[at : at + width], order) - own
    data[at : at + width] = (own + size // 3).to_bytes(width, order)
    path.write_bytes(data)
    samples, result = read(path)
    assert len(samples) == 6 * RATE
    assert onset(samples, 5.0) == pytest.approx(5.0, abs=0.002)
    (finding,) = result.problems
    assert finding.label == "beyond its header" and finding.start == pytest.approx(2.0, abs=0.02)


def test_a_chunk_after_the_sound_is_not_read_as_sound(tmp_path):
    form = {"container": "aiff", "codec": "pcm_s16be", "rate": RATE}
    path = write(tmp_path / "x.aiff", clicks(2, RATE, (0.5,)), **form)
    path.write_bytes(path.read_bytes() + b"ANNO" + (8000).to_bytes(4, "big") + bytes(8000))
    samples, result = read(path)
    assert (len(samples), result.problems) == (2 * RATE, [])
