"""ClassifyText: classify each segment of a transcript with any text classification model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from reelmill.artifacts import Artifact, Finding, Findings, Segment, Transcript
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.models.classifiers.spec import Classes, Classifier, ClassifierSpec

OPTION = "--text-classifier"


@dataclass
class TextClasses(Findings):
    """The model's labels for segments, with scores."""

    schema: ClassVar[str] = "text-classes/1"
    source: ClassVar[str] = "text_classes"
    of_machine_text: ClassVar[bool] = True


@dataclass(frozen=True)
class SegmentText:
    """The text of a segment. The cost is in characters."""

    text: str

    @property
    def cost(self) -> float:
        return float(len(self.text))


@dataclass(frozen=True)
class Options:
    """The options set by `--stage-option text_classes.NAME=VALUE`."""

    model: str
    threshold: float = 0.5
    python: Path | None = None


@dataclass(frozen=True)
class ClassifyText(ModelStage[SegmentText, Classes]):
    """Classifies the text of each segment. Labels with a score below `threshold` are not
    reported."""

    name: ClassVar[str] = "text_classes"
    version: ClassVar[int] = 1
    display_name = "Classifying text"
    commands = ("voice",)
    enabled_by = ("text_classifier", "model")
    needs = (Transcript,)
    produces: ClassVar[type[Artifact]] = TextClasses
    option_type = Options

    model: ClassifierSpec
    threshold: float = 0.5

    @classmethod
    def from_options(cls, options: Options) -> ClassifyText:
        # Imported here, because the model worker may import this file where only numpy is
        # installed.
        from reelmill.models.classifiers.files import classifier_spec

        spec = classifier_spec(options.model, "text", OPTION, options.python)
        return cls(spec, options.threshold)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[SegmentText]:
        for segment in _spoken(inputs):
            yield SegmentText(segment.text.strip())

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Classifier, batch: Sequence[SegmentText]) -> list[Classes]:
        return [model.classify(item.text) for item in batch]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[Classes]
    ) -> TextClasses:
        found = list(zip(_spoken(inputs), outputs, strict=True))
        findings = [
            Finding(label, one.start, one.end, round(score, 3), one.speaker, one.text.strip())
            for one, classes in found
            for label, score in classes.at_least(self.threshold)
        ]
        findings += [
            Finding(
                "text cut",
                one.start,
                one.end,
                None,
                one.speaker,
                f"{self.model.name} accepts no text this long: only its beginning was classified",
                "warning",
            )
            for one, classes in found
            if classes.is_cut
        ]
        return TextClasses(findings, made_with=f"{self.model.name} ({self.model.digest[:40]})")


def _spoken(inputs: Inputs) -> Iterator[Segment]:
    return (one for one in inputs[Transcript].segments if one.text.strip())
