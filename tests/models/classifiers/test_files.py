"""Finding a classification model: what fits, and what is told where nothing does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reelmill.errors import ModelUnavailableError
from reelmill.models.classifiers.files import classifier_spec
from reelmill.models.classifiers.spec import Task
from tests.bare import make_environment
from tests.models.classifiers.folders import sound_model, text_model, write_config


def test_a_folder_with_a_graph_needs_no_transformers(tmp_path: Path) -> None:
    spec = classifier_spec(str(text_model(tmp_path / "a")), "text", "--text-classifier")
    again = classifier_spec(str(text_model(tmp_path / "b")), "text", "--text-classifier")
    assert spec.backend == "onnx" and spec.supports("cpu")
    assert spec.identity == again.identity  # the same model in another place
    more = classifier_spec(
        str(text_model(tmp_path / "c", problem_type="multi_label_classification")), "text", "x"
    )
    assert more.identity != spec.identity


# proves: G19
@pytest.mark.parametrize(
    ("make", "task", "told"),
    [
        (lambda f: f.mkdir(), "text", r"contains no config\.json"),
        (lambda f: write_config(f, "BertModel", ["a", "b"]), "text", "not a model that classifies"),
        (
            text_model,
            "audio",
            r"not a model that classifies sound \(architecture Bert",
        ),
        (sound_model, "text", "not a model that classifies text"),
        (lambda f: text_model(f, problem_type="regression"), "text", "a number, not classes"),
    ],
)
def test_what_is_no_such_classifier_is_refused(
    tmp_path: Path, make: Callable[[Path], object], task: Task, told: str
) -> None:
    make(tmp_path / "model")
    with pytest.raises(ModelUnavailableError, match=told):
        classifier_spec(str(tmp_path / "model"), task, "--text-classifier")


def test_without_transformers_the_ways_out_are_named(tmp_path: Path) -> None:
    write_config(tmp_path / "model", "BertForSequenceClassification", ["a", "b"])
    bare = make_environment(tmp_path / "bare")
    with pytest.raises(ModelUnavailableError, match="transformers and torch not in") as raised:
        classifier_spec(str(tmp_path / "model"), "text", "--text-classifier", bare)
    assert "reelmill[classifiers]" in str(raised.value) and "--python" in str(raised.value)


def test_with_transformers_elsewhere_that_interpreter_is_named(tmp_path: Path) -> None:
    write_config(tmp_path / "model", "BertForSequenceClassification", ["a", "b"])
    there = make_environment(tmp_path / "there", transformers="5.1.0", torch="2.13.0+cpu")
    spec = classifier_spec(str(tmp_path / "model"), "text", "--text-classifier", there)
    assert (spec.backend, spec.version) == ("transformers", "5.1.0")
    assert spec.python is not None and spec.python.startswith(str(there))
    assert not spec.supports("cuda")


def test_offline_a_model_of_the_hub_is_told_to_be_missing() -> None:
    with pytest.raises(ModelUnavailableError, match=r"HF_HUB_OFFLINE is set.*--emotion-model FOLD"):
        classifier_spec("nobody/nothing", "audio", "--emotion-model")
