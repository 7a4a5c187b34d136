"""Place decoded audio in the original's time: decide which time stamps to follow, and how."""

from __future__ import annotations

from dataclasses import dataclass

from reelmill.artifacts import Finding, Severity

#: Smaller differences between time stamps and sample counts are jitter. FFmpeg's own
#: `aresample=async` ignores the same 0.1 s (`min_hard_comp`).
JITTER_SECONDS = 0.1

#: After lost audio, or at the start, differences from this size are real.
EXACT_SECONDS = 0.005

#: The longest gap believed if the container does not state its length.
LONGEST_GAP_SECONDS = 600.0

#: The largest time stamp at the start that counts as an offset. A larger one means a clock that was
#: never reset.
LARGEST_OFFSET_SECONDS = 600.0

#: Formats whose clock starts anywhere (MPEG streams, Ogg cut from a running broadcast), or that
#: have none (mp3: what FFmpeg calls its start is encoder priming, which is dropped already).
_FREE_CLOCKS = frozenset({"mpegts", "mpegtsraw", "mpeg", "ogg", "mp3", "aac"})


@dataclass(frozen=True)
class Move:
    """What to do with the next frame: insert `silence` (seconds) before it, or `skip` it."""

    silence: float = 0.0
    skip: bool = False


KEEP = Move()
SKIP = Move(skip=True)


#: Places without audio that are reported one by one.
_MOST_GAPS = 20


class Timeline:
    """Follows time stamps while they are plausible.

    Args:
        zero: the time stamp, in seconds, that is time 0 of the recording.
        duration: the length that the container states in seconds, 0 if none.
    """

    def __init__(self, zero: float, duration: float) -> None:
        self._zero = zero
        self._duration = duration
        self._distrusted = 0.0
        self._exact = True
        self._gaps: list[tuple[float, float]] = []  # (position, length), without the start
        self._unsent = False
        self._pauses: list[tuple[float, float]] = []
        self._jumps: list[tuple[float, float]] = []

    def sound_lost(self) -> None:
        """Audio could not be decoded. The next frame's time stamp places it exactly."""
        self._exact = True

    def sound_unsent(self) -> None:
        """A pause was not sent. The next frame's time stamp tells its length."""
        self._exact = self._unsent = True

    def place(self, stamp: float | None, at: float, length: float) -> Move:
        """Decide about a frame of `length` seconds stamped `stamp` when the sound so far
        ends at `at` seconds."""
        if stamp is None:
            return KEEP
        difference = stamp - self._zero - self._distrusted - at
        tolerance = EXACT_SECONDS if self._exact else JITTER_SECONDS
        self._exact = False
        unsent, self._unsent = self._unsent, False
        if abs(difference) <= tolerance:
            return KEEP
        if difference > 0:
            return self._gap(difference, at, unsent)
        return self._overlap(difference, at, length)

    def _gap(self, seconds: float, at: float, unsent: bool) -> Move:
        if seconds > self._longest_gap(at):
            self._distrust(seconds, at)
            return KEEP
        if unsent:
            self._pauses.append((at, seconds))
        elif at > 0:
            self._gaps.append((at, seconds))
        return Move(silence=seconds)

    def _longest_gap(self, at: float) -> float:
        if self._duration <= 0:
            return LONGEST_GAP_SECONDS
        # One second of tolerance, because durations are rounded, and the last frame's end is not
        # its start.
        return max(JITTER_SECONDS, self._duration + 1.0 - at)

    def _overlap(self, difference: float, at: float, length: float) -> Move:
        """Handle a stamp before the end of the audio so far (`difference` is negative)."""
        if at == 0:  # before the start: priming that the container did not declare
            return KEEP
        if difference < -max(1.0, 2 * length):
            self._distrust(difference, at)
            return KEEP
        # A recorder's clock runs slow: drop a whole frame if that brings the audio closer to its
        # time.
        return SKIP if difference + length <= JITTER_SECONDS else KEEP

    def _distrust(self, jump: float, at: float) -> None:
        self._distrusted += jump
        self._jumps.append((at, jump))

    def problems(self) -> list[Finding]:
        """The findings about the audio's times: one for each of the first places without audio, and
        one for all time stamps that were not followed."""
        found = [
            _missing(at, at + seconds, f"no sound for {seconds:.1f} s; silence is in its place")
            for at, seconds in self._gaps[:_MOST_GAPS]
        ]
        if rest := self._gaps[_MOST_GAPS:]:
            total = sum(seconds for _, seconds in rest)
            text = f"no sound in {_places(rest)}, {total:.1f} s in all; silence is in its place"
            found.append(_missing(rest[0][0], rest[-1][0] + rest[-1][1], text))
        if self._pauses:
            total = sum(seconds for _, seconds in self._pauses)
            text = (
                f"pauses that the telephone did not send in {_places(self._pauses)}, {total:.1f} s "
                "in all; silence is in their place"
            )
            found.append(Finding("pauses not sent", text=text))
        if self._jumps:
            at, jump = self._jumps[0]
            text = (
                f"time stamps jump in {_places(self._jumps)} (by {jump:+.1f} s at {at:.1f} s); "
                "not followed, times after it count the sound itself"
            )
            found.append(Finding("doubtful times", at, text=text, severity="warning"))
        return found


def _missing(start: float, end: float, text: str) -> Finding:
    return Finding("missing sound", start, end, text=text, severity="warning")


def _places(found: list[tuple[float, float]]) -> str:
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    plural = "s" if len(found) > 1 else ""
    first = ", ".join(f"{at:.1f} s" for at, _ in found[:3])
    return f"{len(found)} place{plural} ({first}{more})"


#: Smaller differences between stated and read length are rounding or priming.
_MISSING_SECONDS, _MISSING_SHARE = 0.5, 0.01
#: A recording with more than this share of its stated length missing is incomplete.
_GRAVE_SHARE = 0.1


def truncated(seconds: float, stated: float) -> list[Finding]:
    """The findings for a recording of which `seconds` were read although it states `stated`."""
    missing = stated - seconds
    if missing <= max(_MISSING_SECONDS, _MISSING_SHARE * stated):
        return []
    text = f"ends after {seconds:.1f} s; its header states {stated:.1f} s"
    severity: Severity = "grave" if missing > _GRAVE_SHARE * stated else "warning"
    return [Finding("truncated", seconds, stated, text=text, severity=severity)]


def late_track() -> Finding:
    """The finding for a file in which a track starts that was not announced at the beginning."""
    text = (
        "a track begins in the middle of the file that was not there at its start; it was not read"
    )
    return Finding("late track", text=text, severity="warning")


def time_zero(container: str, start: float | None, has_video: bool) -> float:
    """The time stamp in seconds that is time 0 for a listener.

    That is 0, as players of mp4 and Matroska have it, except for formats without a fixed clock,
    offsets that cannot be meant, and the fraction of a second by which encoders' priming makes
    sound alone start late.
    """
    if start is None:
        return 0.0
    if container in _FREE_CLOCKS or start > LARGEST_OFFSET_SECONDS:
        return start
    if not has_video and 0 < start < JITTER_SECONDS:
        return start
    return 0.0
