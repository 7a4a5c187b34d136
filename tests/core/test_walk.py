"""A tree is walked as by `os.walk`, however deep it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from reelmill.core.walk import walk


def test_walk_yields_the_same_as_os_walk(tmp_path: Path) -> None:
    for name in ("b/c/1", "b/2", "a/3", "4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b")
    (tmp_path / "a" / "dangling").symlink_to("nowhere")
    for follow in (False, True):
        assert list(walk(tmp_path, followlinks=follow)) == list(
            os.walk(tmp_path, followlinks=follow)
        )


def test_folders_removed_from_the_list_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    levels = []
    for at, folders, _ in walk(tmp_path):
        levels.append(at)
        folders.clear()
    assert levels == [str(tmp_path)]


def test_a_tree_deeper_than_the_stack_is_walked(tmp_path: Path) -> None:
    here, depth = Path.cwd(), sys.getrecursionlimit() + 200
    top = tmp_path / "top"
    top.mkdir()
    os.chdir(top)
    try:
        for _ in range(depth):
            Path("d").mkdir()
            os.chdir("d")
        os.chdir(here)
        told: list[OSError] = []
        count = sum(1 for _ in walk(top, told.append))
    finally:
        os.chdir(here)
        subprocess.run(["rm", "-rf", top], check=True)  # pytest's end would recurse
    assert count == depth + 1 or told, "beyond the longest path there is an error"
