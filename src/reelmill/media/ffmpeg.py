"""An ffmpeg program with libass, for the one thing FFmpeg's libraries in PyAV cannot do."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from reelmill.errors import ReelmillError, UsageError

_PR_SET_PDEATHSIG = 1
_LINES_KEPT = 20
_ASK_SECONDS = 30


class FfmpegError(ReelmillError):
    """ffmpeg could not do it; the message has its last words."""

    kind = "input"


@lru_cache(maxsize=1)
def ffmpeg_with_subtitles() -> str:
    """The system's ffmpeg or imageio-ffmpeg's, whichever can draw subtitles.

    Raises:
        UsageError: there is none; says how to get one.
    """
    found = list(dict.fromkeys(_candidates()))
    for program in found:
        if _draws_subtitles(program):
            return program
    why = f"{', '.join(found)} has no libass" if found else "there is no ffmpeg here"
    raise UsageError(
        f"--burn needs an ffmpeg that can draw subtitles (libass), and {why}: "
        'pip install "reelmill[burn]", or leave out --burn (--mux needs none)'
    )


def _candidates() -> Iterator[str]:
    system = shutil.which("ffmpeg")
    if system:
        yield system
    try:
        import imageio_ffmpeg

        yield imageio_ffmpeg.get_ffmpeg_exe()
    except (ImportError, RuntimeError):  # not installed; or without a program for this system
        return


def _draws_subtitles(program: str) -> bool:
    try:
        told = subprocess.run(
            [program, "-nostdin", "-hide_banner", "-filters"],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return re.search(r"^\s*\S+\s+ass\s", told.stdout, re.MULTILINE) is not None


def run_ffmpeg(arguments: Sequence[str], folder: Path) -> Iterator[str]:
    """Run ffmpeg in `folder`; yields what it warns of, line by line. Ends with this process, and
    when the caller stops listening.

    Raises:
        UsageError: there is no fit ffmpeg.
        OSError: the disk is full.
        FfmpegError: it failed for another reason.
    """
    command = [ffmpeg_with_subtitles(), "-nostdin", "-hide_banner", "-loglevel", "warning", "-y"]
    process = subprocess.Popen(
        [*command, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=_end_with_parent,  # noqa: PLW1509 (a CPU worker has no threads of its own)
    )
    last: deque[str] = deque(maxlen=_LINES_KEPT)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            last.append(line.strip())
            yield line.strip()
        if process.wait() != 0:
            raise _failure(list(last))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _failure(lines: list[str]) -> Exception:
    if any("No space left on device" in line for line in lines):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return FfmpegError(f"ffmpeg failed: {' / '.join(lines[-3:]) or 'without a word'}")
