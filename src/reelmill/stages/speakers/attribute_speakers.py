"""AttributeSpeakers: assign a speaker to each word, then to each segment."""

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
from reelmill.core.text import phrases
from reelmill.engine.stage import FileStage, Inputs, StageContext

#: A word outside all turns belongs to the nearest speaker, up to this many seconds away.
_REACH = 2.0
#: A single phrase keeps a speaker of its own if that speaker is heard for at least this share of it
#: and the neighbour for at most the rest, and if it is separated by a pause of this many seconds or
#: the end of a sentence, or is this long.
_SURE_SHARE, _PARTING_PAUSE, _LONG = 0.8, 0.2, 0.6
_SENTENCE_END = tuple(".?!。？！…؟।")
_DECIMALS = 3


@dataclass(frozen=True)
class AttributeSpeakers(FileStage):
    """Splits segments where the speaker changes, and sums up each speaker.

    If words have no times of their own, a segment belongs entirely to its loudest speaker.
    """

    name: ClassVar[str] = "speakers"
    version: ClassVar[int] = 2
    display_name = "Assigning words to speakers"
    commands = ("voice", "faces")
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
            findings=transcript.findings,
            aligner=transcript.aligner if isinstance(transcript, AlignedTranscript) else None,
            notes=[*notes, *diarization.notes],
            speakers=speaker_totals(diarization),
            diarizer=diarization.model,
        )


class SpeakersAt:
    """Who speaks in a stretch of time. Turns are ordered by start."""

    def __init__(self, turns: Sequence[Turn]) -> None:
        self._turns = sorted(turns, key=lambda turn: turn.start)
        self._starts = [turn.start for turn in self._turns]
        self._of_channel = {turn.channel: turn.speaker for turn in turns if turn.channel}
        #: The latest end of the turns up to each one, at which a backward search can stop.
        self._reached = list(accumulate((turn.end for turn in self._turns), max))

    def of_channel(self, channel: str) -> str:
        """The person of a channel; the channel's name if nobody was heard in it."""
        return self._of_channel.get(channel, channel)

    def seconds(self, start: float, end: float) -> dict[str, float]:
        """How long each speaker speaks between `start` and `end`."""
        found: dict[str, float] = {}
        for turn in self._back_from(end, start):
            common = min(end, turn.end) - max(start, turn.start)
            if common > 0:
                found[turn.speaker] = found.get(turn.speaker, 0.0) + common
        return found

    def at(self, start: float, end: float, before: str | None = None) -> str | None:
        """The speaker who speaks longest there; `before` if equal. If nobody speaks, the nearest
        speaker."""
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
    """The parts of a segment with their speakers, cut where the speaker changes if its words have
    times. A segment of a channel that has a person is that person's."""
    if segment.channel is not None:
        name = speakers.of_channel(segment.channel)
        words = [replace(word, speaker=name) for word in segment.words]
        yield replace(segment, words=words, speaker=name)
        return
    if not segment.words:
        yield replace(segment, speaker=speakers.at(segment.start, segment.end))
        return
    words = attributed(segment.words, speakers, segment.text)
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


def attributed(words: Sequence[Word], speakers: SpeakersAt, text: str) -> list[Word]:
    """The words with their speakers, who can change only between the phrases of `text`.

    Phrases are words in scripts with spaces, and bunsetsu or the like in Japanese, Chinese and
    Thai. A single phrase between two of one person's, or at the end of that person's sentence, is
    theirs too, unless the evidence for another speaker is strong.
    """
    units = list(_units(words, text))
    names: list[str | None] = []
    for unit in units:
        names.append(speakers.at(unit[0].start, unit[-1].end, names[-1] if names else None))
    for index in range(1, len(units)):
        before, name = names[index - 1], names[index]
        last = index == len(units) - 1
        alone = last or names[index + 1] == before
        trailing = _ends_sentence(units[index]) and not _ends_sentence(units[index - 1])
        if (
            name != before
            and (alone or trailing)
            and not _sure(units, index, name, before, speakers)
        ):
            names[index] = before
    return [
        replace(word, speaker=name)
        for unit, name in zip(units, names, strict=True)
        for word in unit
    ]


def _units(words: Sequence[Word], text: str) -> Iterator[list[Word]]:
    """The words of each phrase; a word that reaches into the next phrase ends there."""
    ends = _phrase_ends(text)
    unit: list[Word] = []
    reached, place = 0, 0
    for word in words:
        unit.append(word)
        reached += len("".join(word.text.split()))
        while place < len(ends) and ends[place] < reached:
            place += 1
        if place == len(ends) or ends[place] == reached:
            yield unit
            unit = []
    if unit:
        yield unit


def _phrase_ends(text: str) -> list[int]:
    """The number of characters, without white space, up to the end of each phrase. A phrase of a
    single character, such as BudouX makes of the first one of "はい", is joined to the next."""
    ends = []
    length = reached = 0
    for phrase in phrases(text):
        length += len("".join(phrase.split()))
        if length - reached > 1 or " " in phrase:
            ends.append(length)
            reached = length
    return ends


def _ends_sentence(unit: Sequence[Word]) -> bool:
    return unit[-1].text.strip().endswith(_SENTENCE_END)


def _sure(
    units: Sequence[Sequence[Word]],
    index: int,
    name: str | None,
    other: str | None,
    speakers: SpeakersAt,
) -> bool:
    """Whether a phrase certainly belongs to `name` and not to `other`, who speaks before it."""
    start, end = units[index][0].start, units[index][-1].end
    heard = speakers.seconds(start, end)
    length = max(end - start, 1e-3)
    if name is None or heard.get(name, 0.0) < _SURE_SHARE * length:
        return False
    if heard.get(other or "", 0.0) > (1 - _SURE_SHARE) * length:
        return False
    pause = start - units[index - 1][-1].end
    if index + 1 < len(units):
        pause = max(pause, units[index + 1][0].start - end)
    return pause >= _PARTING_PAUSE or length >= _LONG or _ends_sentence(units[index - 1])


def cut_text(text: str, runs: Sequence[Sequence[Word]]) -> list[str]:
    """`text` cut before the first word of each run; nothing of it is lost.

    If a word is not found in the text, the runs are joined from their words.
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
    """Seconds, turns, share and overlap of each speaker. All shares add up to 1."""
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
