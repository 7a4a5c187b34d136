"""EmbedSpeakers: embed the voice in each short stretch of speech."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from reelmill.artifacts import Artifact, Audio, Span, SpeakerActivity, Voices
from reelmill.artifacts.speakers import packed
from reelmill.core.arrays import Float32, Int16
from reelmill.engine.stage import Inputs, ModelStage, StageContext, setting
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.speakers.networks import Encoder, EncoderSpec
from reelmill.stages.speakers.utterances import utterances


@dataclass(frozen=True)
class Utterances:
    """Features of some stretches, shape (stretches, frames, bands). The cost is the number of
    stretches."""

    features: Float32

    @property
    def cost(self) -> float:
        return len(self.features)


@dataclass(frozen=True)
class EmbedSpeakers(ModelStage[Utterances, Float32]):
    """Embeds each stretch of speech once, without those in which two people speak at once.

    `longest`: the most seconds in a stretch given to the encoder; the shorter it is, the rarer two
    people are in it. `together`: the most stretches in an item, which share the reading of the
    weights.
    """

    name: ClassVar[str] = "voices"
    version: ClassVar[int] = 4
    display_name = "Comparing voices"
    commands = ("voice", "faces")
    needs = (Audio, SpeakerActivity)
    produces: ClassVar[type[Artifact]] = Voices

    model: EncoderSpec
    longest: float = setting(2.0)
    together: int = setting(8)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[Utterances]:
        for channel, audio in inputs[Audio].sounds():
            samples = open_samples(context.folder, audio)
            stretches = utterances(inputs[SpeakerActivity].of(channel), self.longest)
            for at in range(0, len(stretches), self.together):
                some = stretches[at : at + self.together]
                yield Utterances(np.stack([self._piece(samples, span) for span in some]))

    def _piece(self, samples: Int16, span: Span) -> Float32:
        return self.model.piece(window(samples, span.start, span.end))

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Encoder, batch: Sequence[Utterances]) -> list[Float32]:
        return model.embed([item.features for item in batch])

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[Float32]) -> Voices:
        activity = inputs[SpeakerActivity]
        if not activity.channels:
            return self._voices(activity, outputs)
        of_channels = {name: self._voices(one, outputs) for name, one in activity.channels.items()}
        dimensions = max(one.dimensions for one in of_channels.values())
        return Voices(self.model.name, dimensions, [], "", of_channels)

    def _voices(self, activity: SpeakerActivity, outputs: Iterator[Float32]) -> Voices:
        """The voices of one sound, from its share of the outputs."""
        stretches = utterances(activity, self.longest)
        found = list(islice(outputs, math.ceil(len(stretches) / self.together)))
        embeddings = np.concatenate(found) if found else np.zeros((0, 0), np.float32)
        return Voices(self.model.name, embeddings.shape[1], stretches, packed(embeddings))
