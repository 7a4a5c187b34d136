"""Recordings are recognized by how they begin, and other files are not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reelmill.media.content import holds_recording, is_recording
from tests.media.films import film
from tests.media.make import FORMATS, in_format


@pytest.mark.parametrize("kind", FORMATS)
def test_sound_of_all_formats_is_recognized_by_content(tmp_path: Path, kind: str) -> None:
    # proves: V1
    path = in_format(tmp_path / "nameless", kind)
    assert holds_recording(path)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "webm"])
def test_films_are_recognized_by_content(tmp_path: Path, suffix: str) -> None:
    codec = "libvpx" if suffix == "webm" else "libx264"
    path = film(tmp_path / f"a.{suffix}", [0, 0.04, 0.08], codec=codec, sound=False)
    assert holds_recording(path)


@pytest.mark.parametrize(
    "head",
    [b"", b"\xff\xd8\xff\xe0JFIF" + bytes(99), b"\x89PNG\r\n", b"%PDF-1.7", b"PK\x03\x04", b"hello",
     b"RIFF\0\0\0\0WEBPVP8 ", b"\0\0\0\x18ftypheic", bytes(4096), b"\xff" * 4096, b"G" * 100],
)  # fmt: skip
def test_other_files_are_not_recognized_as_recordings(head: bytes) -> None:
    assert not is_recording(head)


def test_pipes_links_and_unreadable_files_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    in_format(tmp_path / "a.wav", "wav")
    (tmp_path / "link").symlink_to(tmp_path / "a.wav")
    assert not any(holds_recording(tmp_path / name) for name in ("pipe", "link", "nowhere"))
