"""ClassifyEmotion: classify each stretch of speech with any audio classification model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from reelmill.artifacts import Artifact, Audio, Diarization, Finding, Findings, Speech
from reelmill.core.arrays import Float32
from reelmill.engine.stage import Inputs, ModelStage, StageContext, optional
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.classifiers.spec import Classes, Classifier, ClassifierSpec
from reelmill.stages.forensic.talk import Talk, talks_of

OPTION = "--emotion-model"


@dataclass
class Emotions(Findings):
    """The model's labels for stretches of speech, with scores."""

    schema: ClassVar[str] = "emotions/1"
    source: ClassVar[str] = "emotion"


@dataclass(frozen=True)
class Stretch:
    """Speech of one person, 16 kHz in [-1, 1]. The cost is in seconds."""

    samples: Float32

    @property
    def cost(self) -> float:
        return len(self.samples) / 16_000


@dataclass(frozen=True)
class Options:
    """The options set by `--stage-option emotion.NAME=VALUE`."""

    model: str
    threshold: float = 0.5
    python: Path | None = None


@dataclass(frozen=True)
class ClassifyEmotion(ModelStage[Stretch, Classes]):
    """Classifies what each speaker says alone, in stretches of at most `longest` seconds; shorter
    ones than `shortest` are left out. Labels with a score below `threshold` are not reported."""

    name: ClassVar[str] = "emotion"
    version: ClassVar[int] = 1
    display_name = "Classifying speech"
    commands = ("voice",)
    enabled_by = ("emotion_model", "model")
    needs = (Audio, Speech, optional(Diarization))
    produces: ClassVar[type[Artifact]] = Emotions
    option_type = Options

    model: ClassifierSpec
    threshold: float = 0.5
    shortest: float = 1.0
    longest: float = 8.0

    @classmethod
    def from_options(cls, options: Options) -> ClassifyEmotion:
        # Imported here, because the model worker may import this file where only numpy is
        # installed.
        from reelmill.models.classifiers.files import classifier_spec

        spec = classifier_spec(options.model, "audio", OPTION, options.python)
        return cls(spec, options.threshold)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[Stretch]:
        sounds = [open_samples(context.folder, audio) for _, audio in inputs[Audio].sounds()]
        for talk, start, end in self._stretches(inputs):
            yield Stretch(window(sounds[talk.row], start, end))

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Classifier, batch: Sequence[Stretch]) -> list[Classes]:
        return [model.classify(item.samples) for item in batch]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[Classes]) -> Emotions:
        findings = [
            Finding(label, start, end, round(score, 3), talk.speaker)
            for (talk, start, end), classes in zip(self._stretches(inputs), outputs, strict=True)
            for label, score in classes.at_least(self.threshold)
        ]
        findings.sort(key=lambda one: one.start or 0.0)
        return Emotions(findings, made_with=f"{self.model.name} ({self.model.digest[:40]})")

    def _stretches(self, inputs: Inputs) -> Iterator[tuple[Talk, float, float]]:
        for talk in talks_of(inputs):
            for span in talk.alone:
                if span.duration >= self.shortest:
                    count = math.ceil(span.duration / self.longest)
                    edges = np.linspace(span.start, span.end, count + 1).round(3).tolist()
                    for start, end in pairwise(edges):
                        yield talk, start, end
