"""A name is resolved to a translator, or a clear message says why not."""

import json
import shutil
from pathlib import Path

import pytest

from reelmill.commands.models import run_models_list, run_models_pull
from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.files import hub
from reelmill.models.files.cache import list_models
from reelmill.models.translation import conversion
from reelmill.models.translation.translators import TOKENIZER_REPOSITORY, resolve_translator

COMMIT = "0123456789abcdef0123456789abcdef01234567"
M2M100 = json.dumps({"architectures": ["M2M100ForConditionalGeneration"]})


@pytest.fixture
def folder(translator, tmp_path) -> Path:
    copy = tmp_path / "my translator"
    shutil.copytree(translator.path, copy)
    return copy


def put_into_cache(repository: str, source: Path, *names: str) -> Path:
    root = hub.models_folder() / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    for name in names:
        shutil.copy(source / name, snapshot / name)
    return snapshot


CONVERTED = ("config.json", "model.bin", "shared_vocabulary.json")


def test_the_included_translator_is_found(translator):
    # proves: S1
    assert (translator.name, translator.path.name) == ("demo", "demo-translator")
    assert ("jpn_Jpan", "kor_Hang") in translator.directions
    assert ("eng_Latn", "kor_Hang") in translator.directions
    size = sum(file.stat().st_size for file in translator.path.iterdir())
    assert size <= 8_000_000


def test_a_translator_can_be_a_folder(folder, translator):
    # proves: S1
    found = resolve_translator(str(folder))
    assert found.path == folder
    assert found.tokenizer == folder / "tokenizer.json"
    assert found.identity == translator.identity
    assert found.load(Device("cpu"), 1).count("かぎ") > 0


def test_a_folder_without_a_description_is_accepted(folder):
    (folder / "translator.json").unlink()
    found = resolve_translator(str(folder))
    assert (found.max_tokens, found.directions) == (200, None)


@pytest.mark.parametrize("content", ["{", "[]", '{"max_tokens": "many"}', '{"directions": [1]}'])
def test_a_folder_with_an_invalid_description_is_refused(folder, content):
    (folder / "translator.json").write_text(content)
    with pytest.raises(ModelUnavailableError, match=r"translator\.json cannot be read"):
        resolve_translator(str(folder))


def test_a_known_name_is_found_in_the_hub_cache(folder):
    # proves: S1
    snapshot = put_into_cache("JustFrederik/nllb-200-1.3B-ct2-int8", folder, *CONVERTED)
    put_into_cache(TOKENIZER_REPOSITORY, folder, "tokenizer.json")
    found = resolve_translator("nllb-200-1.3B")
    assert (found.path, found.name) == (snapshot, "nllb-200-1.3B")
    assert found.tokenizer.parent.parent.parent.name == "models--facebook--nllb-200-distilled-600M"
    assert found.identity == f"hub:JustFrederik/nllb-200-1.3B-ct2-int8@{COMMIT}:auto"


def test_any_converted_repository_is_accepted(folder):
    put_into_cache("someone/nllb-ct2", folder, *CONVERTED, "tokenizer.json")
    assert resolve_translator("someone/nllb-ct2", download=False).label == "someone/nllb-ct2"
    assert "someone/nllb-ct2" in [entry.name for entry in list_models()]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nllb-200-distilled-600M", "nllb-200-distilled-600M-ct2-int8 is not available"),
        ("someone/their-nllb", "HF_HUB_OFFLINE is set"),
        ("nllb-200-destilled-600M", "did you mean 'nllb-200-distilled-600M'?"),
        ("./nowhere", "no model './nowhere'"),
    ],
)
def test_an_unavailable_translator_is_reported_with_what_to_do(name, words):
    # proves: G11
    with pytest.raises(ModelUnavailableError) as caught:
        resolve_translator(name)
    assert words in str(caught.value)


def test_a_missing_tokenizer_is_reported(folder):
    # proves: G11
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelUnavailableError, match=r"has no tokenizer\.json: copy the one of"):
        resolve_translator(str(folder))


def test_an_incomplete_folder_is_refused(folder):
    (folder / "shared_vocabulary.json").unlink()
    with pytest.raises(ModelUnavailableError, match=r"lacks shared_vocabulary\.json or"):
        resolve_translator(str(folder))


@pytest.fixture
def checkpoint(folder) -> Path:
    for name in CONVERTED:
        (folder / name).unlink()
    (folder / "config.json").write_text(M2M100)
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_a_checkpoint_says_what_its_conversion_needs(checkpoint, monkeypatch):
    # proves: G11
    monkeypatch.setattr(conversion, "_NEEDED", ("a_package_nobody_has", "json"))
    with pytest.raises(ModelUnavailableError) as caught:
        resolve_translator(str(checkpoint))
    assert "which needs a_package_nobody_has" in str(caught.value)
    assert "--translator nllb-200-distilled-600M" in str(caught.value)


def test_a_checkpoint_that_cannot_be_converted_leaves_nothing(checkpoint, monkeypatch):
    # proves: G11
    monkeypatch.setattr(conversion, "_NEEDED", ("json",))
    with pytest.raises(ModelUnavailableError, match="cannot be converted"):
        resolve_translator(str(checkpoint))
    assert list((hub.models_folder() / "reelmill-converted").iterdir()) == []


def test_a_checkpoint_is_converted_once(checkpoint, translator):
    made = hub.models_folder() / "reelmill-converted" / conversion._key(checkpoint)
    shutil.copytree(translator.path, made)
    assert resolve_translator(str(checkpoint)).path == made


def test_the_commands_accept_translators_by_name(folder, capsys):
    put_into_cache("OpenNMT/nllb-200-3.3B-ct2-int8", folder, *CONVERTED, "tokenizer.json")
    assert run_models_pull("nllb-200-3.3B") == 0
    assert COMMIT in capsys.readouterr().out
    assert run_models_list() == 0
    listed = capsys.readouterr().out
    assert "translator" in listed
    assert "nllb-200-distilled-600M" in listed.replace("\n", "")
