"""SegmentSpeakers: find when one person speaks, when two do, and where the speaker seems to
change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from reelmill.artifacts import Artifact, Audio, SpeakerActivity
from reelmill.core.arrays import Int16
from reelmill.engine.stage import Inputs, ModelStage, StageContext, setting
from reelmill.media.audio.samples import open_samples, release
from reelmill.models.speakers.networks import (
    FRAME_STEP,
    RATE,
    WINDOWS_TOGETHER,
    Heard,
    Segmentation,
    SegmentationSpec,
    frames_of,
    samples_of,
)
from reelmill.stages.speakers.activity_tracks import ActivityTracks, LocalFrames, runs
from reelmill.stages.speakers.loudness import spoken_frames

#: Sound whose samples are all smaller than this is silence, -54 dB of full scale.
_SILENT = 64
#: The least score at which a speaker counts as heard when changes are found.
_SURE = 0.85
#: The network's windows are at least this long (4 s), with silence behind a shorter recording.
_LEAST_FRAMES = 237
#: The shortest turn of a local speaker, in s.
_SHORTEST_LOCAL = 0.1


@dataclass(frozen=True)
class SpeakerWindows:
    """The sound of consecutive windows, int16, with zeros beyond the end of the recording.

    `starts`: the beginning of each window; the last one ends with the sound. The cost is in seconds
    of windows.
    """

    samples: Int16
    starts: tuple[int, ...]

    @property
    def cost(self) -> float:
        return len(self.starts) * self._length / RATE

    @property
    def _length(self) -> int:
        return len(self.samples) - self.starts[-1]

    def windows(self) -> Int16:
        """Shape (windows, samples)."""
        return np.stack([self.samples[start : start + self._length] for start in self.starts])


@dataclass(frozen=True)
class HeardInWindow:
    """Scores as in `Heard`, half precision, the frames at which the speaker changes, and the turns
    of local speakers."""

    speech: np.typing.NDArray[np.float16]
    overlap: np.typing.NDArray[np.float16]
    changes: tuple[int, ...]
    turns: tuple[LocalFrames, ...] = ()


@dataclass(frozen=True)
class SegmentSpeakers(ModelStage[SpeakerWindows, list[HeardInWindow]]):
    """Runs the speaker segmentation network over sliding windows and merges the results.

    All windows that are not silent are used, up to the first that contains the end. The speech
    detector is not used, because it is made for near voices and misses distant ones that this
    network hears. `windows_over_each`: how many windows contain each moment but those near the
    start and the end; each costs an inference. `together`: the most windows in an item.
    `margin_db`: how much louder speech is than the pauses around it.
    """

    name: ClassVar[str] = "activity"
    version: ClassVar[int] = 9
    display_name = "Finding who speaks when"
    commands = ("voice", "faces")
    needs = (Audio,)
    produces: ClassVar[type[Artifact]] = SpeakerActivity

    model: SegmentationSpec
    windows_over_each: int = setting(2)
    together: int = setting(WINDOWS_TOGETHER)
    margin_db: float = setting(3.0)

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[SpeakerWindows]:
        for _, audio in inputs[Audio].sounds():
            samples = open_samples(context.folder, audio)
            for firsts in self._runs(samples):
                starts = [first * FRAME_STEP for first in firsts]
                length = self._window(samples)
                sound = np.zeros(starts[-1] - starts[0] + length, np.int16)
                piece = samples[starts[0] : starts[0] + len(sound)]
                sound[: len(piece)] = piece
                yield SpeakerWindows(sound, tuple(start - starts[0] for start in starts))

    @property
    def inferring(self) -> Any:
        return ()

    def infer(
        self, model: Segmentation, batch: Sequence[SpeakerWindows]
    ) -> list[list[HeardInWindow]]:
        found = model.hear([item.windows() for item in batch])
        return [[_compact(heard) for heard in windows] for windows in found]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[list[HeardInWindow]]
    ) -> SpeakerActivity:
        audio = inputs[Audio]
        if not audio.channels:
            return self._activity(context, audio, outputs)
        of_channels = {
            name: self._activity(context, sound, outputs)
            for name, sound in audio.sounds()
            if name is not None
        }
        return SpeakerActivity(self.model.name, audio.duration, [], [], [], of_channels)

    def _activity(
        self, context: StageContext, audio: Audio, outputs: Iterator[list[HeardInWindow]]
    ) -> SpeakerActivity:
        """The activity of one sound, from its share of the outputs."""
        samples = open_samples(context.folder, audio)
        tracks = ActivityTracks(len(samples), frames_of(self._window(samples)))
        for firsts in self._runs(samples):
            for first, output in zip(firsts, next(outputs), strict=True):
                tracks.add(first, output.speech, output.overlap, output.changes, output.turns)
        spoken = spoken_frames(samples, tracks.speech, self.margin_db)
        return tracks.activity(self.model.name, audio.duration, spoken)

    def _window(self, samples: Int16) -> int:
        """Samples in a window: as many as the network knows, fewer in a short recording."""
        return min(self.model.window_samples, samples_of(max(_frames(samples), _LEAST_FRAMES)))

    @property
    def _step(self) -> int:
        """Frames from one window to the next."""
        return self.model.window_frames // self.windows_over_each

    def _runs(self, samples: Int16) -> Iterator[list[int]]:
        """Runs of up to `together` consecutive windows, by their first frames."""
        run: list[int] = []
        for first in self._firsts(samples):
            if run and (len(run) == self.together or first != run[-1] + self._step):
                yield run
                run = []
            run.append(first)
        if run:
            yield run

    def _firsts(self, samples: Int16) -> Iterator[int]:
        """The first frames of the windows that are used."""
        beyond = max(1, _frames(samples) - self.model.window_frames + self._step)
        for first in range(0, beyond, self._step):
            start = first * FRAME_STEP
            if _audible(samples[start : start + self.model.window_samples]):
                yield first
            release(samples)


def _frames(samples: Int16) -> int:
    """The frames of a recording; the last one begins at its end."""
    return len(samples) // FRAME_STEP + 1


def _audible(samples: Int16) -> bool:
    return len(samples) > 0 and max(int(samples.max()), -int(samples.min())) >= _SILENT


def _compact(heard: Heard) -> HeardInWindow:
    sure = np.flatnonzero(heard.speech >= _SURE)
    speaker = heard.speaker[sure]
    changes = sure[1:][speaker[1:] != speaker[:-1]]
    return HeardInWindow(
        heard.speech.astype(np.float16),
        heard.overlap.astype(np.float16),
        tuple(changes.tolist()),
        tuple(_turns(heard)),
    )


def _turns(heard: Heard) -> list[LocalFrames]:
    """The turns of the local speakers of a window, in order."""
    found = [
        (start, end, int(speaker))
        for speaker in np.unique(heard.speaker)
        for start, end in runs((heard.speech >= 1) & (heard.speaker == speaker), 0, _SHORTEST_LOCAL)
    ]
    return sorted(found)
