"""Run the ffmpeg program for what FFmpeg's libraries in PyAV cannot do: draw text with libass, and
copy streams whose codec tag in Matroska PyAV rejects (WMV)."""

from __future__ import annotations

import ctypes
import errno
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from reelmill.core.progress import tick
from reelmill.errors import ReelmillError, UsageError
from reelmill.media.formats import WHITELIST
from reelmill.media.limits import limits

_PR_SET_PDEATHSIG = 1
_LINES_KEPT = 20
#: The lines of `-progress` among its warnings.
_PROGRESS = re.compile(
    r"(frame|fps|stream_\d+_\d+_\w+|bitrate|total_size|out_time(_us|_ms)?|(dup|drop)_frames|speed"
    r"|progress)=\s*\S*$"
)
#: The prefix with which ffmpeg says which component logs, and its address.
_ADDRESS = re.compile(r"\[[^\]]* @ 0x[0-9a-f]+\] ")
_ASK_SECONDS = 30


class FfmpegError(ReelmillError):
    """ffmpeg failed. The message has its last log lines."""

    kind = "input"


@lru_cache(maxsize=1)
def ffmpeg_with_subtitles() -> str:
    """The ffmpeg of the system or of imageio-ffmpeg that can draw subtitles.

    Raises:
        UsageError: there is none; the message says how to get one.
    """
    found = list(dict.fromkeys(_candidates()))
    for program in found:
        if _draws_subtitles(program):
            return program
    why = f"{', '.join(found)} has no libass" if found else "no ffmpeg was found"
    raise UsageError(
        f"--burn needs an ffmpeg that can draw subtitles (libass), and {why}: "
        'pip install "reelmill[burn]", or leave out --burn (--mux needs none)'
    )


def any_ffmpeg() -> str:
    """The first ffmpeg found, with or without libass.

    Raises:
        UsageError: there is none.
    """
    program = next(_candidates(), None)
    if program is None:
        raise UsageError('no ffmpeg was found: pip install "reelmill[burn]"')
    return program


def has_ffmpeg() -> bool:
    """Whether an ffmpeg program is available."""
    return next(_candidates(), None) is not None


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
    return re.search(r"^\s*\S+\s+ass\s", _told(program, "-filters"), re.MULTILINE) is not None


def _told(program: str, question: str) -> str:
    """The program's output for an option that describes it; empty if it cannot be run."""
    try:
        told = subprocess.run(
            [program, "-nostdin", "-hide_banner", question],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASK_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout


@lru_cache
def own_times(program: str) -> tuple[str, str]:
    """The option that keeps the time of every picture; its name depends on the version."""
    found = re.match(r"ffmpeg version n?(\d+)\.(\d+)", _told(program, "-version"))
    is_old = found is not None and (int(found[1]), int(found[2])) < (5, 1)
    return ("-vsync" if is_old else "-fps_mode"), "vfr"


@lru_cache
def _reads_descriptors(program: str) -> bool:
    """Whether it has the protocol `fd` (FFmpeg 6.1), which can seek and opens nothing by name."""
    return re.search(r"^\s*fd\s*$", _told(program, "-protocols"), re.M) is not None


def input_arguments(descriptor: int, form: str, program: str) -> list[str]:
    """The arguments with which `program` reads an open file of the format `form` and can open
    nothing else: neither formats that refer to other files nor protocols other than that for the
    descriptor are allowed.

    ffmpeg before 6.1 gets the system's name for the descriptor, which always means that file, even
    if its own name now means another.
    """
    number = str(descriptor)
    if _reads_descriptors(program):
        protocol, source = "fd", ["-fd", number, "-i", "fd:"]
    else:
        protocol, source = "file", ["-i", f"file:/dev/fd/{number}"]
    return [
        *("-protocol_whitelist", protocol, "-format_whitelist", WHITELIST),
        *("-max_pixels", str(limits().max_pixels)),
        *("-f", form.split(",", maxsplit=1)[0], *source),
    ]


def run_ffmpeg(
    arguments: Sequence[str], folder: Path, descriptor: int, program: str
) -> Iterator[str]:
    """Run ffmpeg (`program`) in `folder`, and yield its warnings line by line. It ends with this
    process, or when the caller stops iterating. It inherits `descriptor`, for `input_arguments`.
    Its output counts as progress of the task.

    Raises:
        OSError: the disk is full.
        FfmpegError: it failed for another reason.
    """
    os.lseek(descriptor, 0, os.SEEK_SET)  # an earlier ffmpeg has moved the position
    command = [program, "-nostdin", "-hide_banner", "-loglevel", "warning", "-y"]
    process = subprocess.Popen(
        [*command, "-nostats", "-progress", "pipe:2", *arguments],
        cwd=folder,
        pass_fds=(descriptor,),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        preexec_fn=_prepare,  # noqa: PLW1509 (a CPU worker has no threads of its own)
    )
    last: deque[str] = deque(maxlen=_LINES_KEPT)
    assert process.stderr is not None
    try:
        reached = ""
        for line in map(str.strip, process.stderr):
            if _PROGRESS.match(line):
                if line.startswith("total_size=") and line != reached:
                    reached = line
                    tick()
                continue
            last.append(line)
            yield line
        if process.wait() != 0:
            raise _failure(list(last))
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stderr.close()


def _prepare() -> None:
    """Runs in ffmpeg's process before ffmpeg starts."""
    _end_with_parent()
    _allow_memory()


def _allow_memory() -> None:
    """Twice the memory that this process may use, because encoders look ahead over many
    pictures."""
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if soft != resource.RLIM_INFINITY:
        more = 2 * soft if hard == resource.RLIM_INFINITY else min(2 * soft, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (more, hard))


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _failure(lines: list[str]) -> Exception:
    if any("No space left on device" in line for line in lines):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    said = [_ADDRESS.sub("", line) for line in lines[-3:]]
    return FfmpegError(f"ffmpeg failed: {' / '.join(said) or 'without a message'}")
