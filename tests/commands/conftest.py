"""Folders of finished runs that tests of commands may change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """The results of a copy of the module's `finished` run: recordings in `in`, results in `out`.
    The copy may be changed."""
    for name in ("in", "out"):
        shutil.copytree(finished / name, tmp_path / name)
    return tmp_path / "out"
