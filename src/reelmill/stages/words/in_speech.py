"""Keeps words within the recognized audio: none covers a pause that was cut out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from reelmill.artifacts import Segment, Speech, Word
from reelmill.artifacts.speech import in_time_order
from reelmill.core.word_places import cut_text
from reelmill.stages.speech.windows import OriginalTimes, Piece, joined_pieces
from reelmill.stages.words.words import SHORTEST_WORD

#: How far from the detected onset the first word after a pause may start. The detector's frames are
#: 32 ms, an aligner's 20 ms.
_ONSET_TOLERANCE = 0.1
#: A first word later than this after the onset stays there, because something else was heard before
#: it.
_LATE_SECONDS = 0.5
_DECIMALS = 3


@dataclass
class _Placed:
    """A word of segment `owner` in seconds of speech (pauses left out), inside one piece."""

    owner: int
    word: Word
    piece: int
    start: float
    end: float


def keep_to_speech(segments: Sequence[Segment], speech: Speech) -> list[Segment]:
    """Segments whose words each lie within one stretch of speech, cut where a pause was cut out.

    A word that reaches over a pause goes to the side where more of it is heard; the first word
    after a pause begins where the speech detector heard it begin; no word has length 0. Segments
    begin and end with their words. A segment without words stays as it is.
    """
    pieces = joined_pieces((span.start, span.end) for span in speech.spans)
    if not pieces:
        return list(segments)
    times = OriginalTimes(tuple((piece.start, piece.end) for piece in pieces))
    ends = times.ends
    placed = _in_pieces(segments, times, _voiced(pieces, ends, speech.padding))
    _to_later_side(placed, pieces, ends, speech.padding)
    for number, group in groupby(placed, key=lambda one: one.piece):
        words, piece = list(group), pieces[number]
        first = ends[number] - piece.seconds
        if piece.start > 0:
            _to_onset(words, first + min(speech.padding, piece.seconds))
        _in_order(words, first, ends[number])
        for one in words:
            begin = piece.start - first
            one.word = replace(
                one.word,
                start=round(begin + one.start, _DECIMALS),
                end=round(begin + one.end, _DECIMALS),
            )
    of_segment: list[list[_Placed]] = [[] for _ in segments]
    for one in placed:
        of_segment[one.owner].append(one)
    return [
        part
        for segment, words in zip(segments, of_segment, strict=True)
        for part in _cut(segment, words)
    ]


def channels_kept_to_speech(segments: Sequence[Segment], speech: Speech) -> list[Segment]:
    """As `keep_to_speech`, each channel by where somebody speaks in it; words have the speaker that
    their channel is."""
    if not speech.channels:
        return keep_to_speech(segments, speech)
    kept = [
        segment
        for channel, spoken in speech.channels.items()
        for segment in keep_to_speech([one for one in segments if one.channel == channel], spoken)
    ]
    return [
        replace(one, words=[replace(word, speaker=one.speaker) for word in one.words])
        for one in in_time_order(kept)
    ]


def of_others_kept_to_speech(segments: Sequence[Segment], speech: Speech) -> list[Segment]:
    """As `channels_kept_to_speech`, for words that were found by another speech detector: a segment
    of which ours heard less than half stays as it is."""
    known: list[Segment] = []
    others: list[Segment] = []
    for segment in segments:
        spans = speech.of(segment.channel).spans
        heard = sum(
            any(_overlap(word.start, word.end, span.start, span.end) > 0 for span in spans)
            for word in segment.words
        )
        (known if 2 * heard >= len(segment.words) > 0 else others).append(segment)
    return in_time_order([*others, *channels_kept_to_speech(known, speech)])


def _voiced(
    pieces: Sequence[Piece], ends: Sequence[float], padding: float
) -> list[tuple[float, float]]:
    """Of each piece, in seconds of speech, what is left without the padding at its ends."""
    voiced = []
    for piece, end in zip(pieces, ends, strict=True):
        pad = min(padding, piece.seconds / 2)
        voiced.append((end - piece.seconds + (pad if piece.start > 0 else 0.0), end - pad))
    return voiced


def _in_pieces(
    segments: Sequence[Segment], times: OriginalTimes, voiced: Sequence[tuple[float, float]]
) -> list[_Placed]:
    """Every word in the piece that has most of it; of what is voiced first."""
    placed: list[_Placed] = []
    borders = [0.0, *times.ends]
    reached = 0
    for owner, segment in enumerate(segments):
        for word in segment.words:
            start, end = times.seconds(word.start), times.seconds(word.end)

            def heard(piece: int, start: float = start, end: float = end) -> tuple[float, float]:
                whole = (borders[piece], borders[piece + 1])
                return _overlap(start, end, *voiced[piece]), _overlap(start, end, *whole)

            near = [piece for piece in times.pieces_of(start, end) if piece >= reached]
            reached = max(near, key=heard, default=reached)
            first, last = borders[reached], borders[reached + 1]
            start, end = (min(max(moment, first), last) for moment in (start, end))
            placed.append(_Placed(owner, word, reached, start, end))
    return placed


def _overlap(start: float, end: float, first: float, last: float) -> float:
    return max(0.0, min(end, last) - max(start, first))


def _to_later_side(
    placed: Sequence[_Placed], pieces: Sequence[Piece], ends: Sequence[float], padding: float
) -> None:
    """Words wholly behind the speech before a pause join what follows them in their segment."""
    for one, following in zip(reversed(placed[:-1]), reversed(placed[1:]), strict=True):
        silent_from = ends[one.piece] - min(padding, pieces[one.piece].seconds / 2)
        if (
            one.owner == following.owner
            and one.piece < following.piece
            and one.start >= silent_from
        ):
            one.piece = following.piece
            one.start = one.end = ends[one.piece] - pieces[one.piece].seconds


def _to_onset(words: Sequence[_Placed], onset: float) -> None:
    """Let the first word begin near `onset`; words before it share the time of the first after."""
    begin = min(max(words[0].start, onset - _ONSET_TOLERANCE), onset + _ONSET_TOLERANCE)
    if begin == words[0].start or words[0].start > onset + _LATE_SECONDS:
        return
    last = next(
        (n for n, one in enumerate(words) if one.end >= begin + SHORTEST_WORD * (n + 1)), None
    )
    if last is None:
        return  # all of it is where the detector heard nothing: no better time is known
    total = sum(len(one.word.text) for one in words[: last + 1]) or 1
    room, done = words[last].end - begin, 0
    for one in words[: last + 1]:
        one.start = begin + room * done / total
        done += len(one.word.text)
        one.end = begin + room * done / total


def _in_order(words: Sequence[_Placed], first: float, last: float) -> None:
    """Ascending times without overlap or zero length, all between `first` and `last`."""
    shortest = min(SHORTEST_WORD, (last - first) / len(words))
    reached = first
    for one in words:
        one.start = max(one.start, reached)
        reached = one.end = max(one.end, one.start + shortest)
    latest = last
    for one in reversed(words):
        one.end = min(one.end, latest)
        latest = one.start = min(one.start, one.end - shortest)


def _cut(segment: Segment, placed: Sequence[_Placed]) -> Iterator[Segment]:
    """A segment cut between words of different pieces."""
    if not placed:
        yield segment
        return
    parts = [[one.word for one in of] for _, of in groupby(placed, key=lambda one: one.piece)]
    texts = cut_text(segment.text, [[word.text for word in words] for words in parts])
    for words, text in zip(parts, texts, strict=True):
        yield replace(segment, start=words[0].start, end=words[-1].end, text=text, words=words)
