"""Waveform: the outline of the sound, as pages draw it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reelmill.artifacts import Audio, Waveform
from reelmill.core.progress import tick
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.media.audio.samples import FULL_SCALE, open_samples, release

#: Stretches per second, and how many there are at most: more cannot be told apart on a screen.
_RATE, _MOST = 20.0, 12_000
_READ_SECONDS = 60


@dataclass(frozen=True)
class MakeWaveform(FileStage):
    """Reads the decoded sound once. The page can then be written again without decoding."""

    name = "waveform"
    version = 1
    display_name = "Drawing the waveform"
    commands = ("voice", "subtitle")
    enabled_by = ("pages", True)
    needs = (Audio,)
    produces = Waveform

    def run(self, context: StageContext, inputs: Inputs) -> Waveform:
        audio = inputs[Audio]
        samples = open_samples(context.folder, audio)
        rate = _RATE if audio.duration <= _MOST / _RATE else _MOST / audio.duration
        step = audio.sample_rate / rate
        count = math.ceil(len(samples) / step)
        heights = np.zeros(count, np.uint8)
        block = max(1, round(_READ_SECONDS * rate))
        for first in range(0, count, block):
            last = min(first + block, count)
            edges = np.round(np.arange(first, last + 1) * step).astype(np.int64)
            sound = samples[edges[0] : edges[-1]]
            if len(sound):
                loud = np.abs(sound.astype(np.int32))
                starts = np.minimum(edges[:-1] - edges[0], len(sound) - 1)
                peaks = np.maximum.reduceat(loud, starts)
                heights[first:last] = np.round(255 * np.sqrt(np.minimum(peaks / FULL_SCALE, 1)))
            release(samples)
            tick()
        return Waveform.of(heights, rate)
