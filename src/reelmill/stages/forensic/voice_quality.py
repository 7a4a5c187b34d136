"""MeasureVoiceQuality: pitch, jitter, shimmer and harmonics-to-noise ratio by Praat."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from reelmill.artifacts import (
    Artifact,
    Audio,
    Diarization,
    PitchArrays,
    QualityOfStretch,
    Speech,
    VoiceQuality,
    write_arrays,
)
from reelmill.core.arrays import Float32
from reelmill.engine.stage import Inputs, ModelStage, StageContext, optional, setting
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.praat import Praat, PraatSpec, Voice
from reelmill.stages.forensic.curves import FRAMES, energies
from reelmill.stages.forensic.talk import talks_of
from reelmill.stages.forensic.utterances import Heard, SpeechRules, heard_of

_ARRAYS = "pitch.npz"
#: Seconds of silence kept around an utterance: Praat leaves out the edges of what it is given.
_EDGE = 0.02


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
    """Passes the utterances of each speaker to Praat, without pauses and overlapping speech, in
    stretches of at most `longest` seconds; shorter ones than `shortest` are left out."""

    name: ClassVar[str] = "voice_quality"
    version: ClassVar[int] = 1
    display_name = "Measuring voices"
    commands = ("voice",)
    enabled_by = ("forensic", True)
    needs = (Audio, Speech, optional(Diarization))
    produces: ClassVar[type[Artifact]] = VoiceQuality

    model: PraatSpec
    speech: SpeechRules = field(default_factory=SpeechRules)
    shortest: float = setting(0.1)
    longest: float = setting(20.0)

    def split(
        self, context: StageContext, inputs: Inputs
    ) -> Generator[Stretch, None, list[_Place]]:
        talks = talks_of(inputs)
        places = []
        for row, (channel, audio) in enumerate(inputs[Audio].sounds()):
            samples = open_samples(context.folder, audio)
            energy = energies(samples)
            for talk in talks:
                if talk.row == row:
                    heard = heard_of(talk, talks, energy, self.speech)
                    for start, end in self._stretches(heard):
                        places.append(_Place(start, end, talk.speaker, channel))
                        yield Stretch(window(samples, start, end))
        return places

    def _stretches(self, heard: Heard) -> Iterator[tuple[float, float]]:
        """The utterances of a speaker, long ones in parts."""
        for first, last in heard.utterances.tolist():
            start, end = max(0.0, first / FRAMES - _EDGE), last / FRAMES + _EDGE
            if end - start >= self.shortest:
                count = math.ceil((end - start) / self.longest)
                edges = np.linspace(start, end, count + 1).round(3).tolist()
                yield from pairwise(edges)

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Praat, batch: Sequence[Stretch]) -> list[Voice]:
        return [model.measure(item.samples) for item in batch]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[Voice]
    ) -> VoiceQuality:
        (places,) = context.handed
        stretches, f0, times = [], [], []
        for place, voice in zip(places, outputs, strict=True):
            stretches.append(_quality_of(place, voice))
            f0.append(voice.f0)
            times.append(place.start + voice.first + voice.step * np.arange(len(voice.f0)))
        arrays = PitchArrays(
            np.concatenate([np.zeros(0, np.float32), *f0]).astype(np.float32),
            np.concatenate([np.zeros(0), *times]),
            np.array([len(one) for one in f0], np.int64),
        )
        write_arrays(context.path(_ARRAYS), arrays)
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
