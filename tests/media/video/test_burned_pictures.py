"""Text in the picture is visible in time, upright and in its own shape, for any picture."""

# proves: S5

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pysubs2
import pytest

from reelmill.errors import UsageError
from reelmill.media.ffmpeg import ffmpeg_with_subtitles
from reelmill.media.fonts import lacking
from reelmill.media.video.burn import Script, burn, look_at
from reelmill.media.video.mux import Copied, copy_suffix
from tests.media.films import turn

WHITE = 190


@pytest.fixture(autouse=True)
def _letters() -> None:
    try:
        if lacking("H", "Sans"):
            pytest.skip("no font here")
    except UsageError as error:
        pytest.skip(str(error))


def video(
    path: Path,
    times: tuple[float, ...] = tuple(n / 10 for n in range(10)),
    size: tuple[int, int] = (160, 120),
    pix_fmt: str = "yuv420p",
    **options,
) -> Path:
    """Dark pictures at `times`; `options` are the encoder's properties."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream(options.pop("codec", "libx264"), 10, options=options.pop("of", {}))
        stream.width, stream.height = size
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = Fraction(1, 1000)
        for name, value in options.items():
            setattr(stream.codec_context, name, value)
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 40, np.uint8))
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = round(time * 1000), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def burned(original: Path, text: str = "HH", start: float = 0.3, end: float = 0.7) -> Path:
    """The copy with a text in white without an outline, whose letters are squares or so."""
    seen, shift = look_at(original, 0)
    width, height = seen.shown
    script = pysubs2.SSAFile()
    script.info.update(PlayResX=str(width), PlayResY=str(height), ScaledBorderAndShadow="yes")
    script.styles["Default"] = pysubs2.SSAStyle(
        fontname="Sans", fontsize=height // 3, outline=0, shadow=0, bold=True
    )
    times = (round((start + shift) * 1000), round((end + shift) * 1000))
    script.append(pysubs2.SSAEvent(*times, text=text))
    path = original.parent / "script.ass"
    script.save(str(path))
    target = original.parent / f"burned.{copy_suffix(original, 0)}"
    lines = Script(path, ((times[0] / 1000, times[1] / 1000),))
    assert burn(original, lines, target, seen) == Copied()
    return target


def frames(path: Path) -> list[tuple[float, np.ndarray]]:
    """Time and luma of each picture, upright."""
    with av.open(str(path)) as file:
        return [(f.time, f.to_ndarray(format="gray")) for f in file.decode(video=0)]


def shown_at(path: Path) -> list[float]:
    return [round(time, 2) for time, luma in frames(path) if luma.max() > WHITE]


def shape(path: Path, aspect: float = 1.0) -> float:
    """Width of the text on screen by its height."""
    luma = next(luma for _, luma in frames(path) if luma.max() > WHITE)
    rows, columns = np.nonzero(luma > WHITE)
    return float(np.ptp(columns) * aspect / np.ptp(rows))


def test_pictures_are_repeated_where_a_text_would_not_be_seen(tmp_path: Path) -> None:
    slides = video(tmp_path / "slides.mp4", (0.0, 2.0))
    assert ffmpeg_with_subtitles()
    seen = shown_at(burned(slides, start=0.5, end=1.5))
    assert abs(seen[0] - 0.5) <= 0.1 and abs(seen[-1] - 1.4) <= 0.1 and len(seen) == 10


def test_a_text_after_the_last_picture_is_visible(tmp_path: Path) -> None:
    still = video(tmp_path / "still.mp4", (0.0,))
    seen = shown_at(burned(still, start=1.0, end=2.0))
    assert abs(seen[0] - 1.0) <= 0.11 and abs(seen[-1] - 1.9) <= 0.11


def test_pictures_are_not_repeated_without_need(tmp_path: Path) -> None:
    times = (0.0, 0.1, 0.17, 0.3, 0.41, 0.5, 0.58, 0.7, 0.8)
    copy = burned(video(tmp_path / "phone.mp4", times))
    assert [round(time, 2) for time, _ in frames(copy)] == list(times)


@pytest.mark.parametrize("size", [(161, 121), (160, 121)])
def test_odd_sizes_do_not_lose_a_line(size: tuple[int, int], tmp_path: Path) -> None:
    copy = burned(video(tmp_path / "odd.mp4", size=size, pix_fmt="yuv444p"))
    assert shown_at(copy)
    _, luma = frames(copy)[0]
    assert luma.shape == (122, size[0] + size[0] % 2) and np.ptp(luma) < 4, "no black line"


def test_letters_keep_their_shape_on_wide_pixels_and_on_turned_films(tmp_path: Path) -> None:
    square = shape(burned(video(tmp_path / "square.mp4")))
    wide = video(tmp_path / "wide.mp4", size=(80, 120), sample_aspect_ratio=Fraction(2))
    assert shape(burned(wide), aspect=2) == pytest.approx(square, rel=0.2)
    turned = burned(turn(video(tmp_path / "turned.mp4", size=(120, 160)), 90))
    assert frames(turned)[0][1].shape == (120, 160)
    assert shape(turned) == pytest.approx(square, rel=0.1)


def test_hdr_becomes_sdr_with_text_in_reference_white(tmp_path: Path) -> None:
    hdr = video(
        tmp_path / "hdr.mp4", codec="libx265", pix_fmt="yuv420p10le", color_trc=16,
        color_primaries=9, colorspace=9, of={"x265-params": "log-level=none"},
    )  # fmt: skip
    copy = burned(hdr)
    with av.open(str(copy)) as file:
        frame = next(file.decode(video=0))
        assert (frame.color_trc, frame.color_primaries, frame.colorspace) == (1, 1, 1)
        assert 16 <= frame.to_ndarray()[0, 0] < 60
    assert shown_at(copy) == [0.3, 0.4, 0.5, 0.6]


def test_colours_are_kept_in_the_burned_copy(tmp_path: Path) -> None:
    path = tmp_path / "red.avi"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("png", 10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "rgb24"
        image = np.zeros((48, 64, 3), np.uint8)
        image[..., 0] = 255
        out.mux(stream.encode(av.VideoFrame.from_ndarray(image)))
        out.mux(stream.encode(None))
    with av.open(str(burned(path))) as file:
        frame = next(file.decode(video=0))
        assert frame.colorspace == 1, "BT.709"
        assert float(frame.to_ndarray()[0, 0]) == pytest.approx(63, abs=3)


def test_interlaced_pictures_stay_interlaced(tmp_path: Path) -> None:
    film = video(tmp_path / "tv.mp4", of={"x264-params": "interlaced=1"})
    copy = burned(film)
    with av.open(str(copy)) as file:
        assert all(frame.interlaced_frame for frame in file.decode(video=0))
    assert shown_at(copy)


def test_punctuation_of_arabic_is_at_the_end_of_the_line(tmp_path: Path) -> None:
    from reelmill.export.subtitles.direction import directed

    if lacking("ن", "Sans"):
        pytest.skip("no Arabic letters here")
    plain = burned(video(tmp_path / "a.mp4"), directed("نننن"))
    marked = burned(video(tmp_path / "b.mp4"), directed("نننن|"))

    def tall(path: Path) -> float:
        """Where on its line the text is tallest, 0 left to 1 right."""
        luma = next(luma for _, luma in frames(path) if luma.max() > WHITE) > WHITE
        columns = np.flatnonzero(luma.any(axis=0))
        heights = luma.sum(axis=0)
        return float((heights.argmax() - columns[0]) / np.ptp(columns))

    assert shown_at(plain)
    assert tall(marked) < 0.1


def test_x264_is_used_if_nvenc_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    film = video(tmp_path / "a.mp4", size=(320, 240))
    monkeypatch.setattr("reelmill.media.video.burn.encoder_for", lambda encoding: "nvenc")
    assert shown_at(burned(film)) == [0.3, 0.4, 0.5, 0.6]
