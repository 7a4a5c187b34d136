"""Files of many kinds, made by the installed ffmpeg, and the facts that ffprobe gives about
them."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
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


@dataclass(frozen=True)
class Told:
    """What a run reported about a file: its findings, and why it failed."""

    said: list[str]
    failed: list[str]


@cache
def encoders() -> frozenset[str]:
    """The names of all encoders that the installed ffmpeg has."""
    told = subprocess.run(
        ["ffmpeg", "-hide_banner", "-encoders"], check=True, capture_output=True, text=True
    )
    lines = (line.split() for line in told.stdout.splitlines())
    return frozenset(words[1] for words in lines if len(words) > 1)


def tried(
    section: str,
    layouts: Sequence[Layout],
    folder: Path,
    command: Callable[[Sequence[Path], Path], Sequence[str]],
    row: Callable[[Layout, Path, Path, Told], Row],
) -> Iterator[Row]:
    """Make the layouts, run a command once over all of them, and check the results.

    Args:
        section: the name of the table's part.
        layouts: what to make, of the files in `folder / "ingredients"`.
        folder: to work in.
        command: the command for the files that were made and an output folder.
        row: makes a row from a layout, its file, the output folder and what the run reported about
            it.
    """
    films, out = folder / "films", folder / "out"
    films.mkdir()
    made = []
    for layout in layouts:
        why = make(layout, folder / "ingredients", films / layout.name)
        if why is None:
            made.append(layout)
        else:
            yield Row(section, layout.name, "absent", said=[why])
    subprocess.run(
        command([films / layout.name for layout in made], out),
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=sys.stderr,
    )
    report = json.loads((out / "performance_report.json").read_text("utf-8"))
    for layout in made:
        yield row(layout, films / layout.name, out, _told(layout.name, report))


def _told(name: str, report: dict[str, Any]) -> Told:
    return Told(
        [
            f"{found['severity']}: {found['text']}"
            for each in report["recording_findings"]
            if Path(each["file"]).name == name
            for found in each["findings"]
        ],
        [e["error"] for e in report["failed_files"] if Path(e["file"]).name == name],
    )


def asked_for(layouts: Sequence[Layout], names: Sequence[str]) -> list[Layout]:
    """Those whose name contains one of `names`; all where there are none."""
    return [one for one in layouts if not names or any(name in one.name for name in names)]


def make(layout: Layout, ingredients: Path, target: Path) -> str | None:
    """Make the file; returns why that is not possible here, or None if it was made."""
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
