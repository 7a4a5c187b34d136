"""Errors of FFmpeg with the system's numbers are damage; those of our reader are the disk's."""

from __future__ import annotations

import errno
from pathlib import Path

import av.error
import pytest

from reelmill.errors import TransientError
from reelmill.media.container import read_error


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
