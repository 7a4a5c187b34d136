"""Which aligner a language has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reelmill.errors import ModelUnavailableError
from reelmill.models.alignment import aligners
from reelmill.models.alignment.aligners import REPOSITORIES, choose_aligners, fetch_aligner
from reelmill.models.whisper.languages import LANGUAGES


def test_the_demo_recognizer_uses_the_demo_aligner() -> None:
    # proves: V4
    spec = choose_aligners(None, (), "demo").spec
    assert [code for code, _ in spec.models] == ["en", "ja", "ko"]
    assert spec.name == "demo" and spec.model_for("fr") is None
    assert spec.memory_mb("cpu") > 0


def test_aligner_none_means_whisper_times() -> None:
    # proves: V4
    spec = choose_aligners("none", ("ko",), "large-v3").spec
    assert spec.models == () and spec.name == "none"


def test_without_the_demo_aligner_word_times_come_from_whisper(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G19
    monkeypatch.setattr(aligners, "_DEMO_FOLDER", tmp_path)
    chosen = choose_aligners(None, (), "demo")
    assert chosen.spec.models == ()
    assert "word times come from Whisper" in chosen.notes[0]
    with pytest.raises(ModelUnavailableError, match=r"lacks model\.bin"):
        choose_aligners("demo", (), "demo")


def test_a_language_whose_aligner_cannot_be_downloaded_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: V4 G19
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    chosen = choose_aligners(None, ("ko",), "large-v3")
    assert chosen.spec.model_for("ko") is None
    assert "reelmill models pull aligner:LANGUAGE" in chosen.notes[0]


def test_a_missing_aligner_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # proves: V4 G19
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for language in (None, "sw"):  # nobody says which is spoken; it is one that has none
        (note,) = choose_aligners(None, (language,), "large-v3").notes
        assert note.startswith(
            "word times come from Whisper, because no aligner is on this machine"
        )


def test_the_table_of_aligners_has_the_languages_of_whisperx() -> None:
    # proves: V4
    theirs = "ar ca cs da de el en es eu fa fi fr gl he hi hr hu id it ja ka ko lv ml nl nn no pl"
    theirs += " pt ro ru sk sl sv te tl tr uk ur vi zh"  # 3.8.6, whisperx/alignment.py
    assert set(theirs.split()) <= set(REPOSITORIES) <= set(LANGUAGES)


def test_a_model_that_is_not_an_aligner_is_refused() -> None:
    with pytest.raises(ModelUnavailableError, match="no aligner 'klingon'"):
        fetch_aligner("klingon")


def test_a_folder_can_be_given_for_a_language(tmp_path: Path) -> None:
    # proves: V4
    (tmp_path / "model.bin").write_bytes(b"x")
    (tmp_path / "vocab.json").write_text(json.dumps({"<pad>": 0, "a": 1}))
    spec = choose_aligners(str(tmp_path), ("fr",), "large-v3").spec
    assert [code for code, _ in spec.models] == ["fr"]
    other = choose_aligners(str(tmp_path), (), "large-v3").spec
    assert {code for code, _ in other.models} == set(LANGUAGES)
    (tmp_path / "model.bin").write_bytes(b"y")
    assert choose_aligners(str(tmp_path), ("fr",), "large-v3").spec.identity != spec.identity
