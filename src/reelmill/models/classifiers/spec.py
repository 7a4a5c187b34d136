"""Classification models of sound and text: what is loaded, and what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.engine.stage import Device, ModelSpec

#: What is classified.
Task = Literal["audio", "text"]
#: How a model is computed: by ONNX Runtime, which is always here, or by transformers on PyTorch.
Backend = Literal["onnx", "transformers"]

RATE = 16_000
_LIBRARIES_MB = {"onnx": 150.0, "transformers": 900.0}


@dataclass(frozen=True)
class Classes:
    """What a model says of an item: its labels with their scores, 0 to 1, in the model's order.

    `is_cut`: the model takes no item that long, and saw its beginning alone.
    """

    labels: list[str]
    scores: list[float]
    is_cut: bool = False

    def at_least(self, threshold: float) -> list[tuple[str, float]]:
        """The labels with at least that score, the likeliest first."""
        pairs = sorted(zip(self.scores, self.labels, strict=True), reverse=True)
        return [(label, score) for score, label in pairs if score >= threshold]


class Classifier(Protocol):
    """A model that is loaded. An item's classes depend on nothing but the item."""

    def classify(self, item: Float32 | str) -> Classes:
        """The classes of samples (16 kHz, in [-1, 1]) or of a text."""


@dataclass(frozen=True)
class ClassifierSpec(ModelSpec):
    """A classification model in a folder as transformers or Optimum write it.

    Attributes:
        task: what it classifies.
        path: the folder.
        label: its name for users.
        digest: of its files.
        backend: what computes it.
        version: of transformers; empty for ONNX.
        python: the interpreter that has transformers; None for this one.
        cuda: whether it can compute on a GPU.
    """

    purpose: ClassVar[str] = "classifier"

    task: Task
    path: str
    label: str
    digest: str
    backend: Backend
    version: str = ""
    python: str | None = None
    cuda: bool = False

    @property
    def name(self) -> str:
        return self.label

    @property
    def identity(self) -> str:
        return f"{self.digest}:{self.backend}-{self.version}"

    @property
    def environment(self) -> Mapping[str, str]:
        """Everything is in the folder: the libraries must not ask the network for more."""
        return {"HF_HUB_OFFLINE": "1"}

    def memory_mb(self, device_kind: str) -> float:
        return _LIBRARIES_MB[self.backend]

    def unsupported_reason(self, device_kind: str) -> str:
        if device_kind == "cpu" or self.cuda:
            return ""
        return f"{self.label}: {self.backend} there has no CUDA support"

    def load(self, device: Device, threads: int) -> Classifier:
        """Raises ModelUnavailableError when the folder has no such model."""
        if self.backend == "onnx":
            from reelmill.models.classifiers.by_onnx import OnnxClassifier

            return OnnxClassifier(self.path, self.task, device, threads)
        from reelmill.models.classifiers.by_transformers import TransformersClassifier

        return TransformersClassifier(self.path, self.task, device, threads)

    def warm_up(self, model: Classifier) -> None:
        noise = np.random.default_rng(0).normal(0, 0.01, RATE).astype(np.float32)
        model.classify(noise if self.task == "audio" else "yes")


def classes_of(logits: Any, labels: Sequence[str], *, several: bool, is_cut: bool) -> Classes:
    """Classes from a model's output, shape (labels,).

    Args:
        logits: as the model gives them.
        labels: their names.
        several: whether each label is true or not on its own (sigmoid); otherwise exactly one is
            (softmax).
        is_cut: as in `Classes`.
    """
    values = np.asarray(logits, np.float64).reshape(-1)
    if several:
        scores = 1 / (1 + np.exp(-values))
    else:
        exponents = np.exp(values - values.max())
        scores = exponents / exponents.sum()
    return Classes(list(labels), [round(float(score), 6) for score in scores], is_cut)
