"""Sound of clips is copied as it is where it can be, in step with the pictures."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from reelmill.errors import InputError
from reelmill.media.audio.copied import copy_sound
from reelmill.media.audio.cut import SoundCut
from reelmill.media.video.encode import Colour, Encoding, VideoFile
from reelmill.media.video.join import PicturePiece, join_clip
from tests.media.films import film, heard, onsets
from tests.media.make import RATE, clicks, in_format, write

AAC_RATE = 48_000
#: Half a packet, s.
HALF = 512 / AAC_RATE
SPANS = ((0.4, 2.41), (3.0, 6.037), (7.6, 9.0))
FLASHES = (1.0, 2.0, 3.52, 5.0, 8.0)


def decoded(path: Path) -> np.ndarray:
    """The samples of a file as a player has them: (channels, n)."""
    with av.open(str(path)) as source:
        return np.concatenate([f.to_ndarray() for f in source.decode(audio=0)], axis=1)


def rising(path: Path, channels: int = 1, container: str = "mp4", rate: int = AAC_RATE) -> Path:
    """Ten seconds of a tone that rises, so that every moment sounds different."""
    times = np.arange(10 * rate) / rate
    sound = 0.4 * np.sin(2 * np.pi * (200 * times + 150 * times**2)).astype(np.float32)
    return write(path, np.tile(sound, (channels, 1)), container=container, codec="aac", rate=rate)


def shift_of(made: np.ndarray, whole: np.ndarray, at: int, end: int) -> tuple[int, float]:
    """By how many samples what is heard from 3,000 to `end` of `made` is later in the original than
    after `at`, and how much it then differs."""
    piece = made[:, 3000:end]
    errors = {
        shift: float(np.abs(piece - whole[:, at + 3000 + shift : at + end + shift]).max())
        for shift in range(-600, 601)
    }
    best = min(errors, key=lambda shift: errors[shift])
    return best, errors[best]


def copied(source: Path, target: Path, *spans: tuple[float, float]) -> Path:
    assert copy_sound(source, None, [SoundCut(target, spans)]) == 0
    return target


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("container", ["mp4", "matroska", "flv"])
def test_a_stretch_has_the_very_samples_of_the_recording(
    tmp_path: Path, container: str, channels: int
) -> None:
    # proves: F4
    source = rising(tmp_path / "film", channels, container)
    whole = decoded(source)
    with av.open(str(source)) as opened:
        first = next(opened.decode(audio=0))
        late = round(float(first.time) * AAC_RATE)
    for start in (0.2, 3.0, 4.321):
        made = decoded(copied(source, tmp_path / f"{start}.mp4", (start, start + 2.0)))
        at = round(start * AAC_RATE) - late
        shift, error = shift_of(made, whole, at, 9000)
        # Matroska and FLV round their times to 1 ms.
        assert abs(shift) <= 512 + (0 if container == "mp4" else 48)
        assert error < 1e-3
        assert made.shape[1] == pytest.approx(2 * AAC_RATE, abs=1024)


def test_every_stretch_is_in_step_and_nothing_drifts(tmp_path: Path) -> None:
    # proves: F4
    source = rising(tmp_path / "film.mp4")
    whole = decoded(source)
    spans = tuple((k * 0.5 + 0.013 * (k % 3), k * 0.5 + 0.3) for k in range(19))
    made = decoded(copied(source, tmp_path / "cut.mp4", *spans))
    at = 0.0
    for start, end in spans:
        place = round(at * AAC_RATE)
        shift, error = shift_of(made[:, place:], whole, round(start * AAC_RATE), 9000)
        assert abs(shift) <= 512
        assert error < 1e-3
        at += end - start
    assert made.shape[1] / AAC_RATE == pytest.approx(at, abs=1024 / AAC_RATE)


def test_where_stretches_meet_nothing_clicks(tmp_path: Path) -> None:
    """A low tone whose phase jumps at the joint: a hard cut would have a step of its height."""
    moments = np.arange(10 * AAC_RATE) / AAC_RATE
    tone = (0.5 * np.sin(2 * np.pi * 60 * moments)).astype(np.float32)[None]
    source = write(tmp_path / "tone.mp4", tone, container="mp4", codec="aac", rate=AAC_RATE)
    joint = 1.0
    for later in (3.0, 3.004, 3.008, 3.0125):
        made = decoded(copied(source, tmp_path / "cut.mp4", (0.0, joint), (later, later + 1)))[0]
        steps = np.abs(np.diff(made[2048:-2048]))
        assert steps.max() < 3 * 0.5 * 2 * np.pi * 60 / AAC_RATE


def test_clips_are_as_long_as_their_stretches_and_in_step(tmp_path: Path) -> None:
    # proves: F4 F5
    source = film(tmp_path / "film.mp4", [i / 25 for i in range(250)], flashes=FLASHES)
    sound = copied(source, tmp_path / "sound.mp4", *SPANS)
    piece = tmp_path / "piece.mp4"
    frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8)).reformat(format="yuv420p")
    length = sum(end - start for start, end in SPANS)
    with VideoFile(piece, 64, 64, 25, Encoding(), Colour()) as file:
        for number in range(round(length * 25)):
            file.write(frame, number * 3600, 3600)
    join_clip(tmp_path / "clip.mp4", [PicturePiece(piece, 0)], sound)
    with av.open(str(tmp_path / "clip.mp4")) as container:
        ends = [float(s.duration * s.time_base) for s in container.streams]
        starts = [float(s.start_time * s.time_base) for s in container.streams]
    assert ends == pytest.approx([length, length], abs=0.041)
    assert starts == pytest.approx([0.0, 0.0], abs=0.001)
    at, wanted = 0.0, []
    for start, end in SPANS:
        wanted += [at + flash - start for flash in FLASHES if start <= flash < end]
        at += end - start
    assert onsets(heard(tmp_path / "clip.mp4")) == pytest.approx(wanted, abs=HALF + 0.002)


def test_missing_sound_becomes_silence(tmp_path: Path) -> None:
    # proves: F4
    source = in_format(tmp_path / "call.m4a", "m4a", gap=(2.5, 3.0))
    samples = heard(copied(source, tmp_path / "late.mp4", (1.5, 9.0)))
    assert len(samples) / RATE == pytest.approx(7.5, abs=0.03)
    assert onsets(samples) == pytest.approx([0.5, 6.0], abs=0.03)
    assert np.abs(samples[round(1.2 * RATE) : round(3.9 * RATE)]).max() < 1e-3
    nothing = heard(copied(source, tmp_path / "after.mp4", (20.0, 21.0)))
    assert np.abs(nothing).max(initial=0) < 1e-3


def test_sound_that_begins_late_begins_late_in_the_clip(tmp_path: Path) -> None:
    # proves: F4
    sound = clicks(4.0, AAC_RATE, (1.0, 3.0))
    form = {"container": "mp4", "codec": "aac", "rate": AAC_RATE, "offset": 1.5, "video": True}
    source = write(tmp_path / "late.mp4", sound, **form)
    samples = heard(copied(source, tmp_path / "cut.mp4", (0.5, 5.0)))
    assert onsets(samples) == pytest.approx([2.0, 4.0], abs=0.012)


def test_damaged_packets_are_silent_and_counted(tmp_path: Path) -> None:
    # proves: F6
    path = rising(tmp_path / "film.mp4")
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as source:
        hit = [p for p in source.demux(audio=0) if p.size][100:120]
    for packet in hit:
        data[packet.pos : packet.pos + packet.size] = b"\xff" * packet.size
    path.write_bytes(data)
    target = tmp_path / "cut.mp4"
    lost = copy_sound(path, None, [SoundCut(target, ((1.0, 4.0),))])
    assert lost == len(hit)
    made = decoded(target)  # all of it
    first = float(hit[1].pts * hit[1].time_base) - 1.0
    gap = made[0, round(first * AAC_RATE) + 1024 : round(first * AAC_RATE) + 18 * 1024]
    assert np.abs(gap).max() < 1e-3
    assert np.abs(made[0, : round(0.9 * AAC_RATE)]).max() > 0.3


def test_many_cuts_are_made_in_one_pass_and_may_overlap(tmp_path: Path) -> None:
    source = in_format(tmp_path / "call.m4a", "m4a")
    cuts = [SoundCut(tmp_path / f"{n}.mp4", ((n * 0.5, n * 0.5 + 2.0),)) for n in range(4)]
    assert copy_sound(source, None, cuts) == 0
    for number, cut in enumerate(cuts):
        inside = [t - number * 0.5 for t in (0.5, 2.0, 4.5) if 0.1 < t - number * 0.5 < 1.9]
        found = [t for t in onsets(heard(cut.path)) if 0.1 < t < 1.9]
        assert found == pytest.approx(inside, abs=0.013)


@pytest.mark.parametrize("name", ["wav", "mp3", "opus"])
def test_other_codecs_have_to_be_encoded(tmp_path: Path, name: str) -> None:
    source = in_format(tmp_path / "call", name)
    assert copy_sound(source, None, [SoundCut(tmp_path / "no.mp4", ((0.0, 1.0),))]) is None


@pytest.mark.parametrize(
    ("channels", "container", "rate"),
    [(6, "mp4", 48_000), (1, "adts", 48_000), (1, "mp4", 22_050)],
)
def test_other_forms_of_aac_have_to_be_encoded(
    tmp_path: Path, channels: int, container: str, rate: int
) -> None:
    """More channels than all players have; no header; packets longer than a picture."""
    source = rising(tmp_path / "film", channels, container, rate)
    assert copy_sound(source, None, [SoundCut(tmp_path / "no.mp4", ((0.0, 1.0),))]) is None


def test_a_recording_without_sound_is_reported(tmp_path: Path) -> None:
    path = film(tmp_path / "silent.mp4", [0.0, 0.04], sound=False)
    with pytest.raises(InputError, match="has no sound"):
        copy_sound(path, None, [SoundCut(tmp_path / "no.mp4", ((0.0, 1.0),))])
