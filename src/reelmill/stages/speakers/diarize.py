"""Diarize: find who speaks when, from the voices of a recording."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from reelmill.artifacts import Artifact, Diarization, SpeakerActivity, Turn, Voices
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.stages.speakers.clustering import ClusteringOptions, cluster
from reelmill.stages.speakers.local_speakers import local_pairs
from reelmill.stages.speakers.speaker_turns import TurnOptions, channel_turns, turns_of
from reelmill.stages.speakers.utterances import goes_on


@dataclass(frozen=True)
class Diarize(FileStage):
    """Groups the voices into people and makes their turns. If each person has a channel, whoever
    speaks in it is its person."""

    name: ClassVar[str] = "diarize"
    version: ClassVar[int] = 10
    display_name = "Telling speakers apart"
    commands = ("voice", "faces")
    needs = (SpeakerActivity, Voices)
    produces: ClassVar[type[Artifact]] = Diarization

    clustering: ClusteringOptions = field(default_factory=ClusteringOptions)
    turns: TurnOptions = field(default_factory=TurnOptions)
    notes: tuple[str, ...] = ()

    def run(self, context: StageContext, inputs: Inputs) -> Diarization:
        activity, voices = inputs[SpeakerActivity], inputs[Voices]
        turns = self._turns(activity, voices)
        return Diarization(
            turns=turns,
            speakers=list(dict.fromkeys(turn.speaker for turn in turns)),
            model=f"{activity.model} + {voices.model}",
            duration=activity.duration,
            notes=list(self.notes),
        )

    def _turns(self, activity: SpeakerActivity, voices: Voices) -> list[Turn]:
        if activity.channels:
            spoken = {name: _spans(one) for name, one in activity.channels.items()}
            return channel_turns(spoken, self.turns)
        labels = cluster(
            voices.embeddings(),
            np.array([stretch.duration for stretch in voices.stretches], np.float32),
            self.clustering,
            goes_on(voices.stretches, activity.changes),
            local_pairs(voices.stretches, activity.local),
        )
        return turns_of(activity, voices.stretches, labels.tolist(), self.turns)


def _spans(activity: SpeakerActivity) -> list[tuple[float, float]]:
    return [(span.start, span.end) for span in activity.speech]
