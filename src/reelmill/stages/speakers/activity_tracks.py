"""Merge the output for overlapping windows into speech activity of the recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import LocalTurn, Span, SpeakerActivity
from reelmill.core.arrays import Bool, Float32
from reelmill.models.speakers.networks import FIRST, FRAME_STEP, RATE

#: Seconds between frames, and the start of frame 0.
FRAME_SECONDS = FRAME_STEP / RATE
OFFSET = (FIRST - FRAME_STEP / 2) / RATE
#: In seconds. Shorter pauses count as speech, and shorter speech is dropped.
_SHORTEST_PAUSE, _SHORTEST_SPEECH = 0.15, 0.2
_SHORTEST_GAP_OF_OVERLAP, _SHORTEST_OVERLAP = 0.1, 0.2
#: Windows do not agree to the frame on where the speaker changes: changes are counted over this
#: many frames, and half of the windows must have one.
_CHANGE_REACH = 13
_CHANGE_SHARE = 0.5

#: First frame, end, and speaker.
LocalFrames = tuple[int, int, int]


class ActivityTracks:
    """The scores of each frame of a recording: means over the windows that contain it.

    The middle of a window counts more than its ends, where the network lacks context.
    """

    def __init__(self, samples: int, window_frames: int) -> None:
        frames = samples // FRAME_STEP + 1 + window_frames
        self._frames = samples // FRAME_STEP + 1
        self._sums = np.zeros((3, frames), np.float32)
        self._cover = np.full(frames, 1e-9, np.float32)
        self._local: list[tuple[int, LocalFrames]] = []
        self._weight = (np.hanning(window_frames + 2)[1:-1] + 0.01).astype(np.float32)

    def add(
        self,
        first: int,
        speech: npt.NDArray[np.float16],
        overlap: npt.NDArray[np.float16],
        changes: Sequence[int],
        turns: Sequence[LocalFrames] = (),
    ) -> None:
        """Add the output for the window that begins at frame `first`."""
        self._local += [(first, turn) for turn in turns]
        here = slice(first, first + len(self._weight))
        self._cover[here] += self._weight
        self._sums[0, here] += speech * self._weight
        self._sums[1, here] += overlap * self._weight
        for frame in changes:
            self._sums[2, first + frame] += self._weight[frame]

    @property
    def speech(self) -> Float32:
        """The score that somebody speaks, at least 1 for speech; shape (frames,)."""
        return self._mean(0)

    def _mean(self, row: int) -> Float32:
        result: Float32 = (self._sums[row] / self._cover)[: self._frames]
        return result

    def activity(self, model: str, duration: float, spoken: Bool) -> SpeakerActivity:
        """Speech and overlaps in the `spoken` frames, and changes of the speaker."""
        speech = runs(spoken, _SHORTEST_PAUSE, _SHORTEST_SPEECH)
        filled = np.zeros(self._frames, np.bool_)
        for start, end in speech:
            filled[start:end] = True
        doubled = (self._mean(1) > 1) & spoken
        overlaps = runs(doubled, _SHORTEST_GAP_OF_OVERLAP, _SHORTEST_OVERLAP)
        for start, end in overlaps:
            doubled[start:end] = True
        return SpeakerActivity(
            model=model,
            duration=duration,
            speech=_spans(speech, duration),
            overlaps=_spans(runs(doubled & filled, 0.0, _SHORTEST_OVERLAP), duration),
            changes=[_seconds(frame, duration) for frame in self._changes()],
            local=[
                LocalTurn(
                    first,
                    _seconds(first + start, duration),
                    _seconds(first + end, duration),
                    speaker,
                )
                for first, (start, end, speaker) in self._local
            ],
        )

    def _changes(self) -> list[int]:
        near = np.convolve(self._mean(2), np.ones(_CHANGE_REACH), "same")
        return [
            start + int(np.argmax(near[start:end]))
            for start, end in runs(near >= _CHANGE_SHARE, 0.0, 0.0)
        ]


def runs(frames: npt.NDArray[Any], shortest_pause: float, shortest: float) -> list[tuple[int, int]]:
    """Runs of true frames as pairs of first frame and end. Short pauses are filled, then short runs
    left out (both in seconds)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], frames.astype(np.int8), [0]])))
    found: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if found and (start - found[-1][1]) * FRAME_SECONDS < shortest_pause:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return [run for run in found if (run[1] - run[0]) * FRAME_SECONDS >= shortest]


def _spans(found: list[tuple[int, int]], duration: float) -> list[Span]:
    spans = [Span(_seconds(start, duration), _seconds(end, duration)) for start, end in found]
    return [span for span in spans if span.end > span.start]


def _seconds(frame: int, duration: float) -> float:
    return round(min(max(OFFSET + frame * FRAME_SECONDS, 0.0), duration), 3)
