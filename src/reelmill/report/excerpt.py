"""The first words of a recording, which help a reader to recognize it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_BYTES = 600
_LETTERS = 140
#: Boxes of faces, and records of courts, which begin with a cover.
_NO_TEXT = (".mot.txt", ".court.txt")


def excerpt(out: Path, outputs: Sequence[str]) -> str:
    """The start of the text export among `outputs`; empty if there is none."""
    for path in outputs:
        if path.endswith(".txt") and not path.endswith(_NO_TEXT):
            return _beginning(out / path)
    return ""


def _beginning(path: Path) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            data = os.read(descriptor, _BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        return ""
    text = " ".join(data.decode("utf-8", "ignore").split())
    return text if len(text) <= _LETTERS else text[:_LETTERS].rstrip() + " …"
