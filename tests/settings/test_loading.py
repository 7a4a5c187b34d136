"""Settings: command line over environment over file over default; errors are reported by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reelmill.errors import UsageError
from reelmill.settings import load_face_settings, load_settings


@pytest.fixture(autouse=True)
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's own settings file, not written yet. The current folder is a different one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "reelmill").mkdir()
    for name in ("BATCH_SIZE", "FORMATS", "OUT", "DEVICE"):
        monkeypatch.delenv(f"REELMILL_{name}", raising=False)
    return tmp_path / "reelmill" / "reelmill.toml"


def test_the_defaults_are_those_of_the_requirements() -> None:
    # proves: G2 G14
    settings = load_settings()
    assert (settings.batch_size, settings.max_batch) == (20, None)
    assert settings.out == Path("analysis-results")
    assert settings.device == "auto" and settings.model is None


def test_the_command_line_has_priority_over_environment_and_file(
    own_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_file.write_text("batch_size = 3\nworkers = 4\nlanguage = 'ko'\n")
    monkeypatch.setenv("REELMILL_BATCH_SIZE", "5")
    monkeypatch.setenv("REELMILL_WORKERS", "6")
    settings = load_settings(batch_size=7, language=None)
    assert (settings.batch_size, settings.workers, settings.language) == (7, 6, "ko")


def test_defaults_of_faces_are_replaced_by_every_other_source(
    own_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_face_settings().batch_size == 4
    own_file.write_text("batch_size = 3\nlayout = 'split'\nmin_share = 0.2\n")
    settings = load_face_settings()
    assert (settings.batch_size, settings.layout, settings.min_share) == (3, "split", 0.2)
    monkeypatch.setenv("REELMILL_BATCH_SIZE", "5")
    assert load_face_settings(layout="dual").batch_size == 5
    assert load_face_settings(batch_size=7).batch_size == 7
    assert load_settings().layout == "split"  # one file for all commands


@pytest.mark.parametrize("text", ["json,srt", " json , srt ,", "json, srt"])
def test_formats_are_separated_by_commas_in_every_source(
    own_file: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    # proves: V7
    monkeypatch.setenv("REELMILL_FORMATS", text)
    assert load_settings().formats == ("json", "srt")
    monkeypatch.delenv("REELMILL_FORMATS")
    own_file.write_text("formats = ['json', 'srt']\n")
    assert load_settings().formats == ("json", "srt")
    assert load_settings(formats=["txt"]).formats == ("txt",)


@pytest.mark.parametrize(
    ("given", "named"), [({"batch_size": 0}, "batch_size"), ({"arena": "much"}, "arena")]
)
def test_an_invalid_value_is_reported_with_the_name_of_the_setting(
    given: dict[str, Any], named: str
) -> None:
    with pytest.raises(UsageError, match=named):
        load_settings(**given)


@pytest.mark.parametrize(("given", "meant"), [("Split", "split"), (2, "2"), ("1", "1")])
def test_channels_are_set_by_word_or_number(given: Any, meant: str) -> None:
    # proves: V10
    assert load_settings(channels=given).channels == meant
    for wrong in ("0", "left", "-1", "1.5"):
        with pytest.raises(UsageError, match="counted from 1"):
            load_settings(channels=wrong)


@pytest.mark.parametrize("content", ["bach_size = 3\n", "batch_size = \n"])
def test_an_error_in_the_file_is_reported(own_file: Path, content: str) -> None:
    own_file.write_text(content)
    with pytest.raises(UsageError, match=r"reelmill/reelmill\.toml: (bach_size|not a valid TOML)"):
        load_settings()


def test_a_file_in_the_current_folder_is_not_read() -> None:
    # proves: G12
    Path("reelmill.toml").write_text("workers = 4\n")
    settings = load_settings()
    assert settings.workers is None
    assert "is not read; use --config reelmill.toml to read it" in str(settings.origin)
    named = load_settings(config=Path("reelmill.toml"))
    assert (named.workers, named.origin) == (4, "settings from reelmill.toml: workers")


def test_a_missing_config_file_is_reported() -> None:
    with pytest.raises(UsageError, match=r"^nowhere\.toml: cannot be read \(No such file"):
        load_settings(config=Path("nowhere.toml"))


@pytest.mark.parametrize("name", ["python", "pyannote_model"])
def test_settings_that_name_programs_are_accepted_only_on_the_command_line(
    own_file: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    # proves: G12
    assert getattr(load_settings(**{name: "/opt/x"}), name) is not None
    own_file.write_text(f"{name} = 'venv'\n")
    with pytest.raises(UsageError, match=rf"toml: {name} names a program to run; give --"):
        load_settings()
    own_file.unlink()
    monkeypatch.setenv(f"REELMILL_{name.upper()}", "venv")
    with pytest.raises(UsageError, match=rf"environment: {name} names a program to run; give --"):
        load_settings()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"min_speakers": 5, "max_speakers": 2},
            "--min-speakers 5 is more than --max-speakers 2: give --max-speakers 5 or more, or a "
            "lower --min-speakers",
        ),
        (
            {"min_speakers": 12},
            "--min-speakers 12 is more than --max-speakers 10 (the default): give --max-speakers "
            "12 or more, or a lower --min-speakers",
        ),
        (
            {"speakers": 2, "min_speakers": 4},
            "--speakers 2 is less than --min-speakers 4: omit --min-speakers if you know the "
            "number, or --speakers if you do not",
        ),
        (
            {"speakers": 5, "max_speakers": 3},
            "--speakers 5 is more than --max-speakers 3: omit --max-speakers if you know the "
            "number, or --speakers if you do not",
        ),
    ],
)
def test_contradicting_numbers_of_speakers_are_refused(given: dict[str, Any], told: str) -> None:
    # proves: V5
    with pytest.raises(UsageError) as caught:
        load_settings(**given)
    assert str(caught.value) == told


def test_a_known_number_of_speakers_may_exceed_the_default_limits(
    own_file: Path,
) -> None:
    assert load_settings(speakers=12).speakers == 12
    assert load_settings(speakers=3, min_speakers=2, max_speakers=3).speakers == 3
    own_file.write_text("max_speakers = 4\n")
    with pytest.raises(UsageError, match=r"^--speakers 5 is more than --max-speakers 4:"):
        load_settings(speakers=5)


def test_names_of_version_0_1_are_accepted(tmp_path: Path) -> None:
    file = tmp_path / "reelmill.toml"
    file.write_text('residency = "turns"\n', encoding="utf-8")
    assert load_settings(file).placement == "sequential"
    assert load_settings(residency="turns").placement == "sequential"
    assert load_settings(file, placement="resident").placement == "resident"


def test_names_of_version_0_1_are_accepted_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REELMILL_RESIDENCY", "turns")
    assert load_settings().placement == "sequential"
    assert load_settings(placement="resident").placement == "resident"
    monkeypatch.setenv("REELMILL_PLACEMENT", "auto")
    assert load_settings().placement == "auto"
