"""Subtitles drawn into the picture of a copy; its sound is copied as it is."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from reelmill.core.atomic import replacing_by_name
from reelmill.core.recording import Recording, open_original
from reelmill.errors import InputError, UsageError
from reelmill.media.container import open_container, shown
from reelmill.media.ffmpeg import FfmpegError, input_arguments, run_ffmpeg
from reelmill.media.video.mux import clock_start

#: How libass says that no font on the machine has a character.
_NO_GLYPH = re.compile(r"failed to find any fallback with glyph 0x([0-9A-Fa-f]+)")
_CONTAINERS = {"mp4": "mp4", "mkv": "matroska"}


def script_shift(video: Path | Recording) -> float:
    """Seconds by which a script has to be moved: ffmpeg's clock starts with the first packet.

    Raises:
        InputError: not a recording FFmpeg can open.
    """
    with open_original(video) as original, open_container(original) as source:
        zero, start = clock_start(source)
    return zero - start


def burn(video: Path | Recording, script: Path, target: Path) -> None:
    """Draw the ASS `script` into a copy of `video`, written to `target` (.mp4 or .mkv).

    The script's own name must be plain: it becomes part of ffmpeg's filter language. Letters come
    from the fonts of this machine; fonts that a video or a script carries are not used.

    Raises:
        InputError: ffmpeg cannot read or write this video.
        ChangedError, LimitError: as `open_original` and `open_container`.
        UsageError: there is no fit ffmpeg, or no font for the letters.
        OSError: the disk is full, say.
    """
    container = _CONTAINERS[target.suffix.lstrip(".")]
    missing: set[str] = set()
    of = video if isinstance(video, Recording) else None
    with open_original(video) as original, replacing_by_name(target, of=of) as part:
        with open_container(original) as opened:  # refuses what is no recording, or too large
            form = opened.format.name
        arguments = [
            *(*input_arguments(original.descriptor, form), "-map", "0:v:0", "-map", "0:a?"),
            *("-vf", f"ass=filename={script.name}", "-c:v", "libx264", "-preset", "veryfast"),
            *("-crf", "18", "-pix_fmt", "yuv420p", "-c:a", "copy", "-map_metadata", "0"),
            *("-f", container, f"file:{part.absolute()}"),
        ]
        if container == "mp4":
            arguments[-3:-3] = ["-movflags", "+faststart"]
        try:
            for line in run_ffmpeg(arguments, script.parent, original.descriptor):
                if found := _NO_GLYPH.search(line):
                    missing.add(chr(int(found[1], 16)))
                    _complain_of_letters(missing)
        except FfmpegError as error:
            raise InputError(
                f"{shown(original.path)}: subtitles cannot be burned in: {error}"
            ) from error


def _complain_of_letters(missing: set[str]) -> None:
    """Raises UsageError when a letter, not a mere symbol, would be an empty box."""
    letters = sorted(c for c in missing if unicodedata.category(c).startswith("L"))
    if letters:
        raise UsageError(
            f"no font on this machine has {''.join(letters)!r}: install one (Debian and Ubuntu: "
            "fonts-noto-cjk) or name another with --style font=..., then run this again"
        )
