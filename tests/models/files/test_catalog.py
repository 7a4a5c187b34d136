"""Known models, and the choice among them."""

import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES
from faster_whisper.utils import _MODELS

from reelmill.models.files.catalog import (
    CATALOG,
    choose_for_subtitles,
    choose_whisper,
    find,
    guess_kind,
    names,
)
from reelmill.models.whisper.languages import LANGUAGES


def test_model_names_equal_those_of_faster_whisper():
    # proves: V3
    ours = {
        entry.name: entry.repository
        for entry in CATALOG.values()
        if entry.kind == "whisper" and entry.repository
    }
    assert ours == _MODELS
    assert find("demo") is not None
    assert find("demo", "aligner") is None
    assert len(names()) == len(set(names()))


def test_languages_equal_those_of_faster_whisper():
    assert set(LANGUAGES) == set(_LANGUAGE_CODES)


@pytest.mark.parametrize(
    ("free_mb", "device", "model"),
    [
        (140_000, "cuda:0", "large-v3"),
        (11_500, "cuda", "large-v3"),  # a 12 GB card with a desktop on it
        (7_600, "cuda:1", "medium"),  # an 8 GB card
        (5_500, "cuda", "small"),
        (2_000, "cuda", "base"),
        (1_100, "cuda", "tiny"),
        (200, "cuda", "tiny"),
        (64_000, "cpu", "small"),
        (1_500, "cpu", "small"),
        (1_000, "cpu", "base"),
        (600, "cpu", "tiny"),
        (0, "cpu", "tiny"),
    ],
)
def test_the_model_is_chosen_by_free_memory(free_mb, device, model):
    # proves: V3
    choice = choose_whisper(free_mb, device)
    assert choice.name == model
    assert choice.reason.startswith(f"{model}: ")
    assert "\n" not in choice.reason
    assert device in choice.reason


def test_more_memory_never_chooses_a_smaller_model():
    for device in ("cuda", "cpu"):
        needs = [
            CATALOG["whisper", choose_whisper(free, device).name].cuda_mb
            for free in range(0, 20_000, 100)
        ]
        assert needs == sorted(needs)


@pytest.mark.parametrize(
    ("free_mb", "device", "recognizer", "translator"),
    [
        (80_000, "cuda:0", "large-v3", "nllb-200-1.3B"),
        (11_445, "cuda", "large-v3", "nllb-200-1.3B"),  # 12 GB of 10^9 bytes
        (11_440, "cuda", "medium", "nllb-200-distilled-600M"),
        (7_630, "cuda:1", "medium", "nllb-200-distilled-600M"),
        (7_600, "cuda", "small", "nllb-200-distilled-600M"),
        (0, "cuda", "small", "nllb-200-distilled-600M"),
        (64_000, "cpu", "small", "nllb-200-distilled-600M"),
    ],
)
def test_models_for_subtitles_are_chosen_by_free_memory(free_mb, device, recognizer, translator):
    # proves: S3
    chosen = choose_for_subtitles(free_mb, device)
    assert [choice.name for choice in chosen] == [recognizer, translator]
    for choice, kind in zip(chosen, ("whisper", "translator"), strict=True):
        assert find(choice.name, kind) is not None
        assert choice.reason.startswith(f"{choice.name}: ")
        assert "CPU" in choice.reason if device == "cpu" else device in choice.reason


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("large-v3", "whisper"),
        ("nllb-200-1.3B", "translator"),
        ("entai2965/nllb-200-distilled-600M-ctranslate2", "translator"),
        ("Systran/faster-whisper-tiny", "whisper"),
        ("someone/anything", "whisper"),
    ],
)
def test_the_kind_of_a_model_follows_from_its_name(name, kind):
    assert guess_kind(name) == kind
