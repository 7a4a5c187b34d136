"""The stage on a made-up recording: a dial tone, a pause, and noise where speech was detected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reelmill_sounds import RATE, ClassifierSpec, Label, LabelSounds, Options, Sounds, Stretch

from reelmill.artifacts import Audio, Speech
from reelmill.artifacts.speech import Span
from reelmill.core.recording import FileState, Recording
from reelmill.engine.stage import Device, Inputs
from reelmill.errors import ModelUnavailableError
from reelmill.testing import StageFault, check_stage

MODEL = Path(__file__).parents[1] / "sounds.onnx"


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path / "a.wav", "a", tmp_path / "work", FileState("ab" * 32, "", 1, 1))


@pytest.fixture
def inputs(recording: Recording) -> Inputs:
    """4 s of a dial tone, 2 s of silence, 25 s of noise that the detector took for speech."""
    time = np.arange(4 * RATE) / RATE
    tone = 0.1 * np.sin(2 * np.pi * 350 * time) + 0.1 * np.sin(2 * np.pi * 440 * time)
    noise = 0.1 * np.random.default_rng(1).normal(size=25 * RATE)
    samples = np.concatenate([tone, np.zeros(2 * RATE), noise])
    recording.folder.mkdir()
    (recording.folder / "a.pcm").write_bytes((samples * 32767).astype("<i2").tobytes())
    audio = Audio("a.pcm", RATE, len(samples), 0)
    return Inputs([audio, Speech([Span(4.0, 6.0), Span(6.0, 31.0)], 31.0)])


def stage(**settings: Any) -> LabelSounds:
    return LabelSounds(ClassifierSpec.of(MODEL), **settings)


def test_each_stretch_has_its_label_and_silence_none(recording: Recording, inputs: Inputs) -> None:
    sounds = check_stage(stage(), recording, inputs)
    assert isinstance(sounds, Sounds)
    found = [(one.label, one.start, one.end) for one in sounds.findings]
    assert found == [
        ("tone", 0.0, 4.0),
        ("noise", 6.0, 14.333),
        ("noise", 14.333, 22.667),
        ("noise", 22.667, 31.0),
    ]
    assert sounds.made_with.startswith("sounds.onnx ")


def test_a_label_below_the_threshold_is_not_told(recording: Recording, inputs: Inputs) -> None:
    sounds = check_stage(stage(threshold=1.01), recording, inputs)
    assert isinstance(sounds, Sounds)
    assert sounds.findings == []


def test_a_recording_of_nothing_has_no_sounds(recording: Recording, inputs: Inputs) -> None:
    (recording.folder / "a.pcm").write_bytes(b"")
    empty = Inputs([replace(inputs[Audio], samples=0), Speech([], 0.0)])
    sounds = check_stage(stage(), recording, empty)
    assert isinstance(sounds, Sounds)
    assert sounds.findings == []


class Neighbourly(LabelSounds):
    """Scores are relative to the loudest stretch of the batch: a dependence on neighbours."""

    def infer(self, model: Any, batch: Sequence[Stretch]) -> list[Label]:
        loudest = max(float(np.abs(item.windows).max()) for item in batch)
        return [
            Label(label.name, label.score * float(np.abs(item.windows).max()) / loudest)
            for label, item in zip(super().infer(model, batch), batch, strict=True)
        ]


def test_a_dependence_on_neighbours_is_found(recording: Recording, inputs: Inputs) -> None:
    with pytest.raises(StageFault, match="item 0 depends on its neighbours"):
        check_stage(Neighbourly(ClassifierSpec.of(MODEL)), recording, inputs)


def loudness_model(path: Path, shape: list[Any], axis: int) -> ClassifierSpec:
    """A model with another form of input, whose only score is the mean loudness."""
    onnx = pytest.importorskip("onnx")
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Abs", ["sound"], ["absolute"]),
        helper.make_node("ReduceMean", ["absolute"], ["scores"], axes=[axis], keepdims=1),
    ]
    scores = [1] if len(shape) == 1 else [shape[0], 1]
    graph = helper.make_graph(
        nodes,
        "loudness",
        [helper.make_tensor_value_info("sound", number, shape)],
        [helper.make_tensor_value_info("scores", number, scores)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, str(path))
    labels = path.with_suffix(".txt")
    labels.write_text("loud\n", encoding="utf-8")
    return ClassifierSpec.of(path, labels)


@pytest.mark.parametrize("shape", [["samples"], [1, "samples"], ["windows", "samples"]])
def test_models_of_other_inputs_are_taken_with_a_file_of_labels(
    recording: Recording, inputs: Inputs, tmp_path: Path, shape: list[Any]
) -> None:
    spec = loudness_model(tmp_path / "loudness.onnx", shape, len(shape) - 1)
    sounds = check_stage(LabelSounds(spec, threshold=0.01), recording, inputs)
    assert isinstance(sounds, Sounds)
    assert {one.label for one in sounds.findings} == {"loud"}
    assert [one.score for one in sounds.findings] == pytest.approx([0.08] * 4, abs=0.002)


def test_other_labels_are_another_model(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("a\nb\nc\nd\n", encoding="utf-8")
    assert ClassifierSpec.of(MODEL).identity != ClassifierSpec.of(MODEL, labels).identity


def test_a_model_that_is_not_there_is_told() -> None:
    with pytest.raises(ModelUnavailableError, match=r"gone\.onnx: no such file; give --stage-opt"):
        LabelSounds.from_options(Options(Path("gone.onnx")))


def test_what_is_no_model_is_told(tmp_path: Path) -> None:
    file = tmp_path / "text.onnx"
    file.write_text("no model")
    with pytest.raises(ModelUnavailableError, match=r"text\.onnx: no model that onnxruntime"):
        ClassifierSpec.of(file).load(Device("cpu"), 1)


def test_a_model_of_pictures_is_told(tmp_path: Path) -> None:
    spec = loudness_model(tmp_path / "picture.onnx", [1, 3, 224, 224], 3)
    with pytest.raises(ModelUnavailableError, match="does not take a second of 16 kHz samples"):
        spec.warm_up(spec.load(Device("cpu"), 1))
