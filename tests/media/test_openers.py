"""FFmpeg opens only the given recording: no list leads to other files, whatever its name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import numpy as np
import pytest
from av.format import ContainerFormat, formats_available

from reelmill.core import recording as recording_module
from reelmill.core.recording import Identity, Recording, read_state
from reelmill.errors import ChangedError, InputError, TransientError, UsageError
from reelmill.media import formats
from reelmill.media.audio.decode import decode
from reelmill.media.ffmpeg import (
    FfmpegError,
    ffmpeg_with_subtitles,
    input_arguments,
    run_ffmpeg,
)
from reelmill.media.probe import probe
from reelmill.media.video.mux import mux
from tests.media.make import LISTS, in_format, list_of_others, open_fifos, write
from tests.media.video.test_burn import KOREAN, ass, burned, video


@contextmanager
def nothing_opened(folder: Path) -> Iterator[None]:
    """Whoever opens a FIFO for reading lets its writer through: nobody does."""
    with open_fifos(folder) as opened:
        began = time.monotonic()
        yield
        assert time.monotonic() - began < 20
        time.sleep(0.05)
        assert opened() == []


@pytest.mark.parametrize("suffix", ["mp4", "wav", "jpg", "bin"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_other_files_is_refused_without_opening_them(
    kind: str, suffix: str, tmp_path: Path
) -> None:
    # proves: G8 G18
    path = list_of_others(tmp_path / f"evidence.{suffix}", kind)
    with nothing_opened(tmp_path), pytest.raises(InputError, match=rf"evidence\.{suffix}: "):
        probe(path)


@pytest.mark.parametrize("kind", ["ffconcat", "hls"])
def test_the_ffmpeg_program_for_burning_opens_no_other_file(kind: str, tmp_path: Path) -> None:
    # proves: G18
    path = list_of_others(tmp_path / "evidence.mp4", kind)
    form = {"ffconcat": "concat", "hls": "hls"}[kind]
    with path.open("rb") as file, nothing_opened(tmp_path):
        try:
            program = ffmpeg_with_subtitles()
        except UsageError as error:
            pytest.skip(str(error))
        arguments = [*input_arguments(file.fileno(), form, program), "-f", "null", "-"]
        with pytest.raises(FfmpegError):
            list(run_ffmpeg(arguments, tmp_path, file.fileno(), program))
    with nothing_opened(tmp_path), pytest.raises(InputError, match=r"evidence\.mp4"):
        burned(path, ass(tmp_path, "Hello"), tmp_path / "b.mp4")


def test_every_format_of_this_ffmpeg_is_allowed_or_refused_on_purpose() -> None:
    known = formats.RECORDINGS | formats.OPENERS | formats.DEVICES | formats.TEXT
    readable: set[str] = set()
    for name in formats_available:
        try:
            readable.update(ContainerFormat(name, "r").name.split(","))
        except ValueError:  # only written
            continue
    assert readable - known == set(), "say in media/formats.py what these are"
    assert not formats.RECORDINGS & (formats.OPENERS | formats.DEVICES | formats.TEXT)


def test_a_picture_is_read_as_one_file_and_not_as_a_pattern_of_names(tmp_path: Path) -> None:
    path = tmp_path / "frame%03d.jpg"
    with av.open(f"file:{path}", "w", format="mjpeg") as output:
        stream = output.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        output.mux(stream.encode(av.VideoFrame(64, 48, "yuvj420p")))
        output.mux(stream.encode(None))
    (track,) = probe(path).video
    assert (track.width, track.height) == (64, 48)


def recording(path: Path) -> Recording:
    return Recording(path, path.stem, path.parent, read_state(path), Identity.of(path.stat()))


def _mux(one: Recording, folder: Path) -> None:
    mux(one, [KOREAN], folder / "copy.mp4")


def _decode(one: Recording, folder: Path) -> None:
    with (folder / "x.pcm").open("wb") as sink:
        decode(one, sink)


USES: dict[str, Callable[[Recording, Path], object]] = {
    "probe": lambda one, _: probe(one),
    "decode": _decode,
    "mux": _mux,
    "burn": lambda one, folder: burned(one, ass(folder, "Hello"), folder / "burned.mp4"),
}


@pytest.mark.parametrize("use", USES)
def test_a_file_swapped_after_hashing_is_not_used(use: str, tmp_path: Path) -> None:
    # proves: G14
    one = recording(video(tmp_path / "a.mp4"))
    other = in_format(tmp_path / "b.mp4", "m4a")
    os.utime(other, ns=(one.state.mtime_ns, one.state.mtime_ns))
    other.replace(one.path)
    with pytest.raises(ChangedError, match=r"a\.mp4: changed during the run"):
        USES[use](one, tmp_path)
    assert not (tmp_path / "burned.mp4").exists()


def test_a_failed_read_is_never_treated_as_the_end_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G8
    path = write(
        tmp_path / "a.wav",
        np.zeros((1, 400_000), np.float32),
        container="wav",
        codec="pcm_s16le",
        rate=16_000,
    )
    real = os.preadv

    def breaks(descriptor: int, buffers: list[memoryview], offset: int) -> int:
        if offset > 300_000:
            raise OSError(5, "Input/output error")
        return real(descriptor, buffers, offset)

    one = recording(path)
    monkeypatch.setattr(recording_module.os, "preadv", breaks)
    with pytest.raises(TransientError, match=r"a\.wav: reading stopped"):
        _decode(one, tmp_path)


def test_an_input_error_of_ffmpeg_in_truncated_files_counts_as_damage(tmp_path: Path) -> None:
    # proves: G8
    path = in_format(tmp_path / "a.mkv", "mka-aac")
    path.write_bytes(path.read_bytes()[:-3000])
    with (tmp_path / "x.pcm").open("wb") as sink:
        assert decode(path, sink).samples > 0
