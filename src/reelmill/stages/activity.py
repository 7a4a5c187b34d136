"""SegmentSpeakers: which local speakers are heard in windows of a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    ActivityWindow,
    Artifact,
    Audio,
    LocalSpeaker,
    Span,
    SpeakerActivity,
    Speech,
)
from reelmill.engine.stage import Inputs, ModelStage, setting
from reelmill.media.samples import open_samples, release
from reelmill.models.speakers import (
    FIRST,
    FRAME_STEP,
    RATE,
    Bool,
    Int16,
    Segmentation,
    SegmentationSpec,
)
from reelmill.recording import Recording

#: Windows with less speech than this are not looked at.
_LEAST_SPEECH = 0.1


@dataclass(frozen=True)
class SpeakerWindow:
    """Samples of one window, int16, zeros beyond the end of the recording; cost in seconds."""

    samples: Int16

    @property
    def cost(self) -> float:
        return len(self.samples) / RATE


@dataclass(frozen=True)
class ActiveSpeakers:
    """Runs of frames of each local speaker who is heard, first frame and one past the last."""

    runs: tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True)
class SegmentSpeakers(ModelStage[SpeakerWindow, ActiveSpeakers]):
    """Sliding windows with speech in them through the speaker segmentation network.

    `windows_over_each`: how many windows see each moment; each costs a look.
    """

    name: ClassVar[str] = "activity"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Audio, Speech)
    produces: ClassVar[type[Artifact]] = SpeakerActivity

    model: SegmentationSpec
    windows_over_each: int = setting(2)

    def split(self, recording: Recording, inputs: Inputs) -> Iterator[SpeakerWindow]:
        samples = open_samples(recording.folder, inputs[Audio])
        for first in self._firsts(inputs[Speech]):
            start = first * FRAME_STEP
            window = np.zeros(self.model.window_samples, np.int16)
            piece = samples[start : start + len(window)]
            window[: len(piece)] = piece
            release(samples)
            yield SpeakerWindow(window)

    def infer(self, model: Segmentation, batch: Sequence[SpeakerWindow]) -> list[ActiveSpeakers]:
        active = model.active([item.samples for item in batch])
        return [ActiveSpeakers(tuple(filter(None, map(_runs, one.T)))) for one in active]

    def merge(
        self, recording: Recording, inputs: Inputs, outputs: Iterator[ActiveSpeakers]
    ) -> SpeakerActivity:
        speech = inputs[Speech]
        return SpeakerActivity(
            model=self.model.name,
            duration=speech.duration,
            frame_seconds=FRAME_STEP / RATE,
            offset=(FIRST - FRAME_STEP / 2) / RATE,
            window_frames=self.model.window_frames,
            windows=[
                ActivityWindow(first, [LocalSpeaker(list(runs)) for runs in output.runs])
                for first, output in zip(self._firsts(speech), outputs, strict=True)
            ],
        )

    def _firsts(self, speech: Speech) -> Iterator[int]:
        """The first frames of the windows that have speech in them."""
        step = self.model.window_frames // self.windows_over_each
        step_seconds = step * FRAME_STEP / RATE
        reached = -1
        for span in speech.spans:
            first = int((span.start + _LEAST_SPEECH - self.model.window_seconds) / step_seconds)
            last = int((span.end - _LEAST_SPEECH) / step_seconds)
            for index in range(max(0, first, reached + 1), last + 1):
                if _speech_in(span, index * step_seconds, self.model.window_seconds):
                    reached = index
                    yield index * step


def _speech_in(span: Span, start: float, seconds: float) -> bool:
    return min(span.end, start + seconds) - max(span.start, start) >= _LEAST_SPEECH


def _runs(frames: npt.NDArray[Any] | Bool) -> tuple[tuple[int, int], ...]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], frames.astype(np.int8), [0]])))
    return tuple(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
