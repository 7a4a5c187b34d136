"""The path through the candidates of all frames that costs least (Boersma 1993).

Costs and thresholds are Praat's defaults. A frame without candidates can only be unvoiced, so what
is before it and after it does not depend on each other: the runs of frames between such frames are
followed side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reelmill.core.arrays import Float32, Int64
from reelmill.models.pitch.candidates import Candidates, PitchRange

#: A frame is silent below this share of the peak of the sound.
SILENCE = 0.03
#: How strong a candidate must be to be voiced, and what it costs to be an octave lower, to jump by
#: an octave, and to begin or end a voiced part.
_VOICING, _OCTAVE_COST, _JUMP_COST, _VOICED_UNVOICED_COST = 0.45, 0.01, 0.35, 0.14
#: The score of a candidate that is not there.
_NEVER = -1e9


@dataclass(frozen=True)
class PitchTrack:
    """Pitch over time.

    Attributes:
        f0: Hz, 0 where unvoiced, shape (frames,).
        strength: the autocorrelation at that period, 0 where unvoiced, shape (frames,).
        first: seconds, the middle of frame 0.
    """

    f0: Float32
    strength: Float32
    first: float


@dataclass(frozen=True)
class _Runs:
    """Runs of frames with candidates, the longest first: their first frames and lengths."""

    begins: Int64
    lengths: Int64

    def reaching(self, step: int) -> int:
        """How many are longer than so many frames."""
        return int(np.searchsorted(-self.lengths, -step, "left"))


def pitch_track(candidates: Candidates, pitch: PitchRange) -> PitchTrack:
    """The pitch of each frame."""
    states = np.zeros(len(candidates.frequency), np.int64)
    runs = _runs_of(candidates.frequency[:, 0] > 0)
    if len(runs.begins):
        _follow(runs, _scores(candidates, pitch), _transitions(candidates), states)
    every, chosen = np.arange(len(states)), np.maximum(states - 1, 0)
    f0 = np.where(states > 0, candidates.frequency[every, chosen], 0)
    strength = np.where(states > 0, candidates.strength[every, chosen], 0)
    return PitchTrack(f0.astype(np.float32), strength.astype(np.float32), candidates.first)


def _runs_of(has_candidates: np.typing.NDArray[np.bool_]) -> _Runs:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], has_candidates.view(np.int8), [0]])))
    begins, lengths = edges[::2], edges[1::2] - edges[::2]
    order = np.argsort(-lengths, kind="stable")
    return _Runs(begins[order], lengths[order])


def _scores(candidates: Candidates, pitch: PitchRange) -> Float32:
    """How well each state suits its frame, unvoiced first, shape (frames, candidates + 1)."""
    is_there = candidates.frequency > 0
    octaves = np.log2(pitch.ceiling / np.where(is_there, candidates.frequency, pitch.ceiling))
    voiced = np.where(is_there, candidates.strength - _OCTAVE_COST * octaves, _NEVER)
    quiet = 2 - candidates.intensity * ((1 + _VOICING) / SILENCE)
    unvoiced = _VOICING + np.maximum(0, quiet)
    return np.concatenate([unvoiced[:, None], voiced], axis=1).astype(np.float32)


def _transitions(candidates: Candidates) -> Float32:
    """What it costs to go from a state of each frame to one of the next, shape (frames - 1, from,
    to)."""
    octaves = np.log2(np.maximum(candidates.frequency, 1), dtype=np.float32)
    count, states = octaves.shape[0] - 1, octaves.shape[1] + 1
    costs = np.full((count, states, states), _VOICED_UNVOICED_COST, np.float32)
    costs[:, 0, 0] = 0
    jumps = costs[:, 1:, 1:]
    np.subtract(octaves[:-1, :, None], octaves[1:, None, :], out=jumps)
    np.abs(jumps, out=jumps)
    jumps *= np.float32(_JUMP_COST)
    return costs


def _follow(runs: _Runs, scores: Float32, costs: Float32, states: Int64) -> None:
    """Set the states of all frames of the runs (Viterbi)."""
    came_from = np.zeros(scores.shape, np.int8)
    best = scores[runs.begins]
    best[runs.begins > 0, 1:] -= np.float32(_VOICED_UNVOICED_COST)
    ended = np.empty_like(best)
    for step in range(1, int(runs.lengths[0])):
        going = runs.reaching(step)
        ended[going : len(best)] = best[going:]
        at = runs.begins[:going] + step
        ways = best[:going, :, None] - costs[at - 1]
        came_from[at] = ways.argmax(1)
        best = ways.max(1) + scores[at]
    ended[: len(best)] = best
    ended[runs.begins + runs.lengths < len(scores), 1:] -= np.float32(_VOICED_UNVOICED_COST)
    state = ended.argmax(1)
    for step in range(int(runs.lengths[0]) - 1, -1, -1):
        going = runs.reaching(step)
        at = runs.begins[:going] + step
        states[at] = state[:going]
        state[:going] = came_from[at, state[:going]]
