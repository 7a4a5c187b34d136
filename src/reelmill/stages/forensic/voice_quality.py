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
from reelmill.core.arrays import Bool, Float32, Float64
from reelmill.engine.stage import Inputs, ModelStage, StageContext, optional, setting
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.praat import Praat, PraatSpec, Voice
from reelmill.stages.forensic.curves import FRAMES, energies
from reelmill.stages.forensic.talk import talks_of
from reelmill.stages.forensic.utterances import Heard, SpeechRules, heard_of

_ARRAYS = "pitch.npz"
_RATE = 16_000
#: Seconds of silence around each utterance of a stretch. Praat leaves out the edges of what it is
#: given, and no glottal period may reach from one utterance into the next.
_GAP = 0.1
Span = tuple[float, float]


@dataclass(frozen=True)
class Stretch:
    """Utterances of one speaker, one after the other, 16 kHz in [-1, 1]. `peak`: the largest
    amplitude of all that is measured of the speaker. Cost in seconds."""

    samples: Float32
    peak: float

    @property
    def cost(self) -> float:
        return len(self.samples) / _RATE


@dataclass(frozen=True)
class _Place:
    """Where the utterances of a stretch are in the recording."""

    spans: tuple[Span, ...]
    speaker: str | None
    channel: str | None

    def times(self, voice: Voice) -> tuple[Float64, Bool]:
        """The times in the recording of the frames of a stretch, and which lie in utterances."""
        within = voice.first + voice.step * np.arange(len(voice.f0))
        lengths = np.array([end - start for start, end in self.spans])
        begins = _GAP + np.concatenate([[0.0], np.cumsum(lengths + _GAP)[:-1]])
        at = np.maximum(np.searchsorted(begins, within, "right") - 1, 0)
        into = within - begins[at]
        starts = np.array([start for start, _ in self.spans])
        return starts[at] + into, (into >= 0) & (into < lengths[at])


@dataclass(frozen=True)
class MeasureVoiceQuality(ModelStage[Stretch, Voice]):
    """Passes the utterances of each speaker to Praat, without pauses and overlapping speech, in
    stretches of at most `longest` seconds; utterances shorter than `shortest` are left out.

    Praat takes for silence what is quiet beside the loudest of what it is given. Every stretch is
    therefore measured with the peak of all that the speaker says, as if it were one sound.
    """

    name: ClassVar[str] = "voice_quality"
    version: ClassVar[int] = 4
    display_name = "Measuring voices"
    commands = ("voice",)
    enabled_by = ("forensic", True)
    needs = (Audio, Speech, optional(Diarization))
    produces: ClassVar[type[Artifact]] = VoiceQuality
    #: Praat measures one after the other: in a larger batch, the first would wait for the last.
    max_batch_size: ClassVar[int | None] = 2

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
                    spans = list(self._utterances(heard_of(talk, talks, energy, self.speech)))
                    peak = max((_peak(window(samples, *span)) for span in spans), default=0.0)
                    for stretch in self._stretches(spans):
                        places.append(_Place(stretch, talk.speaker, channel))
                        yield Stretch(_joined([window(samples, *span) for span in stretch]), peak)
        return places

    def _utterances(self, heard: Heard) -> Iterator[Span]:
        """The utterances of a speaker, long ones in parts."""
        for first, last in heard.utterances.tolist():
            start, end = first / FRAMES, last / FRAMES
            if end - start >= self.shortest:
                count = math.ceil((end - start) / self.longest)
                edges = np.linspace(start, end, count + 1).round(3).tolist()
                yield from pairwise(edges)

    @property
    def inferring(self) -> Any:
        return ()

    def _stretches(self, spans: Sequence[Span]) -> Iterator[tuple[Span, ...]]:
        """Utterances that are measured together."""
        stretch: list[Span] = []
        length = 0.0
        for start, end in spans:
            if stretch and length + end - start > self.longest:
                yield tuple(stretch)
                stretch, length = [], 0.0
            stretch.append((start, end))
            length += end - start + _GAP
        if stretch:
            yield tuple(stretch)

    def infer(self, model: Praat, batch: Sequence[Stretch]) -> list[Voice]:
        return [model.measure(item.samples, item.peak) for item in batch]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[Voice]
    ) -> VoiceQuality:
        (places,) = context.handed
        stretches, f0, times = [], [], []
        for place, voice in zip(places, outputs, strict=True):
            when, is_within = place.times(voice)
            stretches.append(_quality_of(place, voice))
            f0.append(voice.f0[is_within])
            times.append(when[is_within])
        arrays = PitchArrays(
            np.concatenate([np.zeros(0, np.float32), *f0]).astype(np.float32),
            np.concatenate([np.zeros(0), *times]),
            np.array([len(one) for one in f0], np.int64),
        )
        write_arrays(context.path(_ARRAYS), arrays)
        return VoiceQuality(self.model.methods, context.sidecar(_ARRAYS), stretches)


def _peak(samples: Float32) -> float:
    return float(np.abs(samples).max(initial=0.0))


def _joined(parts: Sequence[Float32]) -> Float32:
    gap = np.zeros(round(_GAP * _RATE), np.float32)
    return np.concatenate([gap, *(piece for part in parts for piece in (part, gap))])


def _quality_of(place: _Place, voice: Voice) -> QualityOfStretch:
    return QualityOfStretch(
        place.spans[0][0],
        place.spans[-1][1],
        place.speaker,
        place.channel,
        voice.periods,
        voice.jitter,
        voice.shimmer,
        voice.hnr,
        round(float(np.count_nonzero(voice.f0) * voice.step), 3),
    )
