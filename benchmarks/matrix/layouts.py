"""Files of many kinds made by the installed ffmpeg, and what its ffprobe says of a file."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

SECONDS = 120.0


@dataclass(frozen=True)
class Layout:
    """A file to be made.

    Attributes:
        name: the file's, with the suffix that decides the container.
        arguments: ffmpeg's as in a shell, up to the file's name; it runs where the ingredients are.
        encoders: those that the installed ffmpeg may lack.
        finish: changes the file where ffmpeg cannot (`mp4`'s matrix, bytes cut off).
    """

    name: str
    arguments: str
    encoders: tuple[str, ...] = ()
    finish: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class Row:
    """A line of the table: `outcome` is `absent` where the file could not be made here."""

    section: str
    name: str
    outcome: Literal["ok", "FAIL", "absent"]
    kept: str = ""
    said: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@cache
def encoders() -> frozenset[str]:
    """The names of all encoders that the installed ffmpeg has."""
    told = subprocess.run(
        ["ffmpeg", "-hide_banner", "-encoders"], check=True, capture_output=True, text=True
    )
    lines = (line.split() for line in told.stdout.splitlines())
    return frozenset(words[1] for words in lines if len(words) > 1)


def make(layout: Layout, ingredients: Path, target: Path) -> str | None:
    """Make the file; returns why that is not possible here, None when it is there."""
    lacking = [name for name in layout.encoders if name not in encoders()]
    if lacking:
        return f"this ffmpeg has no encoder {', '.join(lacking)}"
    done = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-y", *shlex.split(layout.arguments), str(target)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ingredients,
        timeout=SECONDS,
    )
    if done.returncode:
        return f"ffmpeg cannot make it: {done.stderr.strip().splitlines()[-1]}"
    if layout.finish is not None:
        layout.finish(target)
    return None


def ffprobe(path: Path, *more: str) -> dict[str, Any]:
    """Format, streams (with packets counted) and chapters, as ffprobe has them."""
    done = subprocess.run(
        [
            *("ffprobe", "-v", "error", "-of", "json", "-count_packets"),
            *("-show_format", "-show_streams", "-show_chapters", *more, str(path)),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def frames(path: Path, stream: str = "v:0") -> int:
    """How many pictures ffprobe counts by decoding."""
    done = subprocess.run(
        [
            *("ffprobe", "-v", "error", "-of", "json", "-count_frames", "-select_streams", stream),
            *("-show_entries", "stream=nb_read_frames", str(path)),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    return int(json.loads(done.stdout)["streams"][0]["nb_read_frames"])
