"""Files in the current folder do not replace a model known by its name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reelmill.errors import ModelUnavailableError
from reelmill.models.faces.files import VGGFACE2, face_spec
from reelmill.models.files.environments import look, try_import
from reelmill.models.files.names import given_path
from reelmill.models.speakers.files import network_file
from reelmill.models.speakers.pyannote_files import pyannote_spec
from reelmill.models.translation.translators import resolve_translator


@pytest.fixture(autouse=True)
def among_recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["./a/b", "../a", "/a", "~/a"])
def test_a_name_written_as_a_path_is_a_path(name: str) -> None:
    assert given_path(name) == Path(name).expanduser()


def test_a_repository_name_does_not_mean_a_folder_of_that_name(announced: list[str]) -> None:
    Path("owner/model").mkdir(parents=True)
    assert given_path("owner/model") is None
    assert announced == [
        "owner/model: read as a hub repository; write ./owner/model for the folder here"
    ]


def test_an_existing_file_needs_no_leading_dot_unless_its_name_is_known() -> None:
    Path("mine.onnx").touch()
    assert given_path("mine.onnx") == Path("mine.onnx")
    assert given_path("mine.onnx", known=("mine.onnx",)) is None
    assert given_path("other.onnx") is None


def test_planted_models_are_not_used(among_recordings: Path) -> None:
    # proves: G12
    Path(VGGFACE2).write_bytes(b"planted")
    Path("wespeaker-resnet34").write_bytes(b"planted")
    Path("nllb-200-distilled-600M").mkdir()
    with pytest.raises(ModelUnavailableError) as face:
        face_spec(VGGFACE2, waits=())
    with pytest.raises(ModelUnavailableError) as speaker:
        network_file("wespeaker-resnet34", "encoder")
    with pytest.raises(ModelUnavailableError) as translator:
        resolve_translator("nllb-200-distilled-600M", download=False)
    planted = (VGGFACE2, "wespeaker-resnet34", "nllb-200-distilled-600M")
    for caught, name in zip((face, speaker, translator), planted, strict=True):
        assert str(among_recordings / name) not in str(caught.value)


def test_a_planted_pyannote_pipeline_is_not_used() -> None:
    folder = Path("pyannote/speaker-diarization-community-1")
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("pipeline: {name: evil.Pipeline}\n")
    with pytest.raises(ModelUnavailableError):
        pyannote_spec(None, str(folder))


def test_a_planted_module_is_not_imported_when_an_environment_is_examined() -> None:
    # proves: G12
    for module in ("json", "sysconfig", "planted"):
        Path(f"{module}.py").write_text("open('ran', 'w').close()\nraise SystemExit(1)\n")
    found = look(Path(sys.executable), ["numpy"])
    assert "numpy" in found.versions
    with pytest.raises(ModelUnavailableError, match="planted is in"):
        try_import(found, "planted")
    assert not Path("ran").exists()
