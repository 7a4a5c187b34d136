"""Assign times to pictures or sounds that are read from the beginning, whatever their time
stamps."""

from __future__ import annotations

from collections.abc import Sequence

from reelmill.artifacts import Joint
from reelmill.media.timeline import LONGEST_GAP_SECONDS

#: A time stamp that is this much before the previous one starts a new recording. A smaller step
#: back is disorder.
RESTART_SECONDS = 0.5

#: How far from its stamp a stream of a joined recording may start.
_NEAR_JOINT_SECONDS = 1.0

#: A picture with a time before the previous one follows that after this share of its length.
_SHORTLY = 1 / 8


class RunningClock:
    """Gives each picture (or sound) a time, in decoding order.

    Time stamps are followed while they are plausible. The times always ascend.

    Args:
        zero: the time stamp, s, that is time 0.
        duration: the length that the container states, s, 0 if none: no gap leads beyond it.
        joints: the times at which recordings begin that were joined in the file.
    """

    def __init__(self, zero: float, duration: float = 0.0, joints: Sequence[Joint] = ()) -> None:
        self._shift = -zero
        self._duration = duration
        self._joints = list(joints)
        self._restarted = False
        self._last: float | None = None  # the time given last
        self._end = 0.0  # the end of the picture or sound it was given to
        self._stamp: float | None = None
        self._guess = _StampGuess()

    def at(self, pts: float | None, dts: float | None, length: float) -> float:
        """The time, s, of a frame of `length` seconds with these time stamps, s, if any."""
        stamp = self._guess.of(pts, dts)
        time = self._end if stamp is None else self._followed(stamp)
        if self._last is not None and time <= self._last:
            time = self._last + length * _SHORTLY
        self._last, self._end = time, time + length
        return time

    def _followed(self, stamp: float) -> float:
        before, self._stamp = self._stamp, stamp
        if before is None:
            return stamp + self._shift
        if stamp < before - RESTART_SECONDS:
            self._restart(stamp)
        elif stamp + self._shift - self._end > self._longest_gap():
            self._shift = self._end - stamp
        return stamp + self._shift

    def _restart(self, stamp: float) -> None:
        self._restarted = True
        if self._joints and abs(self._joints[0].stamp - stamp) < _NEAR_JOINT_SECONDS:
            joint = self._joints.pop(0)
            self._shift = joint.time - joint.stamp
        else:
            self._shift = self._end - stamp

    def _longest_gap(self) -> float:
        if self._duration <= 0 or self._restarted:
            return LONGEST_GAP_SECONDS
        return max(0.0, self._duration + 1.0 - self._end)


class _StampGuess:
    """Decides which of a frame's two time stamps to use: the one that was out of order less often.

    FFmpeg's `guess_correct_pts` (libavcodec/decode.c): some containers give the decoding time
    instead of the presentation time.
    """

    def __init__(self) -> None:
        self._faulty_pts = self._faulty_dts = 0
        self._last_pts = self._last_dts = float("-inf")

    def of(self, pts: float | None, dts: float | None) -> float | None:
        if dts is not None:
            self._faulty_dts += dts <= self._last_dts
            self._last_dts = dts
        if pts is not None:
            self._faulty_pts += pts <= self._last_pts
            self._last_pts = pts
        if pts is not None and (dts is None or self._faulty_pts <= self._faulty_dts):
            return pts
        return dts
