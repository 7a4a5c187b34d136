"""Speech spans from probabilities: the same as faster-whisper's, always."""

from __future__ import annotations

import itertools
from unittest import mock

import numpy as np
import pytest
from faster_whisper import vad
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reelmill.artifacts import Span
from reelmill.stages.speech.vad_segments import HOP, SAMPLE_RATE, SegmentOptions, segment

DEFAULTS = SegmentOptions()


def reference(probabilities: np.ndarray, options: SegmentOptions, samples: int) -> list[Span]:
    theirs = vad.VadOptions(
        threshold=options.threshold,
        neg_threshold=options.neg_threshold,
        min_speech_duration_ms=options.min_speech_ms,
        max_speech_duration_s=options.max_speech_seconds,
        min_silence_duration_ms=options.min_silence_ms,
        speech_pad_ms=options.pad_ms,
    )
    with mock.patch.object(vad, "get_vad_model", lambda: lambda audio: probabilities):
        found = vad.get_speech_timestamps(np.zeros(samples, np.float32), theirs)
    return [Span(f["start"] / SAMPLE_RATE, f["end"] / SAMPLE_RATE) for f in found]


levels = st.sampled_from([0.0, 0.34, 0.35, 0.36, 0.49, 0.5, 0.51, 1.0])
runs = st.lists(st.tuples(levels, st.integers(1, 40)), max_size=60)
some_options = st.builds(
    SegmentOptions,
    threshold=st.sampled_from([0.05, 0.36, 0.5]),
    neg_threshold=st.sampled_from([None, 0.2, 0.36]),
    min_speech_ms=st.sampled_from([0, 33, 250]),
    max_speech_seconds=st.sampled_from([1.0, 1.7, 3.0, 30.0, float("inf")]),
    min_silence_ms=st.sampled_from([0, 64, 100, 160, 333, 2000]),
    pad_ms=st.sampled_from([0, 30, 33, 400]),
)


@given(runs=runs, options=some_options, rest=st.integers(0, HOP - 1))
@example(runs=[(1.0, 1)], options=DEFAULTS, rest=0)  # speech in the frame after the last sample
@settings(max_examples=400, deadline=None)
def test_spans_equal_those_of_faster_whisper(runs, options, rest):  # proves: V2
    levels = [level for level, _ in runs] or [0.0]
    lengths = [length for _, length in runs] or [1]
    probabilities = np.repeat(np.float32(levels), lengths)
    samples = HOP * (len(probabilities) - 1) + rest
    assert segment(probabilities, options, samples) == reference(probabilities, options, samples)


@pytest.mark.parametrize("seed", range(20))
def test_spans_on_random_walks_equal_those_of_faster_whisper(seed):  # proves: V2
    random = np.random.default_rng(seed)
    walk = np.cumsum(random.normal(0, 0.08, 20_000))
    probabilities = np.float32(0.5 + 0.5 * np.sin(walk))
    options = SegmentOptions(max_speech_seconds=float(random.choice([5, 10, 30])))
    samples = HOP * len(probabilities) - int(random.integers(1, HOP + 1))
    found = segment(probabilities, options, samples)
    assert found == reference(probabilities, options, samples)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))


def test_silence_has_no_spans():  # proves: V2
    assert segment(np.zeros(1000, np.float32), DEFAULTS, 512_000) == []


def test_speech_is_cut_in_a_pause_before_it_gets_too_long():  # proves: V2
    probabilities = np.ones(1600, np.float32)  # 51 s
    probabilities[700:705] = 0.0  # 160 ms at 22.4 s: too short to end speech, enough to cut
    first, second = segment(probabilities, DEFAULTS, HOP * 1600 - 1)
    assert first.end <= second.start
    assert abs(first.end - 22.4) < 0.1
    assert first.duration <= 30 and second.duration <= 30
