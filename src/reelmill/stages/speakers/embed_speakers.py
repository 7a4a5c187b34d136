"""HearVoices: an embedding of the voice in each short stretch of speech."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import ClassVar

import numpy as np

from reelmill.artifacts import Artifact, Audio, Span, SpeakerActivity, Voices
from reelmill.artifacts.speakers import packed
from reelmill.engine.stage import Inputs, ModelStage, StageContext, setting
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.speakers.features import Float32
from reelmill.models.speakers.networks import Encoder, EncoderSpec, Int16
from reelmill.stages.speakers.utterances import utterances


@dataclass(frozen=True)
class Utterances:
    """Of some stretches pieces of their features, each of shape (pieces, 160, bands).

    Cost in pieces.
    """

    features: list[Float32]

    @property
    def cost(self) -> float:
        return sum(map(len, self.features))


@dataclass(frozen=True)
class HearVoices(ModelStage[Utterances, list[Float32]]):
    """Embeds each stretch of speech once; nothing that two people say at once.

    `longest`: seconds of a stretch. What is a little longer than the 1.6 s that the encoder hears
    is one look; two people in one stretch are the rarer the shorter it is. `pieces`: looks at a
    stretch, at most. `together`: stretches in an item, at most: they share what is read of the
    weights.
    """

    name: ClassVar[str] = "voices"
    version: ClassVar[int] = 3
    title = "Comparing voices"
    commands = ("voice",)
    needs = (Audio, SpeakerActivity)
    produces: ClassVar[type[Artifact]] = Voices

    model: EncoderSpec
    longest: float = setting(2.0)
    pieces: int = setting(2)
    together: int = setting(12)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[Utterances]:
        samples = open_samples(context.folder, inputs[Audio])
        stretches = utterances(inputs[SpeakerActivity], self.longest)
        for at in range(0, len(stretches), self.together):
            some = stretches[at : at + self.together]
            yield Utterances([self._pieces(samples, span) for span in some])

    def _pieces(self, samples: Int16, span: Span) -> Float32:
        features = self.model.hear(window(samples, span.start, span.end))
        return self.model.partials(features, self.pieces)

    def infer(self, model: Encoder, batch: Sequence[Utterances]) -> list[list[Float32]]:
        return model.embed([item.features for item in batch])

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[list[Float32]]
    ) -> Voices:
        found = list(chain.from_iterable(outputs))
        embeddings = np.stack(found) if found else np.zeros((0, 0), np.float32)
        return Voices(
            model=self.model.name,
            dimensions=embeddings.shape[1],
            stretches=utterances(inputs[SpeakerActivity], self.longest),
            vectors=packed(embeddings),
        )
