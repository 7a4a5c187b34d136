"""What a command's settings come to before any work is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reelmill.engine.resources.devices import choose_devices
from reelmill.pipelines.choices import BuildContext
from reelmill.pipelines.voice_builder import build_voice
from reelmill.settings import load_settings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"formats": ("json", "txt")},
            "--words changes vtt captions, and --formats json,txt has none: add vtt to it",
        ),
        (
            {"align": False},
            "--words lights up nothing with --no-align: words without times get a plain vtt",
        ),
        ({"formats": ("json", "VTT")}, None),
        ({}, None),
    ],
)
def test_words_that_would_come_to_nothing_are_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    announced: list[str],
    given: dict[str, Any],
    told: str | None,
) -> None:
    # proves: V7
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".cache").mkdir()
    settings = load_settings(words=True, model="demo", diarizer="none", **given)
    build_voice(BuildContext(settings, choose_devices("cpu", ()), tmp_path))
    assert [line for line in announced if "--words" in line] == ([told] if told else [])
