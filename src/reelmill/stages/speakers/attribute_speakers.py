"""AttributeSpeakers: each word, then each segment, gets its speaker."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, groupby
from typing import ClassVar

from reelmill.artifacts import (
    AlignedTranscript,
    Artifact,
    Diarization,
    Segment,
    SpeakerTotals,
    SpokenTranscript,
    Transcript,
    Turn,
    Word,
)
from reelmill.engine.stage import FileStage, Inputs, StageContext

#: A word next to nobody's turn is still the nearest speaker's, but not over this many seconds.
_REACH = 2.0
#: A single word this short between two of somebody else's is theirs, if they speak meanwhile.
_ISLAND = 0.35
_DECIMALS = 3


@dataclass(frozen=True)
class AttributeSpeakers(FileStage):
    """Splits segments where the speaker changes, and sums up each speaker.

    Where words have no times of their own a segment is its loudest speaker's as a whole.
    """

    name: ClassVar[str] = "speakers"
    version: ClassVar[int] = 1
    title = "Assigning words to speakers"
    commands = ("voice",)
    needs = (Transcript, Diarization)
    produces: ClassVar[type[Artifact]] = SpokenTranscript

    def run(self, context: StageContext, inputs: Inputs) -> SpokenTranscript:
        transcript = inputs[Transcript]
        diarization = inputs[Diarization]
        speakers = SpeakersAt(diarization.turns)
        segments = [
            part for segment in transcript.segments for part in spoken_parts(segment, speakers)
        ]
        notes = transcript.notes if isinstance(transcript, AlignedTranscript) else []
        return SpokenTranscript(
            language=transcript.language,
            language_probability=transcript.language_probability,
            model=transcript.model,
            duration=transcript.duration,
            speech_seconds=transcript.speech_seconds,
            segments=segments,
            aligner=transcript.aligner if isinstance(transcript, AlignedTranscript) else None,
            notes=[*notes, *diarization.notes],
            speakers=speaker_totals(diarization),
            diarizer=diarization.model,
        )


class SpeakersAt:
    """Who speaks in a stretch of time. Turns in order of their start."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: turn.start)
        self._starts = [turn.start for turn in self._turns]
        #: The latest end of the turns up to each: where looking back may stop.
        self._reached = list(accumulate((turn.end for turn in self._turns), max))

    def seconds(self, start: float, end: float) -> dict[str, float]:
        """How long each speaker speaks between `start` and `end`."""
        found: dict[str, float] = {}
        for turn in self._back_from(end, start):
            common = min(end, turn.end) - max(start, turn.start)
            if common > 0:
                found[turn.speaker] = found.get(turn.speaker, 0.0) + common
        return found

    def at(self, start: float, end: float, before: str | None = None) -> str | None:
        """Who speaks longest there; of equals `before`. Where nobody does, the nearest."""
        found = self.seconds(start, end)
        if found:
            return max(found, key=lambda name: (round(found[name], 2), name == before, name))
        return self._nearest(start, end)

    def _nearest(self, start: float, end: float) -> str | None:
        near = self._back_from(end + _REACH, start - _REACH)
        distances = [(max(turn.start - end, start - turn.end), turn.speaker) for turn in near]
        return min(distances)[1] if distances else None

    def _back_from(self, end: float, start: float) -> Iterator[Turn]:
        """The turns that begin before `end` and end after `start`."""
        for index in range(bisect_right(self._starts, end) - 1, -1, -1):
            if self._reached[index] <= start:
                return
            if self._turns[index].end > start:
                yield self._turns[index]


def spoken_parts(segment: Segment, speakers: SpeakersAt) -> Iterator[Segment]:
    """A segment with its speaker, cut where the speaker changes if its words have times."""
    if not segment.words:
        yield replace(segment, speaker=speakers.at(segment.start, segment.end))
        return
    words = attributed(segment.words, speakers)
    runs = [list(run) for _, run in groupby(words, key=lambda word: word.speaker)]
    if len(runs) == 1:
        yield replace(segment, words=words, speaker=words[0].speaker)
        return
    texts = cut_text(segment.text, runs)
    for index, (run, text) in enumerate(zip(runs, texts, strict=True)):
        start = segment.start if index == 0 else run[0].start
        end = segment.end if index == len(runs) - 1 else run[-1].end
        yield replace(
            segment,
            start=round(start, _DECIMALS),
            end=round(max(start, end), _DECIMALS),
            text=text,
            words=run,
            speaker=run[0].speaker,
        )


def attributed(words: Sequence[Word], speakers: SpeakersAt) -> list[Word]:
    """The words with their speakers; a short word between two of another's is that other's when
    they speak meanwhile too."""
    names: list[str | None] = []
    for word in words:
        names.append(speakers.at(word.start, word.end, names[-1] if names else None))
    for index in range(1, len(words) - 1):
        word, around = words[index], names[index - 1]
        alone = names[index] != around and around == names[index + 1]
        short = word.end - word.start < _ISLAND
        if alone and short and around in speakers.seconds(word.start, word.end):
            names[index] = around
    return [replace(word, speaker=name) for word, name in zip(words, names, strict=True)]


def cut_text(text: str, runs: Sequence[Sequence[Word]]) -> list[str]:
    """`text` cut before the first word of each run; nothing of it is lost.

    Where a word is not found in the text, the runs are put together from their words.
    """
    cuts, reached = [0], 0
    for index, run in enumerate(runs):
        for place, word in enumerate(run):
            said = word.text.strip()
            found = text.find(said, reached)
            if found < 0:
                return [" ".join(word.text.strip() for word in one) for one in runs]
            if index and place == 0:
                cuts.append(found)
            reached = found + len(said)
    return [text[start:end].strip() for start, end in zip(cuts, [*cuts[1:], None], strict=True)]


def speaker_totals(diarization: Diarization) -> list[SpeakerTotals]:
    """Seconds, turns, share and overlap of each speaker; the shares of all add up to 1."""
    seconds = dict.fromkeys(diarization.speakers, 0.0)
    overlap, turns = dict(seconds), dict.fromkeys(seconds, 0)
    for turn in diarization.turns:
        seconds[turn.speaker] += turn.duration
        turns[turn.speaker] += 1
    for start, end, names in _moments(diarization.turns):
        if len(names) > 1:
            for name in names:
                overlap[name] += end - start
    total = sum(seconds.values())
    return [
        SpeakerTotals(
            speaker=name,
            seconds=round(seconds[name], _DECIMALS),
            turns=turns[name],
            share=round(seconds[name] / total, 4) if total else 0.0,
            overlap=round(overlap[name], _DECIMALS),
        )
        for name in diarization.speakers
    ]


def _moments(turns: Sequence[Turn]) -> Iterator[tuple[float, float, set[str]]]:
    """Stretches in which the same people speak."""
    events = sorted(
        [(turn.start, 1, turn.speaker) for turn in turns]
        + [(turn.end, -1, turn.speaker) for turn in turns]
    )
    speaking: dict[str, int] = {}
    before = 0.0
    for time, change, name in events:
        if time > before:
            yield before, time, {name for name, count in speaking.items() if count > 0}
        before = time
        speaking[name] = speaking.get(name, 0) + change
