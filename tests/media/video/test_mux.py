"""Copies with added tracks have everything the originals have, or report what is missing."""

# proves: S5 G21

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition

from reelmill.errors import InputError
from reelmill.media.ffmpeg import has_ffmpeg
from reelmill.media.probe import probe
from reelmill.media.video.burn import look_at
from reelmill.media.video.contents import Contents, Track, differences
from reelmill.media.video.copying import MuxCue, MuxTrack
from reelmill.media.video.monotonic import Monotonic
from reelmill.media.video.mux import Copied, copy_suffix, mux
from synthetic.flv import with_headers_again
from tests.media.films import turn
from tests.media.video.test_burn import HEADER, KOREAN, packets, texts

MS = Fraction(1, 1000)
FONT = b"\x00\x01\x00\x00" + bytes(200)
WIDTH, HEIGHT, FRAMES = 96, 64, 12


@contextlib.contextmanager
def same_priority() -> Iterator[None]:
    """SVT-AV1 gives a thread that may have it real-time priority, for good; all processes that it
    starts later would inherit it, and browsers stand still with it."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def film(
    path: Path, form: str, picture: str = "libx264", sound: str = "aac", finish=None, **options
) -> Path:
    """Half a second; `finish` gets the file before its header is written."""
    container = dict(options.pop("of", {}))
    with same_priority(), av.open(str(path), "w", format=form, container_options=container) as out:
        video = out.add_stream(picture, 24, options=options.pop("encoder", {}))
        video.width, video.height = WIDTH, HEIGHT
        video.pix_fmt = options.pop("pix_fmt", "yuv420p")
        for name, value in options.items():
            setattr(video.codec_context, name, value)
        audio = out.add_stream(sound, rate=48_000, layout="stereo", bit_rate=96_000)
        more = finish(out) if finish is not None else []
        for number in range(FRAMES):
            image = np.full((HEIGHT, WIDTH, 3), 20 * number, np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(image)))
        out.mux(video.encode(None))
        for packet in more:
            out.mux(packet)
        _sound(out, audio)
    return path


def _sound(out, audio) -> None:
    resampler = av.AudioResampler(audio.format.name, "stereo", 48_000, frame_size=1024)
    tone = np.sin(np.arange(2 * 24_000) / 20).astype(np.float32)[None]
    frame = av.AudioFrame.from_ndarray(tone, format="flt", layout="stereo")
    frame.sample_rate, frame.pts = 48_000, 0
    for part in [*resampler.resample(frame), *resampler.resample(None), None]:
        out.mux(audio.encode(part))


def streams(path: Path) -> list[tuple[str, str]]:
    with av.open(str(path)) as file:
        return [
            (s.type, s.codec_context.codec.canonical_name if s.codec_context else s.type)
            for s in file.streams
        ]


def copied(original: Path, suffix: str, *tracks: MuxTrack) -> Path:
    """The copy, of which nothing is missing."""
    assert copy_suffix(original) == suffix
    copy = original.parent / f"copy.{suffix}"
    assert mux(original, tracks or [KOREAN], copy) == Copied()
    return copy


@pytest.mark.parametrize(
    ("form", "picture", "sound", "suffix"),
    [
        ("mp4", "libsvtav1", "aac", "mp4"),
        ("mov", "prores_ks", "pcm_s24le", "mov"),
        ("mov", "mjpeg", "pcm_s16le", "mov"),
        ("mov", "libx265", "aac", "mov"),
        ("mxf", "mpeg2video", "pcm_s16le", "mkv"),
        ("avi", "mpeg4", "mp2", "mkv"),
        ("webm", "libvpx-vp9", "libopus", "mkv"),
        ("flv", "flv", "aac", "mkv"),
        ("asf", "wmv2", "wmav2", "mkv"),
    ],
)
def test_streams_are_copied_even_without_a_decoder(
    form: str, picture: str, sound: str, suffix: str, tmp_path: Path
) -> None:
    pixels = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}.get(picture, "yuv420p")
    try:
        original = film(tmp_path / f"a.{form}", form, picture, sound, pix_fmt=pixels)
    except ValueError as error:
        pytest.skip(f"cannot be made here: {error}")
    if form in ("asf", "flv") and not has_ffmpeg():
        pytest.skip("Matroska takes these from the ffmpeg program alone")
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(0) == os.SCHED_OTHER, "other tests would stand still"
    copy = copied(original, suffix)
    added = ("subtitle", "mov_text" if suffix in ("mp4", "mov") else "subrip")
    assert sorted(streams(copy)) == sorted([*streams(original), added])
    assert packets(copy, "video") == packets(original, "video")
    assert [text for *_, text in texts(copy, 0)] == ["안녕\n하세요", "끝"]


def test_a_repeated_header_does_not_break_the_copy(tmp_path: Path) -> None:
    original = film(tmp_path / "a.flv", "flv")
    original.write_bytes(with_headers_again(original.read_bytes(), 5))
    copy = copied(original, "mkv")
    assert streams(copy) == [*streams(original), ("subtitle", "subrip")]
    assert packets(copy, "audio") == packets(original, "audio")


def test_pcm_of_blu_ray_discs_is_written_in_plain_order(tmp_path: Path) -> None:
    original = film(tmp_path / "a.m2ts", "mpegts", sound="pcm_bluray", of={"mpegts_m2ts_mode": "1"})
    copy = tmp_path / "copy.mkv"
    assert mux(original, [KOREAN], copy) == Copied(rewritten=("audio pcm_bluray",))
    assert ("audio", "pcm_s16le") in streams(copy)
    sounds = []
    for path in (original, copy):
        with av.open(str(path)) as file:
            sounds.append(np.concatenate([f.to_ndarray()[0] for f in file.decode(audio=0)]))
    assert np.array_equal(*sounds)


def furnished(out) -> list[av.Packet]:
    """Chapters, a font, a cover, tags, another track that is shown."""
    out.metadata["title"], out.metadata["DIRECTOR"] = "The film", "Somebody"
    out.set_chapters(
        [
            {"id": 1, "start": 0, "end": 200, "time_base": MS, "metadata": {"title": "One"}},
            {"id": 2, "start": 200, "end": 500, "time_base": MS, "metadata": {"title": "두"}},
        ]
    )
    out.add_attachment("letters.ttf", "font/ttf", FONT)
    out.add_attachment("cover.png", "image/png", cover())
    sub = out.add_stream("subrip")
    sub.codec_context.subtitle_header = HEADER
    sub.codec_context.time_base = MS
    sub.metadata.update(language="eng", title="Signs")
    sub.disposition = int(Disposition.default | Disposition.forced)
    packet = av.Packet(b"There before")
    packet.stream, packet.pts, packet.dts, packet.duration = sub, 100, 100, 200
    packet.time_base = sub.codec_context.time_base
    return [packet]


def cover() -> bytes:
    codec = av.CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 8, 8, "rgb24", Fraction(1, 25)
    image = av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), np.uint8))
    return b"".join(bytes(p) for p in [*codec.encode(image), *codec.encode(None)])


@pytest.mark.parametrize("is_default", [False, True])
def test_attachments_chapters_and_tags_of_a_film_are_kept(is_default: bool, tmp_path: Path) -> None:
    original = film(tmp_path / "a.mkv", "matroska", finish=furnished)
    ours = MuxTrack("kor", "ko", HEADER, [MuxCue(0, 400, "안녕")], is_default)
    with av.open(str(copied(original, "mkv", ours))) as made:
        assert [chapter["metadata"]["title"] for chapter in made.chapters()] == ["One", "두"]
        (font,) = [s for s in made.streams if s.type == "attachment"]
        assert (font.name, bytes(font.data)[: len(FONT)]) == ("letters.ttf", FONT)
        assert [bool(s.disposition & Disposition.attached_pic) for s in made.streams.video] == [
            False,
            True,
        ]
        assert {"title": "The film", "DIRECTOR": "Somebody"}.items() <= made.metadata.items()
        before, new = made.streams.subtitles
        assert (before.language, before.metadata["title"]) == ("eng", "Signs")
        assert before.disposition & Disposition.forced
        assert bool(before.disposition & Disposition.default) is not is_default
        assert bool(new.disposition & Disposition.default) is is_default


@pytest.mark.parametrize("is_default", [False, True])
@pytest.mark.parametrize("form", ["mp4", "mov"])
def test_the_new_track_is_shown_only_on_request(
    form: str, is_default: bool, tmp_path: Path
) -> None:
    ours = MuxTrack("kor", "ko", HEADER, [MuxCue(0, 400, "안녕")], is_default)
    copy = copied(film(tmp_path / f"a.{form}", form), form, ours)
    with av.open(str(copy)) as made:
        assert [int(s.disposition & Disposition.default) for s in made.streams] == [
            1,
            1,
            int(is_default),
        ]
    assert texts(copy, 0) == [(0.0, 0.4, "안녕")]


def test_rotation_and_tags_of_a_phone_video_are_kept(tmp_path: Path) -> None:
    def tags(out) -> list[av.Packet]:
        out.streams.video[0].codec_context.codec_tag = "hvc1"
        out.metadata["com.apple.quicktime.model"] = "iPhone"
        return []

    made = film(
        tmp_path / "a.mov", "mov", "libx265", of={"movflags": "use_metadata_tags"}, finish=tags,
        encoder={"x265-params": "log-level=none"},
    )  # fmt: skip
    copy = copied(turn(made, 90), "mov")
    with av.open(str(copy)) as file:
        assert file.streams.video[0].codec_context.codec_tag == "hvc1"
        assert file.metadata["com.apple.quicktime.model"] == "iPhone"
    assert probe(copy).video[0].rotation == probe(made).video[0].rotation != 0


@pytest.mark.parametrize("form", ["mp4", "mov"])
def test_names_of_sounds_are_kept(form: str, tmp_path: Path) -> None:
    def name(out) -> list[av.Packet]:
        out.streams.audio[0].metadata.update(title="Commentary", language="eng")
        return []

    with av.open(str(copied(film(tmp_path / f"a.{form}", form, finish=name), form))) as file:
        assert file.streams.audio[0].metadata["name"] == "Commentary"
        assert file.streams.audio[0].language == "eng"


def test_a_camera_s_time_code_is_kept(tmp_path: Path) -> None:
    def code(out) -> list[av.Packet]:
        out.streams.video[0].metadata["timecode"] = "01:02:03:04"
        return []

    original = film(tmp_path / "a.mov", "mov", finish=code)
    with av.open(str(copied(original, "mov"))) as file:
        assert file.streams.video[0].metadata["timecode"] == "01:02:03:04"


def test_the_pixel_aspect_is_kept(tmp_path: Path) -> None:
    if not has_ffmpeg():
        pytest.skip("PyAV does not tell Matroska of them")
    original = film(tmp_path / "a.mov", "mov", "mjpeg", pix_fmt="yuvj420p", sample_aspect_ratio=2)
    assert probe(original).video[0].pixel_aspect == 2
    assert mux(original, [KOREAN], tmp_path / "copy.mkv") == Copied()
    assert probe(tmp_path / "copy.mkv").video[0].pixel_aspect == 2


def test_missing_parts_of_the_copy_are_named() -> None:
    def track(kind: str, codec: str, **more) -> Track:
        known = {"language": None, "title": None, "dispositions": frozenset(), "tag": ""}
        return Track(kind, codec, **{**known, "aspect": 1.0, **more})

    before = Contents(
        (
            track("video", "vp8", aspect=2.0),
            track("audio", "aac", language="fre", dispositions=frozenset({"comment"})),
            track("subtitle", "ass", language="eng"),
            track("attachment", "letters.ttf"),
            track("cover", "mjpeg"),
        ),
        ("One", "Two"),
        {"title": "The film", "artist": "Somebody"},
        "01:00:00:00",
    )
    after = Contents(
        (track("video", "vp8"), track("audio", "aac")), (), {"artist": "Somebody"}, None
    )
    assert differences(before, after, frozenset(), frozenset()) == [
        "subtitle ass, eng",
        "attachment letters.ttf",
        "cover",
        "sample_aspect_ratio of video vp8: pixels 2.000 as wide as high",
        "disposition comment of audio aac, fre",
        "language of audio aac, fre",
        "chapters: 2 of 2",
        "the tag title (The film)",
        "timecode 01:00:00:00",
    ]
    assert differences(before, before, frozenset(), frozenset()) == []


def notes(out) -> list[av.Packet]:
    """Data, which Matroska does not take."""
    data = out.add_data_stream("timed_id3")
    packet = av.Packet(b"ID3 something")
    packet.stream, packet.pts, packet.dts, packet.time_base = data, 0, 0, Fraction(1, 90_000)
    return [packet]


def test_a_track_that_no_container_takes_is_named(tmp_path: Path) -> None:
    original = film(tmp_path / "a.ts", "mpegts", finish=notes)
    (lost,) = mux(original, [KOREAN], tmp_path / "copy.mkv").missing
    assert lost.startswith("data timed_id3")


def test_times_continue_where_a_clock_was_set_back() -> None:
    order, seen = Monotonic(), []
    for dts in (1000, 1040, 1040, 1030, 1080, 0, 40):
        packet = av.Packet(b"x")
        packet.pts, packet.dts, packet.duration, packet.time_base = dts, dts, 40, MS
        order.place(packet)
        seen.append(packet.dts)
    assert seen[:5] == [1000, 1040, 1041, 1042, 1080]
    assert seen[5] > 1080 and seen == sorted(set(seen))
    assert seen[6] - seen[5] == 40


def test_damage_loses_only_itself(tmp_path: Path) -> None:
    original = film(tmp_path / "a.ts", "mpegts", "mpeg2video", sound="mp2")
    data = original.read_bytes()
    original.write_bytes(data + data[:3000] + bytes(900) + data[3900:])
    copy = tmp_path / "copy.mkv"
    mux(original, [KOREAN], copy)
    with av.open(str(copy)) as made:
        times = [packet.pts for packet in made.demux(video=0) if packet.size]
    assert len(set(times)) == len(times) > 1.5 * FRAMES
    assert 900 < max(times) < 1100, "the second part follows the first"


def test_pictures_without_a_decoder_are_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"xxxx").replace(b"avcC", b"xxxx"))
    with pytest.raises(InputError, match="does not know"):
        look_at(path, 0)
