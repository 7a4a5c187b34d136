"""LinkVoices: find the face of each voice. NameTurns: put names to turns of speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    Diarization,
    HeardPersons,
    HeardVoice,
    Person,
    PersonTurns,
    Span,
    SpeakingPersons,
    SpeakingShares,
    Turn,
    read_speaking,
    write_arrays,
)
from reelmill.engine.stage import FileStage, Inputs, StageContext, exactly
from reelmill.stages.faces.linking import RATE, Link, evidence, heard_in, links, who_speaks
from reelmill.stages.faces.speaking import speaking_spans


@dataclass(frozen=True)
class LinkVoices(FileStage):
    """Links voices with faces that speak at the same time; both then decide who speaks."""

    name: ClassVar[str] = "link_voices"
    version: ClassVar[int] = 2
    display_name = "Linking voices with faces"
    commands = ("faces",)
    enabled_by = ("active_speaker", "lr-asd")
    needs = (exactly(SpeakingPersons), exactly(Diarization))
    produces = HeardPersons

    def run(self, context: StageContext, inputs: Inputs) -> HeardPersons:
        found, diarization = inputs[SpeakingPersons], inputs[Diarization]
        moments = round(max(found.picture.duration, diarization.duration) * RATE) + 1
        seen = evidence(found.persons, read_speaking(context.folder, found), moments)
        heard = heard_in(diarization.turns, diarization.speakers, moments)
        linked = links(seen, heard)
        said, shares = who_speaks(seen, heard, linked)
        write_arrays(context.path("shares.npz"), SpeakingShares(shares.astype(np.float16)))
        persons = [
            self._with_voice(person, number, said[number], diarization, linked)
            for number, person in enumerate(found.persons)
        ]
        unseen = [
            HeardVoice(label, _merged(diarization.turns, [label]))
            for number, label in enumerate(diarization.speakers)
            if number not in linked
        ]
        kept = {one.name: getattr(found, one.name) for one in fields(SpeakingPersons)}
        kept |= {"persons": persons, "notes": [*found.notes, *diarization.notes]}
        return HeardPersons(
            **kept,
            unseen=unseen,
            diarizer=diarization.model,
            shares=context.sidecar("shares.npz"),
        )

    @staticmethod
    def _with_voice(
        person: Person,
        number: int,
        said: npt.NDArray[np.bool_],
        diarization: Diarization,
        linked: Mapping[int, Link],
    ) -> Person:
        voices = [
            diarization.speakers[voice] for voice, one in linked.items() if one.person == number
        ]
        return replace(
            person,
            speaking=speaking_spans(np.flatnonzero(said).tolist()),
            voices=voices,
            heard=_merged(diarization.turns, voices),
        )


@dataclass(frozen=True)
class NameTurns(FileStage):
    """Gives the turns of a linked voice the person's name, so that transcripts show it."""

    name: ClassVar[str] = "name_turns"
    version: ClassVar[int] = 1
    display_name = "Naming voices after faces"
    commands = ("faces",)
    enabled_by = ("transcript", True)
    needs = (HeardPersons, exactly(Diarization))
    produces = PersonTurns

    def run(self, context: StageContext, inputs: Inputs) -> PersonTurns:
        persons, diarization = inputs[HeardPersons], inputs[Diarization]
        names = {voice.label: voice.shown_name for voice in persons.unseen}
        for person in persons.persons:
            name = person.name or f"Person {person.label}"
            names |= dict.fromkeys(person.voices or (), name)
        turns = [replace(turn, speaker=names[turn.speaker]) for turn in diarization.turns]
        return PersonTurns(
            turns=turns,
            speakers=list(dict.fromkeys(turn.speaker for turn in turns)),
            model=diarization.model,
            duration=diarization.duration,
            notes=diarization.notes,
        )


def _merged(turns: Sequence[Turn], labels: Sequence[str]) -> list[Span]:
    """The spans in which any of the voices speaks."""
    spans: list[Span] = []
    for turn in sorted(turns, key=lambda turn: turn.start):
        if turn.speaker not in labels:
            continue
        if spans and turn.start <= spans[-1].end:
            spans[-1].end = max(spans[-1].end, turn.end)
        else:
            spans.append(Span(turn.start, turn.end))
    return spans
