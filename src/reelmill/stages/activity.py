"""SegmentSpeakers: when one person speaks, when two, and where the speaker seems to change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reelmill.artifacts import Artifact, Audio, SpeakerActivity, Speech
from reelmill.engine.stage import Inputs, ModelStage, setting
from reelmill.media.samples import open_samples, release
from reelmill.models.speakers import FRAME_STEP, RATE, Heard, Int16, Segmentation, SegmentationSpec
from reelmill.recording import Recording
from reelmill.stages.activity_tracks import ActivityTracks
from reelmill.stages.loudness import louder_than_pauses

#: Sound whose samples are all smaller than this is silence, -54 dB of full scale.
_SILENT = 64
#: A speaker counts as heard, for finding changes, at this score.
_SURE = 0.85


@dataclass(frozen=True)
class SpeakerWindow:
    """Samples of one window, int16, zeros beyond the end of the recording; cost in seconds."""

    samples: Int16

    @property
    def cost(self) -> float:
        return len(self.samples) / RATE


@dataclass(frozen=True)
class HeardInWindow:
    """Scores as in `Heard`, half precision, and the frames at which another speaker goes on."""

    speech: np.typing.NDArray[np.float16]
    overlap: np.typing.NDArray[np.float16]
    changes: tuple[int, ...]


@dataclass(frozen=True)
class SegmentSpeakers(ModelStage[SpeakerWindow, HeardInWindow]):
    """Sliding windows through the speaker segmentation network, put together to one picture.

    Every window is looked at that is not silent: the network hears voices that the speech
    detector takes for none. `windows_over_each`: how many windows see each moment; each costs a
    look. `margin_db`: how much louder than the pauses around it speech is.
    """

    name: ClassVar[str] = "activity"
    version: ClassVar[int] = 2
    needs: ClassVar[tuple[type[Artifact], ...]] = (Audio, Speech)
    produces: ClassVar[type[Artifact]] = SpeakerActivity

    model: SegmentationSpec
    windows_over_each: int = setting(2)
    margin_db: float = setting(4.0)

    def split(self, recording: Recording, inputs: Inputs) -> Iterator[SpeakerWindow]:
        samples = open_samples(recording.folder, inputs[Audio])
        for first in self._firsts(samples, inputs[Speech]):
            start = first * FRAME_STEP
            window = np.zeros(self.model.window_samples, np.int16)
            piece = samples[start : start + len(window)]
            window[: len(piece)] = piece
            yield SpeakerWindow(window)

    def infer(self, model: Segmentation, batch: Sequence[SpeakerWindow]) -> list[HeardInWindow]:
        return [_compact(heard) for heard in model.hear([item.samples for item in batch])]

    def merge(
        self, recording: Recording, inputs: Inputs, outputs: Iterator[HeardInWindow]
    ) -> SpeakerActivity:
        samples = open_samples(recording.folder, inputs[Audio])
        tracks = ActivityTracks(len(samples), self.model.window_frames)
        for first, output in zip(self._firsts(samples, inputs[Speech]), outputs, strict=True):
            tracks.add(first, output.speech, output.overlap, output.changes)
        loud = louder_than_pauses(samples, tracks.speech, self.margin_db)
        return tracks.activity(self.model.name, inputs[Speech].duration, loud)

    def _firsts(self, samples: Int16, speech: Speech) -> Iterator[int]:
        """The first frames of the windows that are looked at."""
        step = self.model.window_frames // self.windows_over_each
        starts = np.array([span.start for span in speech.spans]) * RATE
        ends = np.array([span.end for span in speech.spans]) * RATE
        for first in range(0, len(samples) // FRAME_STEP + 1, step):
            start = first * FRAME_STEP
            end = start + self.model.window_samples
            next_one = int(np.searchsorted(ends, start, "right"))
            spoken = next_one < len(starts) and starts[next_one] < end
            if spoken or _audible(samples[start:end]):
                yield first
            release(samples)


def _audible(samples: Int16) -> bool:
    return len(samples) > 0 and max(int(samples.max()), -int(samples.min())) >= _SILENT


def _compact(heard: Heard) -> HeardInWindow:
    sure = np.flatnonzero(heard.speech >= _SURE)
    speaker = heard.speaker[sure]
    changes = sure[1:][speaker[1:] != speaker[:-1]]
    return HeardInWindow(
        heard.speech.astype(np.float16), heard.overlap.astype(np.float16), tuple(changes.tolist())
    )
