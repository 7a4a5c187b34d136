"""Pieces encoded apart and sound cut apart become one clip in which both are in step."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.errors import InputError
from reelmill.media.audio.cut import SoundCut, cut_sound
from reelmill.media.video.crop import Cropper, Window
from reelmill.media.video.encode import TICKS, Colour, Encoding, VideoFile, encoder_for, works
from reelmill.media.video.join import PicturePiece, join_clip
from reelmill.media.video.reader import open_pictures
from tests.media import films
from tests.media.films import film, heard, number_in, onsets
from tests.media.make import RATE, clicks, in_format, write

FLASHES = (1.0, 2.0, 3.52, 5.0, 8.0)
SPANS = ((0.4, 2.4), (3.0, 6.0), (7.6, 9.0))


def place(time: float, spans=SPANS) -> float | None:
    """Where a moment of the original is in the clip."""
    before = 0.0
    for start, end in spans:
        if start - 1e-6 <= time < end - 1e-6:
            return before + time - start
        before += end - start
    return None


def clip(source: Path, folder: Path, edges: tuple[float, ...]) -> Path:
    """What SPANS show, encoded in pieces from edge to edge."""
    pieces = []
    for number, (first, end) in enumerate(pairwise(edges)):
        path = folder / f"piece {number}.mp4"
        begin: int | None = None
        with (
            open_pictures(source) as pictures,
            VideoFile(path, 192, 128, 25, Encoding(), Colour()) as file,
        ):
            cropper = Cropper(192, 128)
            for time, frame in pictures.between(first, end):
                at = place(time)
                if at is not None:
                    ticks = round(at * TICKS)
                    begin = ticks if begin is None else begin
                    file.write(cropper.crop(frame, Window(0, 0, 192, 128)), ticks, TICKS // 25)
        pieces.append(PicturePiece(path, begin or 0))
    sound = folder / "sound.mp4"
    cut_sound(source, None, [SoundCut(sound, SPANS)])
    target = folder / "clip.mp4"
    join_clip(target, pieces, sound)
    return target


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    times = [i / 25 for i in range(250)]
    return film(tmp_path_factory.mktemp("films") / "film.mp4", times, flashes=FLASHES)


@pytest.mark.parametrize("edges", [(0.0, 10.0), (0.0, 4.0, 10.0), (0.0, 1.0, 2.0, 5.0, 8.0, 10.0)])
def test_picture_and_sound_are_in_step_after_every_cut(
    source: Path, tmp_path: Path, edges: tuple[float, ...]
) -> None:
    # proves: F4 F5
    made = clip(source, tmp_path, edges)
    frames = films.shown(made)
    wanted = [i for i in range(250) if place(i / 25) is not None]
    assert [number_in(luma) for _, luma in frames] == wanted
    for (time, _), number in zip(frames, wanted, strict=True):
        assert time == pytest.approx(place(number / 25), abs=0.001)
    flashes = [place(flash) for flash in FLASHES]
    clicks = onsets(heard(made))
    assert clicks == pytest.approx(flashes, abs=0.01)
    lit = [time for time, luma in frames if luma[64:].mean() > 200]
    assert lit[::2] == pytest.approx(flashes, abs=0.001)


def test_picture_and_sound_end_together(source: Path, tmp_path: Path) -> None:
    # proves: F4
    made = clip(source, tmp_path, (0.0, 4.0, 10.0))
    with av.open(str(made)) as container:
        ends = [float(s.duration * s.time_base) for s in container.streams]
    assert ends == pytest.approx([6.4, 6.4], abs=0.03)
    data = made.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")  # plays before all is there


def test_frames_of_variable_rate_keep_their_times(tmp_path: Path) -> None:
    times = [0.0, 0.5, 0.9, 1.0, 1.02, 2.0, 2.3, 3.0, 3.1, 4.2, 5.9, 8.0, 8.5]
    varying = film(tmp_path / "vfr.mkv", times, flashes=(1.0, 3.0, 8.0), seconds=9.0)
    frames = films.shown(clip(varying, tmp_path, (0.0, 3.0, 9.0)))
    kept = [(place(t), i) for i, t in enumerate(times) if place(t) is not None]
    assert [number_in(luma) for _, luma in frames] == [i for _, i in kept]
    # The first piece begins at its first frame; all later ones keep their distance to it.
    first = kept[0][0]
    for (time, _), (at, _) in zip(frames, kept, strict=True):
        assert time - frames[0][0] == pytest.approx(at - first, abs=0.002)


def test_missing_sound_becomes_silence(tmp_path: Path) -> None:
    # proves: F4
    path = in_format(tmp_path / "call.m4a", "m4a", gap=(2.5, 3.0))
    late = tmp_path / "late.mp4"
    cut_sound(path, None, [SoundCut(late, ((1.5, 9.0),))])
    samples = heard(late)
    assert len(samples) / RATE == pytest.approx(7.5, abs=0.03)
    # The click at 4.5 s of the sound lies behind the gap of 3 s, and what follows is silence.
    assert onsets(samples) == pytest.approx([0.5, 6.0], abs=0.03)


def test_many_cuts_are_made_in_one_pass_and_may_overlap(tmp_path: Path) -> None:
    path = in_format(tmp_path / "stereo.wav", "wav")
    cuts = [SoundCut(tmp_path / f"{n}.mp4", ((n * 0.5, n * 0.5 + 2.0),)) for n in range(4)]
    cut_sound(path, None, cuts)
    for number, cut in enumerate(cuts):
        inside = [t - number * 0.5 for t in (0.5, 2.0, 4.5) if 0 <= t - number * 0.5 < 1.9]
        found = [t for t in onsets(heard(cut.path)) if t > 0.02]
        assert found == pytest.approx([t for t in inside if t > 0.02], abs=0.012)


def test_a_video_without_sound_is_reported(tmp_path: Path) -> None:
    path = film(tmp_path / "silent.mp4", [0.0, 0.04], sound=False)
    with pytest.raises(InputError, match="has no sound"):
        cut_sound(path, None, [SoundCut(tmp_path / "no.mp4", ((0.0, 1.0),))])


def test_the_encoder_that_works_is_chosen() -> None:
    # proves: F4
    assert works("x264")
    wanted = "nvenc" if works("nvenc") else "x264"
    assert encoder_for(Encoding("auto")) == wanted
    assert encoder_for(Encoding("nvenc")) == wanted
    assert encoder_for(Encoding("x264")) == "x264"


def test_a_better_quality_makes_a_larger_file(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (128, 192, 3), dtype=np.uint8)
    sizes = []
    for quality in (15, 35):
        path = tmp_path / f"{quality}.mp4"
        with VideoFile(path, 192, 128, 25, Encoding(quality=quality), Colour()) as file:
            frame = av.VideoFrame.from_ndarray(noise, "rgb24").reformat(format="yuv420p")
            file.write(frame, 0, 3600)
        sizes.append(path.stat().st_size)
    assert sizes[0] > 1.3 * sizes[1]


def test_colours_are_kept_in_clips(tmp_path: Path) -> None:
    box = [(60, 60, 60, 50)] * 30
    path = film(tmp_path / "red.mp4", [i / 25 for i in range(30)], boxes=box, sound=False)
    out = tmp_path / "out.mp4"
    with (
        open_pictures(path) as pictures,
        VideoFile(out, 64, 64, 25, Encoding(quality=12), Colour()) as file,
    ):
        for time, frame in pictures.between(0, 9):
            cut = Cropper(64, 64).crop(frame, Window(66, 62, 44, 44))
            file.write(cut, round(time * TICKS), 3600)
    middle = films.colours(out)[20][20:40, 20:40].reshape(-1, 3).mean(axis=0)
    assert np.abs(middle - (220, 30, 30)).max() < 12


def test_sound_that_becomes_stereo_within_the_file_is_cut(tmp_path: Path) -> None:
    # proves: F6
    form = {"container": "adts", "codec": "aac", "rate": 48_000}
    path = write(tmp_path / "a.aac", clicks(2.0, 48_000, (1.0,)), **form)
    more = write(tmp_path / "b.aac", clicks(2.0, 48_000, (1.0,), channels=2), **form)
    path.write_bytes(path.read_bytes() + more.read_bytes())
    made = tmp_path / "sound.mp4"
    cut_sound(path, None, [SoundCut(made, ((0.0, 4.0),))])
    assert onsets(heard(made)) == pytest.approx([1.0, 3.0], abs=0.06)
