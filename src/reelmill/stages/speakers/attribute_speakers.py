"""AttributeSpeakers: assign a speaker to each word, then to each segment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
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
from reelmill.stages.speakers.phrase_speakers import attributed
from reelmill.stages.speakers.speakers_at import SpeakersAt

_DECIMALS = 3


@dataclass(frozen=True)
class AttributeSpeakers(FileStage):
    """Splits segments where the speaker changes, and sums up each speaker.

    If words have no times of their own, a segment belongs entirely to its loudest speaker.
    """

    name: ClassVar[str] = "speakers"
    version: ClassVar[int] = 6
    display_name = "Assigning words to speakers"
    commands = ("voice", "faces")
    needs = (Transcript, Diarization)
    produces: ClassVar[type[Artifact]] = SpokenTranscript

    def run(self, context: StageContext, inputs: Inputs) -> SpokenTranscript:
        transcript = inputs[Transcript]
        diarization = inputs[Diarization]
        speakers = SpeakersAt(diarization.turns)
        segments = list(spoken_parts(transcript.segments, speakers))
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


def spoken_parts(segments: Sequence[Segment], speakers: SpeakersAt) -> Iterator[Segment]:
    """The parts of segments with their speakers, cut where the speaker changes if their words have
    times. A segment of a channel that has a person is that person's."""
    for segment, words in zip(segments, attributed(segments, speakers), strict=True):
        if segment.channel is not None:
            name = speakers.of_channel(segment.channel)
            own = [replace(word, speaker=name) for word in segment.words]
            yield replace(segment, words=own, speaker=name)
        elif not words:
            yield replace(segment, speaker=speakers.at(segment.start, segment.end))
        else:
            yield from _cut(segment, words)


def _cut(segment: Segment, words: Sequence[Word]) -> Iterator[Segment]:
    """The parts of a segment by one speaker each."""
    runs = [list(run) for _, run in groupby(words, key=lambda word: word.speaker)]
    texts = cut_text(segment.text, runs) if len(runs) > 1 else [segment.text]
    first, last = segment.words[0], segment.words[-1]
    for run, text in zip(runs, texts, strict=True):
        start, end = run[0].start, run[-1].end
        start = segment.start if run is runs[0] and start == first.start else start
        end = segment.end if run is runs[-1] and end == last.end else end
        yield replace(
            segment,
            start=round(start, _DECIMALS),
            end=round(max(start, end), _DECIMALS),
            text=text,
            words=run,
            speaker=run[0].speaker,
        )


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
