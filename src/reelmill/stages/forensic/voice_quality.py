"""MeasureVoiceQuality: pitch, jitter, shimmer and harmonics-to-noise ratio by Praat."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np

from reelmill.artifacts import (
    Artifact,
    Audio,
    Diarization,
    PitchArrays,
    QualityOfStretch,
    Speech,
    VoiceQuality,
    write_curves,
)
from reelmill.core.arrays import Float32
from reelmill.engine.stage import Inputs, ModelStage, StageContext, optional, setting
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.praat import Praat, PraatSpec, Voice
from reelmill.stages.forensic.talk import talks_of

_ARRAYS = "pitch.npz"


@dataclass(frozen=True)
class Stretch:
    """Speech of one speaker, 16 kHz in [-1, 1]. Cost in seconds."""

    samples: Float32

    @property
    def cost(self) -> float:
        return len(self.samples) / 16_000


@dataclass(frozen=True)
class _Place:
    start: float
    end: float
    speaker: str | None
    channel: str | None


@dataclass(frozen=True)
class MeasureVoiceQuality(ModelStage[Stretch, Voice]):
    """Gives Praat what each speaker says alone, in stretches of at most `longest` seconds; what is
    shorter than `shortest` is left out."""

    name: ClassVar[str] = "voice_quality"
    version: ClassVar[int] = 1
    display_name = "Measuring voices"
    commands = ("voice",)
    enabled_by = ("forensic", True)
    needs = (Audio, Speech, optional(Diarization))
    produces: ClassVar[type[Artifact]] = VoiceQuality

    model: PraatSpec
    shortest: float = setting(0.1)
    longest: float = setting(20.0)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[Stretch]:
        sounds = [open_samples(context.folder, audio) for _, audio in inputs[Audio].sounds()]
        for row, place in self._places(inputs):
            yield Stretch(window(sounds[row], place.start, place.end))

    def _places(self, inputs: Inputs) -> Iterator[tuple[int, _Place]]:
        for talk in talks_of(inputs):
            for span in talk.alone:
                if span.duration < self.shortest:
                    continue
                count = math.ceil(span.duration / self.longest)
                edges = np.linspace(span.start, span.end, count + 1).round(3).tolist()
                for start, end in pairwise(edges):
                    yield talk.row, _Place(start, end, talk.speaker, talk.channel)

    def infer(self, model: Praat, batch: Sequence[Stretch]) -> list[Voice]:
        return [model.measure(item.samples) for item in batch]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[Voice]
    ) -> VoiceQuality:
        stretches, f0, times = [], [], []
        for (_, place), voice in zip(self._places(inputs), outputs, strict=True):
            stretches.append(_quality_of(place, voice))
            f0.append(voice.f0)
            times.append(place.start + voice.first + voice.step * np.arange(len(voice.f0)))
        arrays = PitchArrays(
            np.concatenate([np.zeros(0, np.float32), *f0]).astype(np.float32),
            np.concatenate([np.zeros(0), *times]),
            np.array([len(one) for one in f0], np.int64),
        )
        write_curves(context.path(_ARRAYS), arrays)
        return VoiceQuality(self.model.name, context.sidecar(_ARRAYS), stretches)


def _quality_of(place: _Place, voice: Voice) -> QualityOfStretch:
    return QualityOfStretch(
        place.start,
        place.end,
        place.speaker,
        place.channel,
        voice.periods,
        voice.jitter,
        voice.shimmer,
        voice.hnr,
        round(float(np.count_nonzero(voice.f0) * voice.step), 3),
    )
