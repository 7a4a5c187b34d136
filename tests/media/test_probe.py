"""Probing: the content of a file, and errors of unusable ones."""

from __future__ import annotations

import os

import numpy as np
import pytest

from reelmill.errors import InputError
from reelmill.media.probe import probe
from tests.media.make import FORMATS, clicks, in_format, write

NAMES = [
    "two\nlines.wav",
    "😀.wav",
    "통화 녹음.wav",
    "-i leading dash.wav",
    "http:colon.wav",
    "pipe:0",
    "100%d|'\"\\?*.wav",
    os.fsdecode(b"not-utf8-\xff.wav"),
]


@pytest.mark.parametrize("name", FORMATS)
def test_all_formats_are_probed(tmp_path, name):  # proves: V1
    media = probe(in_format(tmp_path / "x", name))
    (track,) = media.audio
    assert (track.sample_rate, track.channels, track.index) == (FORMATS[name][2], 1, 0)
    assert media.duration == pytest.approx(5.0, abs=0.1)
    assert media.video == []


def test_both_languages_of_a_video_are_listed(tmp_path):  # proves: V1
    sound = clicks(2, 16_000, (0.5,))
    path = write(
        tmp_path / "x.mkv",
        sound,
        np.tile(sound, (2, 1)),
        container="matroska",
        codec="aac",
        rate=16_000,
        video=True,
        languages=("kor", "eng"),
    )
    media = probe(path)
    assert [(t.index, t.language, t.channels) for t in media.audio] == [
        (1, "kor", 1),
        (2, "eng", 2),
    ]
    (picture,) = media.video
    assert (picture.index, picture.width, picture.height, picture.codec) == (0, 64, 48, "h264")
    assert picture.frame_rate == pytest.approx(10)


@pytest.mark.parametrize("name", NAMES)
def test_files_of_any_name_are_probed(tmp_path, monkeypatch, name):  # proves: V1
    in_format(tmp_path / "x", "wav").rename(tmp_path / name)
    assert probe(tmp_path / name).container == "wav"
    monkeypatch.chdir(tmp_path)
    assert probe(type(tmp_path)(name)).container == "wav"


def truncated(data: bytes) -> bytes:
    return data[: len(data) // 2]


def broken_files(folder):
    """name: (content, what the message has to say)."""
    m4a = in_format(folder / "good.m4a", "m4a").read_bytes()
    return {
        "zero.wav": (b"", "0 bytes"),
        "text.mp3": (b"Dear customer, your download has failed.\n" * 50, "contains text"),
        "subtitles.mp3": (b"1\n00:00:01,000 --> 00:00:02,000\nHi\n\n", "contains text"),
        "list.mp3": (b"#EXTM3U\n#EXTINF:5,\ngood.m4a\n#EXT-X-ENDLIST\n", "a list of other files"),
        "cut.m4a": (truncated(m4a), "truncated.*moov"),
        "noise.mp3": (np.random.default_rng(0).bytes(50_000), "not a recording"),
        "cut.wav": (b"RIFF\x24\x00\x00\x00WAVE", "neither sound|not a recording"),
    }


@pytest.mark.parametrize("name", ["zero.wav", "text.mp3", "subtitles.mp3", "list.mp3", "cut.m4a",
                                  "noise.mp3", "cut.wav"])  # fmt: skip
def test_bad_files_are_reported_in_one_line(tmp_path, name):  # proves: G8 V1
    content, message = broken_files(tmp_path)[name]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        probe(path)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_odd_names_keep_the_message_on_one_line(tmp_path):  # proves: G8
    path = tmp_path / "two\nlines.mp3"
    path.touch()
    with pytest.raises(InputError) as error:
        probe(path)
    assert "two\\nlines" in str(error.value) and "\n" not in str(error.value)


def test_a_path_that_is_not_a_file_is_refused(tmp_path):  # proves: G8
    loop, dangling = tmp_path / "loop.wav", tmp_path / "dangling.wav"
    loop.symlink_to(loop)
    dangling.symlink_to(tmp_path / "gone.wav")
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path, loop, dangling, tmp_path / "pipe.wav", tmp_path / "never.wav"):
        with pytest.raises(InputError):
            probe(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path):  # proves: G8
    path = in_format(tmp_path / "x.wav", "wav")
    path.chmod(0)
    with pytest.raises(InputError, match="permission"):
        probe(path)


def test_probing_does_not_change_the_original(tmp_path):  # proves: G14
    path = in_format(tmp_path / "x.m4a", "m4a")
    path.chmod(0o444)
    before, content = path.stat(), path.read_bytes()
    probe(path)
    after = path.stat()
    assert path.read_bytes() == content
    assert (before.st_mtime_ns, before.st_ctime_ns, before.st_ino) == (
        after.st_mtime_ns,
        after.st_ctime_ns,
        after.st_ino,
    )
