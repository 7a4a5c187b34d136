"""Choose the persons who get clips, and the stretches of the original to show. Pure functions."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from reelmill.artifacts import Person, Span

#: Shorter absences, such as a head turned away for a moment, are not cut out.
BRIDGED_SECONDS = 0.4

#: Shorter appearances are not shown.
LEAST_SECONDS = 0.4

#: A last clip shorter than this share of the others is joined to the one before it.
_REST_SHARE = 0.25

_SAME_SECONDS = 1e-4


def chosen(
    persons: Sequence[Person], target: str | None, top: int | None, min_share: float
) -> list[Person]:
    """The selected persons: the one called `target` (name or letter, in any case), or at most `top`
    of those on screen for at least `min_share` of the video, the most seen first."""
    if target is not None:
        wanted = target.casefold()
        named = [p for p in persons if p.name is not None and p.name.casefold() == wanted]
        return named or [p for p in persons if p.label.casefold() == wanted][:1]
    seen = [person for person in persons if person.share >= min_share]
    return seen[:top] if top is not None else seen


def trimmed(persons: Iterable[Person], cuts: Sequence[float]) -> list[Span]:
    """The spans in which at least one of `persons` is seen. Short absences within a scene are
    included; short appearances are left out, unless there are no others."""
    moments = sorted((i.start, i.end) for person in persons for i in person.intervals)
    spans: list[Span] = []
    for start, end in moments:
        if spans and (start <= spans[-1].end + _SAME_SECONDS or _bridged(spans[-1], start, cuts)):
            spans[-1].end = max(spans[-1].end, end)
        else:
            spans.append(Span(start, end))
    return [span for span in spans if span.duration >= LEAST_SECONDS - _SAME_SECONDS] or spans


def _bridged(span: Span, start: float, cuts: Sequence[float]) -> bool:
    """Whether the gap between a span and the start of the next is kept: it is short and within a
    scene."""
    if start - span.end >= BRIDGED_SECONDS:
        return False
    position = bisect_left(cuts, span.end - _SAME_SECONDS)
    return position == len(cuts) or cuts[position] > start + _SAME_SECONDS


def in_clips(
    spans: Sequence[Span], seconds: float, frame_times: Sequence[float]
) -> list[list[Span]]:
    """Divide spans into clips of `seconds` each; 0: one clip with all of them.

    Clips end where a frame begins (`frame_times`, ascending). The last one can be a quarter longer,
    so that no tiny one follows.
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
    """The start of the first frame at or after `time`, or `most` if none starts before that."""
    position = bisect_left(times, time - _SAME_SECONDS)
    return min(float(times[position]), most) if position < len(times) else most
