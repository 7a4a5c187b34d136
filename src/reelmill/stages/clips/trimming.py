"""Which persons get clips, and which stretches of the original these show. Pure functions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from reelmill.artifacts import Person, Span

#: Shorter absences are not cut out: a head that is turned away for a moment.
BRIDGED_SECONDS = 0.4

#: Shorter appearances are not shown: a flash of a face helps nobody.
LEAST_SECONDS = 0.4

#: A last clip shorter than this share of the others goes with the one before it.
_REST_SHARE = 0.25

_SAME_SECONDS = 1e-4


def chosen(
    persons: Sequence[Person], target: str | None, top: int | None, min_share: float
) -> list[Person]:
    """The persons meant: the one called `target` (name or letter, in any case), or those on
    screen for at least `min_share` of the video, at most `top`; most seen first."""
    if target is not None:
        wanted = target.casefold()
        named = [p for p in persons if p.name is not None and p.name.casefold() == wanted]
        return named or [p for p in persons if p.label.casefold() == wanted][:1]
    seen = [person for person in persons if person.share >= min_share]
    return seen[:top] if top is not None else seen


def trimmed(persons: Iterable[Person], cuts: Sequence[float]) -> list[Span]:
    """When at least one of `persons` is seen: short absences within a scene are kept, short
    appearances are not, unless they are all there is."""
    moments = sorted((i.start, i.end) for person in persons for i in person.intervals)
    spans: list[Span] = []
    for start, end in moments:
        if spans and (start <= spans[-1].end + _SAME_SECONDS or _bridged(spans[-1], start, cuts)):
            spans[-1].end = max(spans[-1].end, end)
        else:
            spans.append(Span(start, end))
    return [span for span in spans if span.duration >= LEAST_SECONDS - _SAME_SECONDS] or spans


def _bridged(span: Span, start: float, cuts: Sequence[float]) -> bool:
    """Whether the gap between a span and the next one's start is kept: short, and in one scene."""
    if start - span.end >= BRIDGED_SECONDS:
        return False
    position = bisect_left(cuts, span.end - _SAME_SECONDS)
    return position == len(cuts) or cuts[position] > start + _SAME_SECONDS


def in_clips(
    spans: Sequence[Span], seconds: float, frame_times: Sequence[float]
) -> list[list[Span]]:
    """Spans divided into clips of `seconds` each, 0 for one clip with all of them.

    Clips end where a frame begins (`frame_times`, ascending), and the last one may be a quarter
    longer instead of a tiny one following it.
    """
    if not spans:
        return []
    total = sum(span.duration for span in spans)
    if seconds <= 0 or total <= seconds * (1 + _REST_SHARE):
        return [list(spans)]
    clips: list[list[Span]] = [[]]
    room, left = seconds, total
    for span in spans:
        start = span.start
        while start + room < span.end - _SAME_SECONDS and left > seconds * (1 + _REST_SHARE):
            end = _frame_at(frame_times, start + room, span.end)
            if end > start:
                clips[-1].append(Span(start, end))
            left -= sum(part.duration for part in clips[-1])
            clips.append([])
            start, room = end, seconds
        clips[-1].append(Span(start, span.end))
        room -= span.end - start
    return [clip for clip in clips if clip]


def _frame_at(times: Sequence[float], time: float, most: float) -> float:
    """The begin of the first frame at or after `time`, `most` where there is none before it."""
    position = bisect_left(times, time - _SAME_SECONDS)
    return min(float(times[position]), most) if position < len(times) else most
