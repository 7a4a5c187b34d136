"""Times in the order of reading: followed while plausible, and always ascending."""

from __future__ import annotations

from itertools import pairwise

import pytest

from reelmill.artifacts import Joint
from reelmill.media.clock import RunningClock


def times(clock: RunningClock, stamps, length: float = 0.04) -> list[float]:
    pairs = [stamp if isinstance(stamp, tuple) else (stamp, None) for stamp in stamps]
    return [round(clock.at(pts, dts, length), 3) for pts, dts in pairs]


def test_time_stamps_are_followed_from_time_zero_on() -> None:
    assert times(RunningClock(1.4), [1.4, 1.44, 1.5, 9.0]) == [0.0, 0.04, 0.1, 7.6]


def test_frames_without_time_stamps_follow_each_other() -> None:
    assert times(RunningClock(0.0), [None] * 3) == [0.0, 0.04, 0.08]


def test_a_time_stamp_after_frames_without_one_corrects_the_time() -> None:
    assert times(RunningClock(0.0), [0.0, None, 0.1, None]) == [0.0, 0.04, 0.1, 0.14]


def test_a_joined_recording_starts_at_its_joint() -> None:
    clock = RunningClock(1.0, 2.0, [Joint(1.0, 2.05), Joint(1.0, 4.1)])
    stamps = [1.0, 1.04, 2.9, 1.02, 1.06, 2.96, 1.02]
    assert times(clock, stamps) == [0.0, 0.04, 1.9, 2.07, 2.11, 4.01, 4.12]


def test_a_joined_recording_without_a_known_joint_follows_directly() -> None:
    assert times(RunningClock(0.0), [0.0, 5.0, 0.0, 0.04]) == [0.0, 5.0, 5.04, 5.08]


def test_a_gap_beyond_the_end_is_ignored() -> None:
    assert times(RunningClock(0.0, 3.0), [0.0, 0.04, 900.0, 900.04]) == [0.0, 0.04, 0.08, 0.12]


def test_decoding_times_replace_unreliable_presentation_times() -> None:
    # H.264 with B-frames in AVI: the first number says when a frame was to be decoded
    frames = [(1, 2), (3, 3), (4, 4), (2, 5), (6, 6), (7, 7), (5, 8), (9, 9)]
    found = times(RunningClock(0.0), [(p / 25, d / 25) for p, d in frames])
    assert all(a < b for a, b in pairwise(found))
    assert found[-1] == pytest.approx(9 / 25)


def test_small_disorder_of_time_stamps_is_sorted() -> None:
    found = times(RunningClock(0.0), [0.0, 0.2, 0.1, 0.15, 0.3])
    assert all(a < b for a, b in pairwise(found)) and found[-1] == 0.3
