"""A stage for Reelmill that labels each stretch of sound with any audio classifier in an ONNX file.

Stretches are the spans of speech and the gaps between them, with long ones cut into pieces. A
stretch is classified in windows of a second; its label is the one with the highest mean score.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import Audio, Finding, Findings, Speech
from reelmill.engine.stage import Device, Inputs, ModelSpec, ModelStage, StageContext
from reelmill.errors import ModelUnavailableError
from reelmill.media.audio.samples import open_samples, window

Samples = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float32]

RATE = 16_000
#: The longest piece of a stretch, in seconds, so that music that begins minutes into a pause gets
#: its own time.
LONGEST = 10.0
SHORTEST = 0.3
#: Windows with an RMS below this, -60 dB of full scale, are silence and are not classified.
SILENCE = 1e-3
WAYS_OUT = "give --stage-option sounds.model=FILE"


@dataclass
class Sounds(Findings):
    """The label of each stretch of sound: findings with a label, times in seconds and a score."""

    schema: ClassVar[str] = "sounds/1"
    source: ClassVar[str] = "sounds"


class Classifier:
    """A loaded ONNX model: samples go in, a score for each label comes out."""

    def __init__(self, path: str, labels_file: str, device: Device, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=_providers(device)
            )
        except Exception as error:  # onnxruntime has an error class for each way to fail
            raise ModelUnavailableError(
                f"{path}: no model that onnxruntime can load ({error}); {WAYS_OUT}"
            ) from error
        self._input = self._session.get_inputs()[0]
        self._output = self._session.get_outputs()[0].name
        described = self._session.get_modelmeta().custom_metadata_map.get("labels", "[]")
        self._given = _read_labels(labels_file) if labels_file else json.loads(described)

    @cached_property
    def batches(self) -> bool:
        """Whether it accepts several windows at once: its input is (any number, samples)."""
        shape = self._input.shape
        return len(shape) == 2 and not isinstance(shape[0], int)

    def scores(self, windows: Samples) -> Scores:
        """The scores of windows of shape (windows, samples): (windows, labels)."""
        if self.batches:
            return self._run(windows)
        one_dimensional = len(self._input.shape) == 1
        alone = [self._run(one if one_dimensional else one[None]) for one in windows]
        # Models that score the frames of a window return a row for each frame.
        return np.stack([found.reshape(-1, found.shape[-1]).mean(axis=0) for found in alone])

    def label(self, number: int) -> str:
        """The name of a score, or its number if the model has no names."""
        return self._given[number] if number < len(self._given) else f"sound {number}"

    def _run(self, samples: Samples) -> Scores:
        found: Scores = self._session.run([self._output], {self._input.name: samples})[0]
        return found


def _providers(device: Device) -> list[Any]:
    cpu = ["CPUExecutionProvider"]
    if device.kind != "cuda":
        return cpu
    return [("CUDAExecutionProvider", {"device_id": device.index}), *cpu]


def _read_labels(file: str) -> list[str]:
    return Path(file).read_text(encoding="utf-8").splitlines()


@dataclass(frozen=True)
class ClassifierSpec(ModelSpec):
    """An audio classifier in an ONNX file, and optionally a file with its labels, one per line."""

    purpose = "sound classifier"
    path: str = ""
    digest: str = ""
    labels: str = ""

    @classmethod
    def of(cls, path: Path, labels: Path | None = None) -> ClassifierSpec:
        """The spec for the files with their present content.

        Raises:
            ModelUnavailableError: one of them does not exist.
        """
        digest = hashlib.sha256()
        for file in filter(None, (path, labels)):
            if not file.is_file():
                raise ModelUnavailableError(f"{file}: no such file; {WAYS_OUT}")
            digest.update(hashlib.sha256(file.read_bytes()).digest())
        return cls(str(path), digest.hexdigest(), str(labels or ""))

    @property
    def name(self) -> str:
        return Path(self.path).name

    @property
    def identity(self) -> str:
        return self.digest

    def unsupported_reason(self, device_kind: str) -> str:
        import onnxruntime

        if device_kind == "cpu":
            return ""
        if device_kind == "cuda" and (
            "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        ):
            return ""
        return f"this onnxruntime cannot compute on {device_kind}; install onnxruntime-gpu"

    def load(self, device: Device, threads: int) -> Classifier:
        return Classifier(self.path, self.labels, device, threads)

    def warm_up(self, model: Classifier) -> None:
        try:
            model.scores(np.zeros((1, RATE), np.float32))
        except Exception as error:  # onnxruntime has an error class for each way to fail
            raise ModelUnavailableError(
                f"{self.path}: it does not take a second of 16 kHz samples ({error}); give a model "
                "with one float32 input of shape (samples,), (1, samples) or (any, samples)"
            ) from error


@dataclass(frozen=True)
class Stretch:
    """A stretch of sound: its windows without silent ones, shape (windows, samples)."""

    windows: Samples

    @property
    def cost(self) -> float:
        return float(len(self.windows))


@dataclass(frozen=True)
class Label:
    """The likeliest label of a stretch, and its mean score."""

    name: str
    score: float


@dataclass(frozen=True)
class Options:
    """What `--stage-option sounds.NAME=VALUE` sets."""

    model: Path
    labels: Path | None = None
    threshold: float = 0.5


@dataclass(frozen=True)
class LabelSounds(ModelStage[Stretch, Label]):
    """Labels each stretch of sound."""

    name = "sounds"
    version = 1
    display_name = "Labelling sounds"
    commands = ("voice", "subtitle")
    needs = (Audio, Speech)
    produces = Sounds
    option_type = Options

    model: ClassifierSpec
    threshold: float = 0.5

    @classmethod
    def from_options(cls, options: Options) -> LabelSounds:
        labels = options.labels and options.labels.expanduser().resolve()
        spec = ClassifierSpec.of(options.model.expanduser().resolve(), labels)
        return cls(spec, options.threshold)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[Stretch]:
        samples = open_samples(context.folder, inputs[Audio])
        asked = []
        for start, end in stretches_of(inputs[Speech], inputs[Audio].duration):
            windows = windows_of(window(samples, start, end))
            if len(windows):
                asked.append((start, end))
                yield Stretch(windows)
        return asked  # `merge` needs to know which of them were silent

    def infer(self, model: Classifier, batch: Sequence[Stretch]) -> list[Label]:
        scores = model.scores(np.concatenate([item.windows for item in batch]))
        ends = np.cumsum([len(item.windows) for item in batch])
        means = [piece.mean(axis=0) for piece in np.split(scores, ends[:-1])]
        return [Label(model.label(int(mean.argmax())), float(mean.max())) for mean in means]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[Label]) -> Sounds:
        (asked,) = context.handed
        findings = [
            Finding(label.name, start, end, round(label.score, 3))
            for (start, end), label in zip(asked, outputs, strict=True)
            if label.score >= self.threshold
        ]
        return Sounds(findings, made_with=f"{self.model.name} {self.model.digest[:12]}")


def stretches_of(speech: Speech, duration: float) -> Iterator[tuple[float, float]]:
    """Spans of speech and the gaps between them, in order, none longer than `LONGEST`."""
    at = 0.0
    for span in speech.spans:
        yield from _pieces(at, span.start)
        yield from _pieces(span.start, span.end)
        at = span.end
    yield from _pieces(at, duration)


def _pieces(start: float, end: float) -> Iterator[tuple[float, float]]:
    if end - start < SHORTEST:
        return
    count = int(np.ceil((end - start) / LONGEST))
    edges = [round(float(edge), 3) for edge in np.linspace(start, end, count + 1)]
    yield from pairwise(edges)


def windows_of(samples: Samples) -> Samples:
    """The windows of a stretch that are not silent, each of a second, shape (windows, samples).

    A stretch shorter than a second is repeated to fill it. The remainder of a longer one is left
    out if it is shorter than half a second.
    """
    starts = range(0, max(len(samples) - RATE // 2, 1), RATE)
    pieces = [samples[start : start + RATE] for start in starts if start < len(samples)]
    loud = [np.resize(one, RATE) for one in pieces if np.sqrt(np.mean(one**2)) >= SILENCE]
    return np.stack(loud) if loud else np.empty((0, RATE), np.float32)
