"""What the tests of models share: no network, and the demo model where it has been made."""

import pytest

from reelmill.errors import ModelUnavailableError
from reelmill.models.files.cache import ModelFiles, resolve
from reelmill.models.translation.nllb import NllbSpec
from reelmill.models.translation.translators import resolve_translator


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("REELMILL_MODELS", str(tmp_path / "models-folder"))


@pytest.fixture(scope="session")
def demo() -> ModelFiles:
    try:
        return resolve("demo")
    except ModelUnavailableError as error:
        pytest.skip(f"the demo model has not been made yet: {error}")


@pytest.fixture(scope="session")
def translator() -> NllbSpec:
    return resolve_translator("demo")
