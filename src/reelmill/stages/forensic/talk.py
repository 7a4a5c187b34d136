"""Who talks when, alone or at the same time as others, in each sound of a recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reelmill.artifacts import Audio, Diarization, Span, Speech
from reelmill.engine.stage import Inputs
from reelmill.stages.speakers.utterances import without


@dataclass(frozen=True)
class Talk:
    """The talk of one speaker in one sound: `alone` and in `overlap` with others, in order.

    `row` is the number of the sound, `channel` its name; None for the only sound. `speaker` is None
    where speakers are not told apart.
    """

    row: int
    channel: str | None
    speaker: str | None
    alone: list[Span]
    overlap: list[Span]


def talks_of(inputs: Inputs) -> list[Talk]:
    """The talk of each speaker in each sound; who has a channel is never overlapped in it."""
    speech, diarization = inputs[Speech], inputs.get(Diarization)
    sounds = inputs[Audio].sounds()
    if diarization is None:
        return [
            Talk(row, channel, None, speech.of(channel).spans, [])
            for row, (channel, _) in enumerate(sounds)
        ]
    rows = {channel: row for row, (channel, _) in enumerate(sounds)}
    return [
        _talk_of(diarization, speaker, channel, rows[channel], speech)
        for speaker in diarization.speakers
        for channel in sorted(
            {_channel(turn.channel, rows) for turn in diarization.turns if turn.speaker == speaker},
            key=str,
        )
    ]


def _channel(name: str | None, rows: dict[str | None, int]) -> str | None:
    """A diarizer that heard the mix names no channel: its turns are measured in the first."""
    return name if name in rows else next(iter(rows))


def _talk_of(
    diarization: Diarization, speaker: str, channel: str | None, row: int, speech: Speech
) -> Talk:
    own, others = [], []
    for turn in sorted(diarization.turns, key=lambda turn: turn.start):
        if turn.speaker == speaker:
            own.append(Span(turn.start, turn.end))
        elif turn.channel is None:  # in a channel of their own nobody else is heard
            others.append(Span(turn.start, turn.end))
    others = _merged(others)
    heard = speech.of(channel).spans
    alone = [Span(start, end) for start, end in without(own, others)]
    overlap = _both(own, others)
    return Talk(row, channel, speaker, _both(alone, heard), _both(overlap, heard))


def _merged(spans: Sequence[Span]) -> list[Span]:
    """Spans in order, those that touch put together."""
    found: list[Span] = []
    for span in spans:
        if found and span.start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, span.end))
        else:
            found.append(Span(span.start, span.end))
    return found


def _both(ones: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What lies in spans of both; each in order, without overlap."""
    return list(_intersections(ones, others))


def _intersections(ones: Sequence[Span], others: Sequence[Span]) -> Iterator[Span]:
    place = 0
    for one in ones:
        while place < len(others) and others[place].end <= one.start:
            place += 1
        at = place
        while at < len(others) and others[at].start < one.end:
            start, end = max(one.start, others[at].start), min(one.end, others[at].end)
            if end > start:
                yield Span(start, end)
            at += 1
