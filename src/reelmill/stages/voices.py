"""HearVoices: an embedding of the voice in each short stretch of speech."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reelmill.artifacts import Artifact, Audio, SpeakerActivity, Voices
from reelmill.artifacts.speakers import packed
from reelmill.engine.stage import Inputs, ModelStage, setting
from reelmill.media.samples import open_samples, window
from reelmill.models.speakers import Encoder, EncoderSpec
from reelmill.models.voiceprint import Float32
from reelmill.recording import Recording
from reelmill.stages.utterances import utterances


@dataclass(frozen=True)
class Utterance:
    """Pieces of one stretch's features, shape (pieces, 160, bands); cost in pieces."""

    features: Float32

    @property
    def cost(self) -> float:
        return len(self.features)


@dataclass(frozen=True)
class HearVoices(ModelStage[Utterance, Float32]):
    """Embeds each stretch of speech once; nothing that two people say at once.

    `longest`: seconds of a stretch. What is a little longer than the 1.6 s that the encoder hears
    is one look; two people in one stretch are the rarer the shorter it is. `pieces`: looks at a
    stretch, at most.
    """

    name: ClassVar[str] = "voices"
    version: ClassVar[int] = 2
    needs: ClassVar[tuple[type[Artifact], ...]] = (Audio, SpeakerActivity)
    produces: ClassVar[type[Artifact]] = Voices

    model: EncoderSpec
    longest: float = setting(2.0)
    pieces: int = setting(2)

    def split(self, recording: Recording, inputs: Inputs) -> Iterator[Utterance]:
        samples = open_samples(recording.folder, inputs[Audio])
        for span in utterances(inputs[SpeakerActivity], self.longest):
            features = self.model.hear(window(samples, span.start, span.end))
            yield Utterance(self.model.partials(features, self.pieces))

    def infer(self, model: Encoder, batch: Sequence[Utterance]) -> list[Float32]:
        return model.embed([item.features for item in batch])

    def merge(self, recording: Recording, inputs: Inputs, outputs: Iterator[Float32]) -> Voices:
        found = list(outputs)
        embeddings = np.stack(found) if found else np.zeros((0, 0), np.float32)
        return Voices(
            model=self.model.name,
            dimensions=embeddings.shape[1],
            stretches=utterances(inputs[SpeakerActivity], self.longest),
            vectors=packed(embeddings),
        )
