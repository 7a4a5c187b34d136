"""Every frame that ffprobe counts is processed once and in order, for any kind of video."""

from __future__ import annotations

import gc
import io
import math
import shutil
import subprocess
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.artifacts import VideoIndex
from reelmill.media.audio.cut import SoundCut, cut_sound
from reelmill.media.audio.decode import decode
from reelmill.media.video.frames import stretches
from reelmill.media.video.index import index_video
from reelmill.media.video.reader import open_pictures
from reelmill.stages.faces.chunks import frame_chunks
from synthetic.flv import followed, text_tag
from tests.media.films import film, heard, number_in, onsets, picture
from tests.media.make import clicks, onset, write

FRAMES, KEY_EVERY = 60, 10
SIZE = (96, 64)

#: suffix: FFmpeg's muxer
MUXERS = {
    "mp4": "mp4", "mov": "mov", "mkv": "matroska", "avi": "avi", "ts": "mpegts", "m2ts": "mpegts",
    "mxf": "mxf", "flv": "flv", "asf": "asf", "vob": "vob", "mpg": "mpeg", "webm": "webm",
    "3gp": "3gp", "nut": "nut", "h264": "h264", "hevc": "hevc", "m2v": "mpeg2video",
    "ogv": "ogg", "ivf": "ivf",
}  # fmt: skip
_MATRIX = {
    "libx264": "mp4 mov mkv avi ts m2ts mxf flv asf vob 3gp nut h264",
    "libx265": "mp4 mkv ts hevc",
    "mpeg2video": "mpg vob ts mkv avi m2v",
    "mpeg4": "avi mp4 mkv nut",
}
MATRIX = [
    (codec, suffix, b_frames)
    for codec, suffixes in _MATRIX.items()
    for suffix in suffixes.split()
    for b_frames in (0, 2)
]


def encoded(path: Path, codec: str, b_frames: int = 0, frames: int = FRAMES, **options) -> Path:
    """Numbered pictures, 25 a second; `options` are the encoder's."""
    with av.open(f"file:{path}", "w", format=MUXERS[path.suffix[1:]]) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        context = stream.codec_context
        context.gop_size, context.max_b_frames, context.thread_count = KEY_EVERY, b_frames, 1
        context.bit_rate = 400_000
        if codec in ("libx264", "libx265"):
            options = {"preset": "ultrafast", **options}
        if codec == "libx265":
            options["x265-params"] = f"log-level=none:bframes={b_frames}:keyint={KEY_EVERY}"
        stream.options = options
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *SIZE), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def counted(path: Path) -> int:
    """How many frames ffprobe decodes."""
    asked = "-v quiet -count_frames -select_streams v:0 -show_entries stream=nb_read_frames"
    command = ["ffprobe", "-threads", "1", *asked.split(), "-of", "csv=p=0", str(path)]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    return int(output.split()[0].strip(","))


def looked_at(path: Path, index: VideoIndex) -> list[float]:
    """The times of all frames, as face detection has them."""
    found: list[float] = []
    for stretch in stretches(index, 0.4):
        with open_pictures(path, draft=True, index=index) as pictures:
            for chunk in frame_chunks(pictures, stretch, (48, 32), 0):
                found += chunk.times.tolist()
    return found


def numbers(path: Path, index: VideoIndex, start: float, end: float) -> list[int]:
    with open_pictures(path, index=index) as pictures:
        luma = (f.reformat(format="gray").to_ndarray() for _, f in pictures.between(start, end))
        return [number_in(one) for one in luma]


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe")
@pytest.mark.parametrize(("codec", "suffix", "b_frames"), MATRIX)
def test_every_frame_is_processed(tmp_path: Path, codec: str, suffix: str, b_frames: int) -> None:
    # proves: F2 F6
    path = encoded(tmp_path / f"film.{suffix}", codec, b_frames)
    index = index_video(path)
    found = looked_at(path, index)
    assert len(found) == counted(path) == FRAMES
    assert all(a < b for a, b in pairwise(found))
    assert found[-1] - found[0] == pytest.approx((FRAMES - 1) / 25, abs=0.1)
    middle = found[FRAMES // 2] - 0.001
    assert numbers(path, index, middle, math.inf) == list(range(FRAMES // 2, FRAMES))


def test_a_video_in_order_can_be_entered_at_its_key_frames(tmp_path: Path) -> None:
    index = index_video(encoded(tmp_path / "film.ts", "libx264", 2))
    assert index.seekable and not index.problems
    assert index.pictures == FRAMES and len(stretches(index, 0.4)) > 3


def test_streams_without_time_stamps_are_counted_and_reported(tmp_path: Path) -> None:
    # proves: F6 G21
    index = index_video(encoded(tmp_path / "film.h264", "libx264", 2))
    assert not index.seekable
    (problem,) = index.problems
    assert problem.label == "no time stamps" and "25 pictures a second" in problem.text
    assert problem.severity == "warning"


def test_video_with_gradual_refresh_instead_of_key_frames_is_indexed(tmp_path: Path) -> None:
    path = encoded(tmp_path / "film.ts", "libx264", **{"x264-params": "intra-refresh=1:keyint=10"})
    assert len(looked_at(path, index_video(path))) == FRAMES


@pytest.mark.parametrize(("suffix", "codec"), [("ts", "libx264"), ("mpg", "mpeg2video")])
def test_recordings_joined_in_one_file_follow_each_other(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    # proves: F6 G21
    path = encoded(tmp_path / f"film.{suffix}", codec, 2)
    path.write_bytes(path.read_bytes() * 3)
    index = index_video(path)
    found = looked_at(path, index)
    assert len(found) == 3 * FRAMES
    assert max(b - a for a, b in pairwise(found)) == pytest.approx(0.04, abs=0.01)
    assert [round(joint.time, 1) for joint in index.joints] == [2.4, 4.8]
    (problem,) = index.problems
    assert problem.label == "joined recordings" and "3 recordings" in problem.text


def test_sound_and_picture_of_joined_recordings_stay_in_step(tmp_path: Path) -> None:
    # proves: F4 F6
    times = [number / 25 for number in range(52)]
    # its sound is longer than its picture, and the next one must not begin before it is over
    path = film(tmp_path / "film.ts", times, flashes=(0.4, 1.6), seconds=2.3)
    path.write_bytes(path.read_bytes() * 3)
    index = index_video(path)
    sound = tmp_path / "sound.mp4"
    end = index.joints[-1].time + 2.3
    cut_sound(path, None, [SoundCut(sound, ((0.0, end),))], index.joints)
    with open_pictures(path, index=index) as pictures:
        luma = [
            (time, frame.reformat(format="gray").to_ndarray()[80:].mean())
            for time, frame in pictures.between(-math.inf, math.inf)
        ]
    lit = [time for time, light in luma if light > 180]
    seen = [b for a, b in pairwise([-1.0, *lit]) if b - a > 0.1]
    assert len(seen) == 6
    assert onsets(heard(sound)) == pytest.approx(seen, abs=0.03)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "flv"])
def test_a_video_that_ends_before_its_stated_length_is_reported(
    tmp_path: Path, suffix: str
) -> None:
    # proves: F6 G21
    path = encoded(tmp_path / f"film.{suffix}", "libx264", 2 * (suffix != "avi"), frames=200)
    if suffix == "mp4":
        path = remuxed(path, movflags="faststart")
    assert index_video(path).problems == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (problem,) = (one for one in index_video(path).problems if one.label == "truncated")
    assert "states 8.0 s" in problem.text or "states 8.1 s" in problem.text
    assert problem.severity == "grave"


def remuxed(path: Path, **options: str) -> Path:
    """The same packets in a new file."""
    made = path.with_name(f"new {path.name}")
    with (
        av.open(str(path)) as source,
        av.open(f"file:{made}", "w", format="mp4", container_options=options) as output,
    ):
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)
    return made


def test_sound_after_the_last_picture_is_not_damage(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mkv", [n / 25 for n in range(50)], seconds=6.0)
    assert index_video(path).problems == []


def test_a_track_that_begins_later_is_reported(tmp_path: Path) -> None:
    # proves: G21
    path = write(
        tmp_path / "a.flv", clicks(5, 44_100, ()), container="flv", codec="aac", rate=44_100,
        video=True,
    )  # fmt: skip
    assert index_video(path).problems == []
    path.write_bytes(path.read_bytes() + text_tag("a caption", 5.0))
    assert [problem.label for problem in index_video(path).problems] == ["late track"]


def test_sound_of_an_flv_that_begins_later_is_read_at_its_time(tmp_path: Path) -> None:
    # proves: V1 V2 G21
    path = encoded(tmp_path / "a.flv", "libx264", frames=250)
    heard = write(
        tmp_path / "b.flv", clicks(3, 44_100, (0.5, 2.5)), container="flv", codec="aac", rate=44_100
    )
    path.write_bytes(followed(path.read_bytes(), heard.read_bytes(), 9.0))
    index, sound = index_video(path), io.BytesIO()
    assert index.problems == [] and len(looked_at(path, index)) == 250
    assert decode(path, sound).problems == []
    samples = np.frombuffer(sound.getvalue(), "<i2")
    assert [onset(samples, at) for at in (9.5, 11.5)] == pytest.approx([9.5, 11.5], abs=0.05)


def test_joints_of_recordings_are_not_damage(tmp_path: Path) -> None:
    path = encoded(tmp_path / "film.ts", "libx264", 2)
    path.write_bytes(path.read_bytes() * 2)
    with open_pictures(path, index=index_video(path)) as pictures:
        assert len(list(pictures.between(-math.inf, math.inf))) == 2 * FRAMES
        assert pictures.damaged == pictures.corrupt == 0


def test_index_video__frames_it_decoded__are_freed_at_once(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", [n / 25 for n in range(30)])
    gc.collect()
    gc.disable()
    try:
        index_video(path)
        left = [one for one in gc.get_objects() if type(one).__name__ == "VideoFrame"]
    finally:
        gc.enable()
    assert left == []
