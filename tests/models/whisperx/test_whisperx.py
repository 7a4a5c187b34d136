"""What stands between WhisperX and a machine without network."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from reelmill.models.whisperx.whisperx import _split_sentences_offline


class PlainRules:
    """Stands for NLTK's own, which need no data."""


@pytest.fixture
def nltk(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An NLTK without data that cannot be downloaded; what was tried."""
    tried: list[str] = []

    def download(name: str, quiet: bool) -> bool:
        tried.append(name)
        return False

    for name in ("nltk", "nltk.tokenize", "nltk.tokenize.punkt"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    sys.modules["nltk"].download = download  # type: ignore[attr-defined]
    sys.modules["nltk.tokenize.punkt"].PunktSentenceTokenizer = PlainRules  # type: ignore[attr-defined]
    return tried


def missing(name: str) -> Any:
    raise LookupError(name)


@pytest.mark.parametrize(("offline", "tries"), [("1", 0), ("", 1)])
def test_sentences_are_cut_by_plain_rules_if_there_are_no_others(
    nltk: list[str], monkeypatch: pytest.MonkeyPatch, offline: str, tries: int
) -> None:
    # proves: V6 G19
    monkeypatch.setenv("HF_HUB_OFFLINE", offline)
    alignment = SimpleNamespace(nltk_load=missing)
    _split_sentences_offline(alignment)
    for _ in range(3):  # once for each segment
        assert isinstance(alignment.nltk_load("tokenizers/punkt_tab/english.pickle"), PlainRules)
    assert len(nltk) == tries


def test_existing_rules_are_used(nltk: list[str]) -> None:
    alignment = SimpleNamespace(nltk_load=lambda name: f"rules of {name}")
    _split_sentences_offline(alignment)
    assert alignment.nltk_load("english") == "rules of english" and nltk == []


def test_versions_without_rules_are_not_changed() -> None:
    alignment = SimpleNamespace()
    _split_sentences_offline(alignment)
    assert vars(alignment) == {}
