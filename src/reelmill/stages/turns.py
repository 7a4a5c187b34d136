"""From speakers of overlapping windows to the turns of the people of a recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import SpeakerActivity, Turn

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TurnOptions:
    """Seconds: shorter pauses within a speaker's turn are part of it, shorter turns are none."""

    shortest_pause: float = 0.2
    shortest_turn: float = 0.2


def turns_of(
    activity: SpeakerActivity,
    people: Mapping[tuple[int, int], int],
    options: TurnOptions,
) -> list[Turn]:
    """Turns in order of their start, speakers labelled A, B, C... as they first speak.

    At each moment as many people speak as the windows over it say on average, and they are those
    whom most windows name (Bredin 2023, pyannote.audio 2.1); the middle of a window counts more
    than its ends, where the network lacks context.

    Args:
        activity: local speakers of windows.
        people: the person behind a local speaker, by window and place; others are ignored.
        options: what is too short.
    """
    if not people:
        return []
    speaking = _speaking(activity, people, max(people.values()) + 1)
    found = [
        (start, end, person)
        for person, frames in enumerate(speaking)
        for start, end in _smoothed(frames, activity.frame_seconds, options)
    ]
    return _labelled(found, activity)


def _speaking(activity: SpeakerActivity, people: Mapping[tuple[int, int], int], count: int) -> Bool:
    """Who speaks in which frame, shape (people, frames)."""
    frames = max(window.first for window in activity.windows) + activity.window_frames
    votes = np.zeros((count, frames), np.float32)
    speakers, cover = np.zeros(frames, np.float32), np.zeros(frames, np.float32)
    weight = _weight(activity.window_frames)
    for index, window in enumerate(activity.windows):
        here = slice(window.first, window.first + activity.window_frames)
        cover[here] += weight
        for place, local in enumerate(window.speakers):
            person = people.get((index, place))
            if person is None:
                continue
            for start, end in local.runs:
                heard = slice(window.first + start, window.first + end)
                votes[person, heard] += weight[start:end]
                speakers[heard] += weight[start:end]
    heard_at_once = np.floor(speakers / np.maximum(cover, 1e-6) + 0.5).astype(np.intp)
    return _loudest(votes, heard_at_once)


def _loudest(votes: Float32, count: npt.NDArray[np.intp]) -> Bool:
    """The `count` people with the most votes in each frame."""
    order = np.argsort(-votes, axis=0, kind="stable")
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(len(votes))[:, None], axis=0)
    result: Bool = (ranks < count) & (votes > 0)
    return result


def _weight(frames: int) -> Float32:
    return (np.hanning(frames + 2)[1:-1] + 0.01).astype(np.float32)


def _smoothed(frames: Bool, frame_seconds: float, options: TurnOptions) -> list[tuple[int, int]]:
    """Runs of frames; short pauses filled, then short runs dropped."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], frames.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if runs and (start - runs[-1][1]) * frame_seconds < options.shortest_pause:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return [run for run in runs if (run[1] - run[0]) * frame_seconds >= options.shortest_turn]


def _labelled(found: list[tuple[int, int, int]], activity: SpeakerActivity) -> list[Turn]:
    labels: dict[int, str] = {}
    turns = []
    for start, end, person in sorted(found):
        label = labels.setdefault(person, speaker_label(len(labels)))
        turns.append(Turn(_seconds(start, activity), _seconds(end, activity), label))
    return [turn for turn in turns if turn.end > turn.start]


def _seconds(frame: int, activity: SpeakerActivity) -> float:
    time = activity.offset + frame * activity.frame_seconds
    return round(min(max(time, 0.0), activity.duration), 3)


def speaker_label(index: int) -> str:
    """A to Z, then AA, AB..."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
