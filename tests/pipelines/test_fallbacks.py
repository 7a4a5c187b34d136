"""Missing optional parts: one line each, and the run continues without them."""

from __future__ import annotations

import json
import subprocess
import sys
from html import unescape
from importlib import resources
from pathlib import Path

import pytest

from reelmill.core.notices import heard_by
from reelmill.models.files.cache import resolve
from reelmill.pipelines.diarization import NetworksDiarizer, PyannoteDiarizer
from reelmill.pipelines.fallbacks import Lacking, choose_diarizer, choose_engine
from reelmill.settings import load_settings
from tests.bare import make_environment

SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a token or a model of the hub."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE", "REELMILL_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def diarizer_told(**given: object) -> tuple[object, list[str]]:
    said: list[str] = []
    with heard_by(said.append):
        return choose_diarizer(load_settings(diarizer="pyannote", **given)), said


def test_without_the_interpreter_the_default_diarizer_is_used(tmp_path: Path) -> None:
    # proves: G19 V5
    diarizer, said = diarizer_told(python=tmp_path / "none")
    assert isinstance(diarizer, NetworksDiarizer) and list(diarizer.notes) == said
    assert len(said) == 1 and "there is no interpreter" in said[0]
    assert said[0].endswith("The default is used instead.")


def test_without_the_library_the_message_says_how_to_install_it(tmp_path: Path) -> None:
    # proves: G19 V5
    _, said = diarizer_told(python=make_environment(tmp_path / "env"))
    assert len(said) == 1 and 'pip install "pyannote.audio>=4,<5"' in said[0]
    _, said = diarizer_told(python=make_environment(tmp_path / "old", pyannote_audio="3.3.2"))
    assert "has pyannote.audio 3.3.2" in said[0] and ">=4,<5" in said[0]


def test_a_library_that_cannot_be_imported_counts_as_missing(
    tmp_path: Path, announced: list[str]
) -> None:
    # proves: G19 V6
    """Broken, repaired by an installation, broken again: an earlier result is not reused after
    something was installed or removed."""
    home = make_environment(tmp_path / "env", whisperx="3.8.6")
    (packages,) = home.glob("lib/*/site-packages")
    (packages / "whisperx" / "__init__.py").write_text("import a_library_that_is_not_there\n")
    settings, said = load_settings(engine="whisperx", python=home), announced
    assert choose_engine(settings, resolve("demo"), Lacking()) is None
    assert len(said) == 1 and "No module named 'a_library_that_is_not_there'" in said[0]
    assert said[0].endswith("The default is used instead.")
    (packages / "a_library_that_is_not_there.py").touch()
    assert choose_engine(settings, resolve("demo"), Lacking()) is not None
    (packages / "a_library_that_is_not_there.py").unlink()
    assert choose_engine(settings, resolve("demo"), Lacking()) is None
    assert len(said) == 2


def test_without_a_token_the_message_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G19 V5
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    home = make_environment(tmp_path / "env", pyannote_audio="4.0.7")
    diarizer, said = diarizer_told(python=home)
    assert isinstance(diarizer, NetworksDiarizer) and len(said) == 1
    assert "HF_TOKEN is not set" in said[0] and "accept its terms at https://" in said[0]
    assert "--pyannote-model FOLDER" in said[0]


def test_a_pipeline_on_this_machine_needs_no_token(tmp_path: Path) -> None:
    # proves: V5
    home = make_environment(tmp_path / "env", pyannote_audio="4.0.7", torch="2.8.0+cpu")
    pipeline = tmp_path / "pipeline"
    pipeline.mkdir()
    (pipeline / "config.yaml").write_text("pipeline: {}\n")
    diarizer, said = diarizer_told(python=home, pyannote_model=str(pipeline))
    assert isinstance(diarizer, PyannoteDiarizer) and said == []
    spec = diarizer.model
    assert spec.python == str(home / "bin" / "python")
    assert spec.supports("cpu") and not spec.supports("cuda")
    (pipeline / "config.yaml").write_text("pipeline: {name: other}\n")
    other, _ = diarizer_told(python=home, pyannote_model=str(pipeline))
    assert isinstance(other, PyannoteDiarizer) and other.model.identity != spec.identity


def test_a_pipeline_that_needs_unavailable_models_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G19 V5
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    home = make_environment(tmp_path / "env", pyannote_audio="4.0.7")
    config = tmp_path / "config.yaml"
    own = "pipeline:\n  name: pyannote.audio.pipelines.SpeakerDiarization\n  params:\n"
    own += "    embedding: $model/embedding\n"
    config.write_text(own)
    assert isinstance(diarizer_told(python=home, pyannote_model=str(config))[0], PyannoteDiarizer)
    config.write_text(f"{own}    segmentation: pyannote/segmentation-3.0\n")
    diarizer, said = diarizer_told(python=home, pyannote_model=str(config))
    assert isinstance(diarizer, NetworksDiarizer)
    assert len(said) == 1 and "https://huggingface.co/pyannote/segmentation-3.0" in said[0]


def test_whisperx_is_searched_in_the_given_environment(
    tmp_path: Path, announced: list[str]
) -> None:
    # proves: V6 G19
    said, lacking = announced, Lacking()
    files = resolve("demo")
    home = make_environment(tmp_path / "env", whisperx="3.8.6")
    found = choose_engine(load_settings(engine="whisperx", python=home), files, lacking)
    assert found is not None and found.aligner is not None and said == []
    assert found.recognizer.python == found.aligner.python == str(home / "bin" / "python")
    other = load_settings(engine="whisperx", python=home, beam_size=1, align=False)
    changed = choose_engine(other, files, lacking)
    assert changed is not None and changed.aligner is None
    assert changed.recognizer.identity != found.recognizer.identity
    empty = load_settings(engine="whisperx", python=make_environment(tmp_path / "empty"))
    assert choose_engine(empty, files, lacking) is None
    assert len(said) == 1 and 'pip install "whisperx>=3.8"' in said[0]
    old = load_settings(
        engine="whisperx", python=make_environment(tmp_path / "3.3", whisperx="3.3.1")
    )
    assert choose_engine(old, files, lacking) is None
    assert "has WhisperX 3.3.1" in said[1]


def test_a_command_continues_without_both_libraries(tmp_path: Path) -> None:
    # proves: G19
    command = [sys.executable, "-c", "from reelmill.cli.app import main; main()", "voice"]
    command += [str(SAMPLES / "voicemail.wav"), "-o", str(tmp_path / "out"), "--model", "demo"]
    command += ["--engine", "whisperx", "--diarizer", "pyannote", "--python", "nowhere"]
    command += ["--no-align"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if "The default is used instead." in line]
    assert len(told) == 2 and all("--python nowhere" in line for line in told)
    content = json.loads((tmp_path / "out" / "voicemail.json").read_text())
    assert content["segments"] and content["speakers"]
    assert [note for note in content["notes"] if note in told[1]]
    page = unescape((tmp_path / "out" / "report.html").read_text())
    assert all(page.count(line) == 1 for line in told)  # of the run, not of its recording again
    assert set(told) <= set(
        json.loads((tmp_path / "out" / "performance_report.json").read_text())["notes"]
    )


def test_without_the_chosen_speaker_network_the_included_one_is_used(
    monkeypatch: pytest.MonkeyPatch, announced: list[str]
) -> None:
    # proves: G19 V5
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    diarizer = choose_diarizer(load_settings(speaker_encoder="wespeaker-resnet34"))
    assert isinstance(diarizer, NetworksDiarizer) and diarizer.encoder.label == "campplus-zh-en"
    (lacking,) = diarizer.notes
    assert announced[-1] == lacking and lacking.startswith("--speaker-encoder wespeaker-resnet34:")
    assert "the path of the .onnx file" in lacking and "--model" not in lacking
    assert lacking.endswith("The default is used instead.")
