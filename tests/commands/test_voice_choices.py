"""What a command decides from its settings before any work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reelmill.engine.resources.devices import choose_devices
from reelmill.errors import UsageError
from reelmill.models.files.cache import ModelFiles
from reelmill.pipelines.choices import BuildContext
from reelmill.pipelines.voice_builder import build_voice, recognizer_spec, voice_settings
from reelmill.settings import load_settings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"formats": ("json", "txt")},
            "--words applies to vtt captions, but --formats json,txt has no vtt: add it",
        ),
        (
            {"align": False},
            "--words has no effect with --no-align: without word times the vtt is plain",
        ),
        ({"formats": ("json", "VTT")}, None),
        ({}, None),
    ],
)
def test_words_is_reported_if_no_format_can_show_them(
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


def folder_of(tmp_path: Path, tokens: int) -> ModelFiles:
    (tmp_path / "vocabulary.txt").write_text("token\n" * tokens)
    return ModelFiles(tmp_path, "some", "whisper", f"digest of {tokens}", 80)


def test_an_english_only_model_refuses_other_languages(tmp_path: Path) -> None:
    # proves: V3 G8
    files = folder_of(tmp_path, 51_864)
    with pytest.raises(UsageError, match="knows English only, not en, ko"):
        recognizer_spec(files, load_settings(language="en,Korean"))
    assert not recognizer_spec(files, load_settings(language="English")).multilingual
    assert not recognizer_spec(files, load_settings()).multilingual
    assert recognizer_spec(folder_of(tmp_path, 51_865), load_settings(language="ko")).multilingual


def test_wrong_languages_are_refused_before_any_work(tmp_path: Path) -> None:
    # proves: V3
    with pytest.raises(UsageError, match="Is Korean"):
        voice_settings({"language": "Koraen"})
    with pytest.raises(UsageError, match="WhisperX takes a single language"):
        voice_settings({"language": "ko,en", "engine": "whisperx"})
    assert voice_settings({"language": "Korean"}).language == "Korean"
