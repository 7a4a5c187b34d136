"""Copies of videos with subtitles: everything of the original kept, texts at the right times."""

from __future__ import annotations

import hashlib
from pathlib import Path

import av
import numpy as np
import pysubs2
import pytest

from reelmill.errors import InputError, UsageError
from reelmill.media import ffmpeg
from reelmill.media.video.burn import Script, burn, look_at
from reelmill.media.video.copying import MuxCue, MuxTrack
from reelmill.media.video.mux import Copied, copy_suffix, mux

HEADER = pysubs2.SSAFile().to_string("ass").encode()
KOREAN = MuxTrack(
    "kor", "한국어", HEADER, [MuxCue(500, 1500, "안녕\n하세요"), MuxCue(2000, 2900, "끝")]
)
ENGLISH = MuxTrack("eng", "English", HEADER, [MuxCue(600, 1400, "Hello")])


def video(path: Path, container: str = "mp4", sounds: int = 1, start: float = 0.0) -> Path:
    """Three seconds of grey with a tone."""
    with av.open(str(path), "w", format=container) as out:
        picture = out.add_stream("libx264", 20)
        picture.width, picture.height, picture.pix_fmt = 320, 180, "yuv420p"
        tracks = [out.add_stream("aac", rate=16_000, layout="mono") for _ in range(sounds)]
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(np.full((180, 320, 3), 60, np.uint8))
            frame.pts = number + round(start * 20)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        for number, stream in enumerate(tracks):
            tone = np.sin(np.arange(48_000) * (0.05 + 0.02 * number)).astype(np.float32)
            sound = av.AudioFrame.from_ndarray(tone[None, :], format="fltp", layout="mono")
            sound.sample_rate, sound.pts = 16_000, round(start * 16_000)
            out.mux(stream.encode(sound))
            out.mux(stream.encode(None))
    return path


def packets(path: Path, kind: str) -> list[str]:
    with av.open(str(path)) as container:
        stream = next(s for s in container.streams if s.type == kind)
        return [hashlib.md5(bytes(p)).hexdigest() for p in container.demux(stream) if p.size]


def texts(path: Path, track: int) -> list[tuple[float, float, str]]:
    """Start and end in seconds, and text, of a subtitle track."""
    with av.open(str(path)) as container:
        zero = container.start_time / av.time_base
        zero = zero if zero > 10 else 0  # a broadcast's clock
        found = []
        for packet in container.demux(container.streams.subtitles[track]):
            for subtitle in packet.decode() if packet.size > 2 else ():
                start = float(packet.pts * packet.time_base - zero)
                end = start + float(packet.duration * packet.time_base)
                text = subtitle.dialogue.decode().replace("\\N", "\n").strip()
                found.append((round(start, 2), round(end, 2), text))
        return found


@pytest.mark.parametrize(("container", "suffix"), [("mp4", "mp4"), ("matroska", "mkv")])
def test_tracks_are_added_and_nothing_else_changes(
    container: str, suffix: str, tmp_path: Path
) -> None:
    # proves: S5
    original = video(tmp_path / f"원본.{suffix}", container, sounds=2)
    copy = tmp_path / f"copy.{suffix}"
    assert copy_suffix(original) == suffix
    assert mux(original, [KOREAN, ENGLISH], copy) == Copied()
    assert packets(copy, "video") == packets(original, "video")
    with av.open(str(copy)) as made:
        assert [s.type for s in made.streams] == ["video", "audio", "audio", "subtitle", "subtitle"]
        assert [s.metadata["language"] for s in made.streams.subtitles] == ["kor", "eng"]
    assert texts(copy, 0) == [(0.5, 1.5, "안녕\n하세요"), (2.0, 2.9, "끝")]
    assert texts(copy, 1) == [(0.6, 1.4, "Hello")]


def test_texts_follow_a_clock_that_does_not_begin_at_zero(tmp_path: Path) -> None:
    original = video(tmp_path / "broadcast.ts", "mpegts", start=100.0)
    copy = tmp_path / "copy.mkv"
    mux(original, [KOREAN], copy)
    assert [start for start, *_ in texts(copy, 0)] == [0.5, 2.0]


def test_existing_subtitles_are_kept(tmp_path: Path) -> None:
    once, twice = tmp_path / "once.mp4", tmp_path / "twice.mp4"
    original = video(tmp_path / "a.mp4")
    for source, target, track in ((original, once, KOREAN), (once, twice, ENGLISH)):
        assert mux(source, [track], target) == Copied()
    assert [text for *_, text in texts(twice, 0)] == ["안녕\n하세요", "끝"]
    assert [text for *_, text in texts(twice, 1)] == ["Hello"]


def test_a_file_that_is_not_a_video_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("no video")
    with pytest.raises(InputError, match=r"text\.mp4"):
        mux(path, [KOREAN], tmp_path / "copy.mp4")
    assert not (tmp_path / "copy.mp4").exists()


def ass(folder: Path, text: str, **style) -> Path:
    script = pysubs2.SSAFile()
    script.info.update(PlayResX="320", PlayResY="180")
    script.styles["Default"] = pysubs2.SSAStyle(fontsize=40, **style)
    script.append(pysubs2.SSAEvent(start=1000, end=2000, text=text))
    path = folder / "script.ass"
    script.save(str(path))
    return path


def burned(original: Path, script: Path, target: Path, **options) -> Copied:
    """Draw a script whose text is shown from 1 to 2 s."""
    seen, shift = look_at(original, 0)
    return burn(original, Script(script, ((1.0 + shift, 2.0 + shift),)), target, seen, **options)


def brightness(path: Path) -> list[float]:
    """The brightest pixel of each picture."""
    with av.open(str(path)) as container:
        return [float(f.to_ndarray(format="gray").max()) for f in container.decode(video=0)]


@pytest.mark.parametrize(("container", "suffix"), [("mp4", "mp4"), ("mpegts", "mkv")])
def test_burned_text_is_visible_at_its_times(container: str, suffix: str, tmp_path: Path) -> None:
    # proves: S5
    original = video(
        tmp_path / "원본 ' : , 이름.mp4", container, start=0 if suffix == "mp4" else 50
    )
    target = tmp_path / f"구운 영상.{suffix}"
    assert abs(look_at(original, 0)[1]) < 0.1
    try:
        assert burned(original, ass(tmp_path, "Hello"), target) == Copied()
    except UsageError as error:
        pytest.skip(str(error))  # a machine without any font
    seen = brightness(target)
    assert len(seen) == 60
    assert min(seen[22:38]) > 200 and max(seen[:18] + seen[42:]) < 120
    assert packets(target, "audio") == packets(original, "audio") or suffix == "mkv"
    assert not [p for p in tmp_path.iterdir() if "reelmill-part" in p.name]


def test_a_missing_letter_is_reported_and_leaves_no_file(tmp_path: Path) -> None:
    # U+1EEBB: an Arabic mathematical letter that hardly any font has.
    target = tmp_path / "b.mp4"
    try:
        burned(video(tmp_path / "a.mp4"), ass(tmp_path, "\U0001eebb"), target)
    except (InputError, UsageError) as error:
        told = str(error)
        assert ("fonts-noto-core" in told and "--style font=" in told) or "reelmill[burn]" in told
        assert not target.exists()
    else:
        pytest.skip("a font here has even that letter")


def test_a_broken_video_is_an_input_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(video(tmp_path / "a.mp4").read_bytes()[:2000])
    with pytest.raises((InputError, UsageError), match=r"broken\.mp4|reelmill.burn"):
        burned(path, ass(tmp_path, "Hello"), tmp_path / "b.mp4")
    assert not (tmp_path / "b.mp4").exists()


def test_without_a_suitable_ffmpeg_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G19
    useless = tmp_path / "ffmpeg"
    useless.write_text("#!/bin/sh\necho ' ... scale  V->V'\n")
    useless.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(useless))
    ffmpeg.ffmpeg_with_subtitles.cache_clear()
    try:
        with pytest.raises(UsageError, match=r"has no libass.*reelmill\[burn\].*--mux"):
            ffmpeg.ffmpeg_with_subtitles()
    finally:
        ffmpeg.ffmpeg_with_subtitles.cache_clear()
