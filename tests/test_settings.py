"""Settings: command line over environment over file over default; mistakes are told by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reelmill.errors import UsageError
from reelmill.settings import load_face_settings, load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("BATCH_SIZE", "FORMATS", "OUT", "DEVICE"):
        monkeypatch.delenv(f"REELMILL_{name}", raising=False)
    return tmp_path


def test_the_defaults_are_what_the_requirements_say() -> None:
    # proves: G2 G14
    settings = load_settings()
    assert (settings.batch_size, settings.max_batch) == (20, 32)
    assert settings.out == Path("analysis-results")
    assert settings.device == "auto" and settings.model is None


def test_the_command_line_wins_then_environment_then_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reelmill.toml").write_text("batch_size = 3\nworkers = 4\nlanguage = 'ko'\n")
    monkeypatch.setenv("REELMILL_BATCH_SIZE", "5")
    monkeypatch.setenv("REELMILL_WORKERS", "6")
    settings = load_settings(batch_size=7, language=None)
    assert (settings.batch_size, settings.workers, settings.language) == (7, 6, "ko")


def test_what_faces_begins_with_gives_way_to_everything_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_face_settings().batch_size == 4
    (tmp_path / "reelmill.toml").write_text("batch_size = 3\nlayout = 'split'\nmin_share = 0.2\n")
    settings = load_face_settings()
    assert (settings.batch_size, settings.layout, settings.min_share) == (3, "split", 0.2)
    monkeypatch.setenv("REELMILL_BATCH_SIZE", "5")
    assert load_face_settings(layout="dual").batch_size == 5
    assert load_face_settings(batch_size=7).batch_size == 7
    assert load_settings().layout == "split"  # one file for all commands


@pytest.mark.parametrize("text", ["json,srt", " json , srt ,", "json, srt"])
def test_formats_are_written_with_commas_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    # proves: V7
    monkeypatch.setenv("REELMILL_FORMATS", text)
    assert load_settings().formats == ("json", "srt")
    monkeypatch.delenv("REELMILL_FORMATS")
    (tmp_path / "reelmill.toml").write_text("formats = ['json', 'srt']\n")
    assert load_settings().formats == ("json", "srt")
    assert load_settings(formats=["txt"]).formats == ("txt",)


@pytest.mark.parametrize(
    ("given", "named"), [({"batch_size": 0}, "batch_size"), ({"arena": "much"}, "arena")]
)
def test_a_value_that_does_not_fit_is_told_by_name(given: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        load_settings(**given)


@pytest.mark.parametrize("content", ["bach_size = 3\n", "batch_size = \n"])
def test_a_mistake_in_the_file_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "reelmill.toml").write_text(content)
    with pytest.raises(UsageError, match=r"bach_size|reelmill\.toml"):
        load_settings()
