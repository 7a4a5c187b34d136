"""Moves the start of a segment out of the pause before it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reelmill.core.arrays import Float32
from reelmill.models.whisper.decoded import DecodedSegment
from reelmill.models.whisper.features import FRAMES_PER_SECOND

#: Sound begins at this share of the way from a segment's quietest to its loud frames.
_SOUND = 0.4
_QUIET_PERCENTILE, _LOUD_PERCENTILE = 5, 80
#: A start is moved by this many frames at least and at most, to the last number before the sound.
_LEAST, _MOST, _BEFORE = 15, 80, 5


def without_pause(segment: DecodedSegment, features: Float32) -> DecodedSegment:
    """The segment from where its sound begins: attention often begins a sentence in the pause
    before it. Words do not begin before that either.

    Args:
        segment: timed by attention.
        features: of the sound that its times refer to, shape (n_mels, frames).
    """
    first, after = (round(seconds * FRAMES_PER_SECOND) for seconds in (segment.start, segment.end))
    loudness = features[:, first:after].mean(axis=0)
    if segment.tokens is None or loudness.size <= _LEAST:
        return segment
    quiet, loud = np.percentile(loudness, (_QUIET_PERCENTILE, _LOUD_PERCENTILE))
    sound = np.flatnonzero(loudness >= quiet + _SOUND * (loud - quiet))
    if not _LEAST <= sound[0] <= _MOST:
        return segment
    start = segment.start + (int(sound[0]) - _BEFORE) / FRAMES_PER_SECOND
    tokens = replace(
        segment.tokens,
        starts=tuple(max(start, one) for one in segment.tokens.starts),
        ends=tuple(max(start, one) for one in segment.tokens.ends),
    )
    return replace(segment, start=start, tokens=tokens)
