"""Which language is spoken: Whisper's own guess from the first speech of a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

from reelmill.artifacts import Artifact, Audio, Language, Speech
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.models.whisper.features import Float32
from reelmill.models.whisper.languages import UNDETERMINED
from reelmill.models.whisper.whisper import Whisper, WhisperSpec
from reelmill.stages.speech.windows import seconds_of, window_features

#: How many languages the artifact lists.
_CANDIDATES = 5


@dataclass(frozen=True)
class LanguageWindow:
    """Features of a window of speech, shape (n_mels, up to 3000); cost in seconds of speech."""

    features: Float32
    seconds: float

    @property
    def cost(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class DetectLanguage(ModelStage[LanguageWindow, dict[str, float]]):
    """Averages Whisper's language probabilities over the first `windows` windows of speech.

    One window, up to 30 s of speech, is what faster-whisper looks at too; each costs a full
    encoder pass. With `language` given nothing is detected. A recording without speech has the
    language `und`, probability 0.
    """

    name: ClassVar[str] = "language"
    version: ClassVar[int] = 1
    display_name = "Detecting the language"
    commands = ("voice", "subtitle")
    models = ("model",)
    needs = (Audio, Speech)
    produces: ClassVar[type[Artifact]] = Language

    model: WhisperSpec
    language: str | None = None
    windows: int = 1

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[LanguageWindow]:
        if self.language is not None:
            return
        cut = window_features(context.recording, inputs[Audio], inputs[Speech], self.model)
        for pieces, features in islice(cut, self.windows):
            yield LanguageWindow(features, seconds_of(pieces))

    def infer(self, model: Whisper, batch: Sequence[LanguageWindow]) -> list[dict[str, float]]:
        return model.detect_language([item.features for item in batch])

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[dict[str, float]]
    ) -> Language:
        if self.language is not None:
            return Language(self.language, 1.0, given=True)
        found = list(outputs)
        if not found:
            return Language(UNDETERMINED, 0.0, given=False)
        mean = {code: sum(one[code] for one in found) / len(found) for code in found[0]}
        ranked = sorted(mean, key=lambda code: (-mean[code], code))
        candidates = {code: round(mean[code], 4) for code in ranked[:_CANDIDATES]}
        return Language(ranked[0], mean[ranked[0]], given=False, candidates=candidates)
