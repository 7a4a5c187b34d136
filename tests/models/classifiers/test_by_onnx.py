"""Classifiers by ONNX Runtime: the labels and scores of sound and text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reelmill.engine.stage import Device
from reelmill.errors import ModelUnavailableError
from reelmill.models.classifiers.files import classifier_spec
from reelmill.models.classifiers.spec import Classes, Classifier, Task, classes_of
from tests.models.classifiers.folders import sound_model, text_model

NOISE = np.random.default_rng(1).normal(0, 1, 16_000).astype(np.float32)


def loaded(folder: Path, task: Task) -> Classifier:
    spec = classifier_spec(str(folder), task, "--option")
    model: Classifier = spec.load(Device("cpu"), 1)
    spec.warm_up(model)
    return model


def test_sound_gets_its_label(tmp_path: Path) -> None:
    model = loaded(sound_model(tmp_path), "audio")
    assert model.classify(0.5 * NOISE).at_least(0.5) == [("loud", pytest.approx(1.0))]
    assert model.classify(0.001 * NOISE).at_least(0.5) == [("quiet", pytest.approx(1.0))]


def test_sound_is_normalized_where_the_model_wants_it(tmp_path: Path) -> None:
    model = loaded(sound_model(tmp_path, normalizes=True), "audio")
    assert model.classify(0.001 * NOISE).at_least(0.5) == [("loud", pytest.approx(1.0))]


def test_text_gets_its_label(tmp_path: Path) -> None:
    model = loaded(text_model(tmp_path), "text")
    assert model.classify("you will pay").at_least(0.5)[0][0] == "demand"
    assert model.classify("hello").at_least(0.5)[0][0] == "greeting"
    assert model.classify("something else").at_least(0.51) == []


def test_text_that_is_too_long_is_cut_and_that_is_told(tmp_path: Path) -> None:
    model = loaded(text_model(tmp_path, max_position_embeddings=8), "text")
    found = model.classify("hello " * 8 + "pay " * 50)
    assert found.is_cut and found.at_least(0.5)[0][0] == "greeting"
    assert not model.classify("hello " * 8).is_cut


def test_labels_that_go_together_are_scored_one_by_one() -> None:
    assert classes_of([2.0, 2.0], ["a", "b"], several=False, is_cut=False).scores == [0.5, 0.5]
    both = classes_of([2.0, 2.0], ["a", "b"], several=True, is_cut=False)
    assert both.scores == [pytest.approx(0.880797)] * 2
    assert Classes(["a", "b", "c"], [0.2, 0.9, 0.6]).at_least(0.5) == [("b", 0.9), ("c", 0.6)]


def test_a_preparation_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    folder = sound_model(tmp_path, kind="ASTFeatureExtractor")
    with pytest.raises(ModelUnavailableError, match="ASTFeatureExtractor at 16000 Hz; with ONNX"):
        loaded(folder, "audio")


def test_labels_that_do_not_fit_the_graph_are_refused(tmp_path: Path) -> None:
    folder = text_model(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["id2label"]["2"] = "third"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelUnavailableError, match=r"gives 2 scores.*names 3 labels"):
        loaded(folder, "text")
