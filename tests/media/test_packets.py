"""Errors of FFmpeg with the system's numbers are damage; those of our reader are the disk's."""

from __future__ import annotations

import errno
from pathlib import Path

import av
import av.error
import pytest

from reelmill.core.recording import OriginalReader, open_original
from reelmill.errors import TransientError, kind_of
from reelmill.media.container import read_error
from reelmill.media.packets import readable_packets
from tests.media.make import in_format


@pytest.mark.parametrize("number", [errno.EPERM, errno.EAGAIN, errno.EIO, errno.EINVAL])
def test_any_error_of_ffmpeg_counts_as_damage(number: int) -> None:
    # proves: G8 V1
    with pytest.raises(av.error.FFmpegError) as raised:
        av.error.err_check(-number)
    assert isinstance(raised.value, OSError) or number == errno.EINVAL
    assert read_error(Path("a.aac"), raised.value) is None


def test_a_read_error_is_reported_as_one_of_the_disk() -> None:
    told = read_error(Path("a.aac"), OSError(errno.EIO, "Input/output error"))
    assert isinstance(told, TransientError) and "a.aac: reading stopped" in str(told)


class Refusing(OriginalReader):
    """A file that from some time on says that one cannot go elsewhere in it now."""

    refuses = False

    def seek(self, offset: int, whence: int = 0) -> int:
        return -errno.EAGAIN if self.refuses else super().seek(offset, whence)


@pytest.mark.parametrize("name", ["opus", "mp3"])
def test_what_ffmpeg_calls_unavailable_is_not_the_disk(name: str, tmp_path: Path) -> None:
    # proves: G8 V1
    path = in_format(tmp_path / f"a.{name}", name)
    with open_original(path) as original:
        reader = Refusing(original)
        opened = av.open(reader, buffer_size=512)
        reader.refuses = True
        with pytest.raises(av.error.FFmpegError) as raised:
            opened.seek(500_000)
        assert isinstance(raised.value, OSError) and raised.value.errno == errno.EAGAIN
        assert kind_of(raised.value) == "input"
        assert read_error(path, raised.value) is None
        assert len(list(readable_packets(opened, None, path, lambda: None))) > 10
    assert kind_of(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")) == "transient"
