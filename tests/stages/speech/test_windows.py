"""Windows hold all speech once, and every time finds its way back."""

import numpy as np
import pytest
from faster_whisper.vad import SpeechTimestampsMap
from faster_whisper.vad import collect_chunks as their_collect
from hypothesis import given
from hypothesis import strategies as st

from reelmill.artifacts import Span
from reelmill.stages.speech.windows import OriginalTimes, collect_windows, seconds_of


def spans_of(pairs):
    return [Span(start, end) for start, end in pairs]


@st.composite
def many_spans(draw, longest=40.0):
    spans, now = [], 0.0
    for _ in range(draw(st.integers(0, 12))):
        start = now + draw(st.integers(0, 20_000)) / 1000
        now = start + draw(st.integers(1, int(longest * 1000))) / 1000
        spans.append(Span(start, now))
    return spans


@given(many_spans())
def test_windows_have_all_speech_once_and_in_order(spans):
    # proves: V2
    windows = list(collect_windows(spans))
    assert all(0 < seconds_of(window) <= 30.001 for window in windows)
    pieces = [piece for window in windows for piece in window]
    assert sum(end - start for start, end in pieces) == pytest.approx(
        sum(span.duration for span in spans), abs=1e-6
    )
    assert pieces == sorted(pieces)
    for start, end in pieces:
        assert any(span.start - 1e-6 <= start < end <= span.end + 1e-6 for span in spans)


def test_windows_equal_those_of_faster_whisper():
    # proves: V2
    spans = spans_of([(0.5, 12.0), (13.0, 24.5), (30.0, 37.5), (40.0, 70.0), (80.0, 81.0)])
    audio = np.zeros(90 * 16_000, np.float32)
    chunks = [{"start": int(s.start * 16e3), "end": int(s.end * 16e3)} for s in spans]
    _, metadata = their_collect(audio, chunks, max_duration=30)
    ours = [seconds_of(window) for window in collect_windows(spans)]
    assert ours == pytest.approx([one["duration"] for one in metadata])


def test_a_long_span_is_cut():
    windows = list(collect_windows(spans_of([(10.0, 85.0)])))
    assert windows == [((10.0, 40.0),), ((40.0, 70.0),), ((70.0, 85.0),)]


def test_times_equal_those_of_faster_whisper():
    # proves: V2
    pieces = ((1.0, 3.0), (5.0, 6.5), (10.0, 12.0))
    times = OriginalTimes(pieces)
    theirs = SpeechTimestampsMap(
        [{"start": int(a * 16_000), "end": int(b * 16_000)} for a, b in pieces], 16_000
    )
    for seconds in np.arange(0, 5.5, 0.01).round(2):
        assert times.start(seconds) == pytest.approx(theirs.get_original_time(seconds), abs=0.006)
        assert times.end(seconds) == pytest.approx(
            theirs.get_original_time(seconds, is_end=True), abs=0.006
        )


def test_times_on_the_border_of_pieces_are_mapped():
    times = OriginalTimes(((1.0, 3.0), (5.0, 6.0)))
    assert times.end(2.0) == 3.0
    assert times.start(2.0) == 5.0
    assert times.end(99.0) == 6.0
    assert times.start(0.0) == 1.0


@given(many_spans(longest=9.0), st.floats(0, 1), st.floats(0, 1))
def test_times_are_ascending_and_inside_the_recording(spans, one, other):
    # proves: V2
    for pieces in collect_windows(spans):
        times = OriginalTimes(pieces)
        early, late = sorted((one * times.duration, other * times.duration))
        assert times.start(early) <= times.start(late)
        assert times.end(early) <= times.end(late)
        for found in (times.start(early), times.end(late)):
            assert any(a - 1e-6 <= found <= b + 1e-6 for a, b in pieces)


def test_times_of_the_original_are_mapped_into_the_window():
    # proves: V2
    times = OriginalTimes(((1.0, 3.0), (5.0, 6.0)))
    found = [times.seconds(original) for original in (0.0, 2.0, 3.0, 4.0, 5.0, 5.5, 9.0)]
    assert found == [0.0, 1.0, 2.0, 2.0, 2.0, 2.5, 3.0]
