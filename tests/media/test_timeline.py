"""Which time stamps are followed."""

from __future__ import annotations

import pytest

from reelmill.media.timeline import KEEP, SKIP, Move, Timeline, time_zero


@pytest.mark.parametrize(
    ("container", "start", "video", "zero"),
    [
        ("mov,mp4", None, False, 0.0),
        ("mov,mp4", 0.0, False, 0.0),
        ("mov,mp4", 5.0, False, 0.0),  # an empty edit: silence first
        ("mov,mp4", 0.021, False, 0.021),  # priming
        ("mov,mp4", 0.021, True, 0.0),  # beside a picture every offset is meant
        ("matroska,webm", -0.007, False, 0.0),
        ("mov,mp4", 90_000.0, False, 90_000.0),  # a piece of a live stream
        ("mpegts", 1.4, True, 1.4),
        ("ogg", 7200.0, False, 7200.0),
        ("mp3", 0.138, False, 0.138),
    ],
)
def test_time_zero_is_chosen_by_format(container, start, video, zero):  # proves: V2
    assert time_zero(container, start, video) == zero


def following(duration=100.0, at=10.0):
    """A timeline that has seen sound up to `at`."""
    timeline = Timeline(0.0, duration)
    assert timeline.place(0.0, 0.0, at) == KEEP
    return timeline


@pytest.mark.parametrize("stamp", [None, 9.91, 10.0, 10.09])
def test_jitter_of_time_stamps_is_ignored(stamp):  # proves: V2
    assert following().place(stamp, 10.0, 0.02) == KEEP


def test_a_gap_becomes_silence():  # proves: V2
    move = following().place(15.0, 10.0, 0.02)
    assert move == Move(silence=pytest.approx(5.0))


def test_after_lost_sound_small_gaps_count():  # proves: V1 V2
    timeline = following()
    timeline.sound_lost()
    assert timeline.place(10.064, 10.0, 0.02).silence == pytest.approx(0.064)


@pytest.mark.parametrize(("duration", "stamp"), [(100.0, 95_443.7), (0.0, 700.0), (100.0, 2.0)])
def test_an_implausible_jump_is_not_followed_and_is_reported(duration, stamp):  # proves: V1
    timeline = following(duration)
    assert timeline.place(stamp, 10.0, 0.02) == KEEP
    assert timeline.place(stamp + 0.02, 10.02, 0.02) == KEEP  # and its clock is followed on
    assert timeline.place(stamp + 1.04, 10.04, 0.02).silence == pytest.approx(1.0)
    assert any("time stamps jump in 1 place" in problem.text for problem in timeline.problems())


def test_a_slow_clock_drops_whole_frames():  # proves: V2
    timeline = following()
    assert timeline.place(9.85, 10.0, 0.02) == SKIP
    assert timeline.place(9.88, 10.0, 0.5) == KEEP  # skipping would open a larger gap
    assert not timeline.problems()
