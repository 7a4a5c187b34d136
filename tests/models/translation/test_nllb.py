"""The loaded translator: tokens, languages, limits, and messages about damaged files."""

import shutil
from dataclasses import replace

import pytest

from reelmill.engine.stage import Device
from reelmill.errors import InputError, ModelUnavailableError
from reelmill.models.translation.nllb import SearchOptions, SourceText, load_tokenizer

OPTIONS = SearchOptions()
TEXTS = [
    SourceText("かぎはぎんこうにあります。", "jpn_Jpan", "kor_Hang"),
    SourceText("Please wait a moment.", "eng_Latn", "kor_Hang"),
    SourceText("はい、そうです。", "jpn_Jpan", "kor_Hang"),
    SourceText("わたしはえきでエマをまっています。", "jpn_Jpan", "eng_Latn"),
]


@pytest.fixture(scope="module")
def model(translator):
    loaded = translator.load(Device("cpu"), 1)
    translator.warm_up(loaded)
    return loaded


def test_directions_share_a_batch(model):
    # proves: G2 S1
    found = model.translate(TEXTS, OPTIONS)
    assert [one.text for one in found] == [
        "열쇠는 은행에 있어요.",
        "잠깐만 기다려 주세요.",
        "네, 맞아요.",
        "I am waiting for Emma at the station.",
    ]
    assert all(one.tokens > 0 and one.score < 0 for one in found)
    assert [one.source_tokens for one in found] == [model.count(text.text) for text in TEXTS]


@pytest.mark.parametrize("options", [OPTIONS, SearchOptions(beam_size=1, no_repeat_ngram_size=3)])
def test_a_translation_does_not_depend_on_the_batch(model, options):
    # proves: G2
    together = model.translate(TEXTS, options)
    assert [model.translate([text], options)[0] for text in TEXTS] == together
    assert model.translate(TEXTS[::-1], options) == together[::-1]


def test_no_texts_give_no_translations(model):
    empty = SourceText(" \n", "jpn_Jpan", "kor_Hang")
    found = model.translate([empty, TEXTS[0]], OPTIONS)
    assert (found[0].text, found[0].tokens, found[0].score) == ("", 0, None)
    assert found[1].text
    assert model.translate([], OPTIONS) == []


def test_unknown_letters_do_not_break_a_translation(model):
    found = model.translate([SourceText("𓀀 ж 漢字 ☃", "jpn_Jpan", "kor_Hang")], OPTIONS)
    assert "<unk>" not in found[0].text


def test_a_translation_has_a_least_and_a_greatest_length(model):
    text = SourceText("はい", "jpn_Jpan", "kor_Hang")
    (free,) = model.translate([text], OPTIONS)
    (long,) = model.translate([text], SearchOptions(least_length=4.0))
    assert free.tokens < 16 < long.tokens <= 3 * 16 + 16


def test_an_unknown_language_is_refused(model):
    with pytest.raises(InputError, match="'demo' does not know the language tlh_Latn"):
        model.translate([replace(TEXTS[0], source="tlh_Latn")], OPTIONS)


def test_the_memory_estimate_follows_the_weights(translator):
    # proves: G9
    assert 400 < translator.memory_mb("cpu") < 600


def test_damaged_weights_are_refused(translator, tmp_path):
    # proves: G11
    folder = tmp_path / "model"
    shutil.copytree(translator.path, folder)
    (folder / "model.bin").write_bytes(b"not a model")
    with pytest.raises(ModelUnavailableError, match="'demo' cannot be loaded on cpu") as caught:
        replace(translator, path=folder).load(Device("cpu"), 1)
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize("content", ["", "{}", "{]"])
def test_a_damaged_tokenizer_is_refused(tmp_path, content):
    # proves: G11
    file = tmp_path / "tokenizer.json"
    file.write_text(content)
    with pytest.raises(ModelUnavailableError, match="facebook/nllb-200-distilled-600M") as caught:
        load_tokenizer(file)
    assert str(file) in str(caught.value)


def test_the_tokenizer_of_another_model_is_refused(demo):
    with pytest.raises(ModelUnavailableError, match="no language codes such as eng_Latn"):
        load_tokenizer(demo.path / "tokenizer.json")
