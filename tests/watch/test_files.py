"""What in a folder is a whole recording."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reelmill.watch.file_systems import is_network, network_file_system
from reelmill.watch.files import is_partial, is_written, recordings_in


@pytest.mark.parametrize(
    ("name", "partial"),
    [
        ("a.wav", False),
        ("a.wav.part", True),
        ("Unconfirmed 123.crdownload", True),
        ("film.mp4.download/film.mp4", True),
        ("sub/a.WAV.FilePart", True),
        ("~$a.mp3", True),
        ("part/a.wav", False),
        ("apart.wav", False),
    ],
)
def test_names_of_unfinished_downloads(name: str, partial: bool) -> None:
    assert is_partial(name) is partial


def test_recordings_in__leaves_out_what_other_commands_do_and_unfinished_files(
    tmp_path: Path,
) -> None:
    folder, out = tmp_path / "in", tmp_path / "in" / "out"
    for name in ("a.wav", "sub/b.mp4", ".hidden.wav", "c.txt", "d.wav.part", "out/e.wav"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"RIFF\0\0\0\0WAVE")
    found, partial = recordings_in(folder, out)
    assert {source.wanted_name for source in found.values()} == {"a", "sub/b"}
    assert partial == 1


def test_is_written__while_another_program_has_the_file_open_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF")
    assert not is_written(str(path))
    code = f"import sys; f = open({str(path)!r}, 'ab'); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None and writer.stdin is not None
        writer.stdout.readline()
        assert is_written(str(path))
        writer.stdin.close()
    assert not is_written(str(path))
    with path.open("rb"):  # reading does not count
        assert not is_written(str(path))


def test_is_written__while_a_download_has_a_file_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"x")
    control = tmp_path / "a.mp4.aria2"
    control.touch()
    assert is_written(str(path))
    control.unlink()
    assert not is_written(str(path))


def test_is_written__a_file_that_is_not_there_is_not(tmp_path: Path) -> None:
    assert not is_written(str(tmp_path / "gone.wav"))


class Mount:
    def __init__(self, mountpoint: str, fstype: str) -> None:
        self.mountpoint, self.fstype = mountpoint, fstype


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/srv/calls", "nfs4"),
        ("/srv/calls/2026", "nfs4"),
        ("/srv/callsigns", None),
        ("/srv/calls/local", None),
        ("/srv", "nfs4"),  # a part of it
        ("/home/lee", None),
        ("/home/kim/cloud/a", "fuse.rclone"),
    ],
)
def test_network_file_system__by_the_closest_mount(
    monkeypatch: pytest.MonkeyPatch, folder: str, kind: str | None
) -> None:
    mounts = [
        Mount("/", "ext4"),
        Mount("/srv/calls", "nfs4"),
        Mount("/srv/calls/local", "xfs"),
        Mount("/home/kim/cloud", "fuse.rclone"),
        Mount("/dev/shm", "tmpfs"),
    ]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: mounts)
    monkeypatch.setattr(os.path, "realpath", str)
    assert network_file_system(Path(folder)) == kind


def test_is_network__local_disks_are_not() -> None:
    kinds = ("ext4", "fuseblk", "CIFS", "fuse.sshfs", "9p")
    assert [kind for kind in kinds if is_network(kind)] == ["CIFS", "fuse.sshfs", "9p"]
