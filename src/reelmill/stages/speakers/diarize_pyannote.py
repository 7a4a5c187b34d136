"""DiarizeByPyannote: find who speaks when, with a pipeline of pyannote.audio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from reelmill.artifacts import Artifact, Audio, Diarization, Turn
from reelmill.engine.stage import Inputs, ModelStage, StageContext
from reelmill.models.speakers.pyannote import Diarizer, PyannoteSpec
from reelmill.stages.media.full_audio import TIMEOUT_PER_COST, WholeSound, whole_sound
from reelmill.stages.speakers.speaker_turns import TurnOptions, channel_turns, speaker_label

#: Shorter recordings, in s, have no turns.
_SHORTEST = 0.25


@dataclass(frozen=True)
class FoundTurns:
    """Start, end and label of each turn, ordered by start."""

    turns: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class DiarizeByPyannote(ModelStage[WholeSound, FoundTurns]):
    """Takes a whole recording at a time, as the library requires, or a single channel if each has
    one person, who is then whoever speaks in it. `speakers`: how many, if known."""

    name: ClassVar[str] = "diarize-pyannote"
    version: ClassVar[int] = 2
    display_name = "Telling speakers apart with pyannote.audio"
    commands = ("voice", "faces")
    enabled_by = ("diarizer", "pyannote")
    needs = (Audio,)
    produces: ClassVar[type[Artifact]] = Diarization
    max_batch_size: ClassVar[int | None] = 1
    timeout_per_cost: ClassVar[float] = TIMEOUT_PER_COST

    model: PyannoteSpec
    speakers: int | None = None
    min_speakers: int = 1
    max_speakers: int = 10

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WholeSound]:
        for _, audio in inputs[Audio].sounds():
            sound = whole_sound(context.recording, audio)
            if sound.cost >= _SHORTEST:
                yield sound

    @property
    def inferring(self) -> Any:
        return (self.speakers, self.min_speakers, self.max_speakers)

    def infer(self, model: Diarizer, batch: Sequence[WholeSound]) -> list[FoundTurns]:
        known = self.speakers is not None
        least, most = (None, None) if known else (self.min_speakers, self.max_speakers)
        return [
            FoundTurns(tuple(model.turns(item.read(), self.speakers, least, most)))
            for item in batch
        ]

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[FoundTurns]
    ) -> Diarization:
        duration = inputs[Audio].samples / inputs[Audio].sample_rate
        names = [channel.name for channel in inputs[Audio].channels]
        found = [list(one.turns) for one in outputs]
        if names:
            spoken = {
                name: [(turn.start, turn.end) for turn in labelled(turns, duration)]
                for name, turns in zip(names, found, strict=False)
            }
            turns = channel_turns(spoken, TurnOptions())
        else:
            turns = labelled([turn for one in found for turn in one], duration)
        return Diarization(
            turns=turns,
            speakers=list(dict.fromkeys(turn.speaker for turn in turns)),
            model=f"{self.model.name} (pyannote.audio {self.model.version})",
            duration=duration,
        )


def labelled(found: Sequence[tuple[float, float, str]], duration: float) -> list[Turn]:
    """Turns within the recording, speakers labelled A, B, C... as they first speak."""
    labels: dict[str, str] = {}
    turns = []
    for begins, ends, label in sorted(found):
        start, end = round(max(begins, 0.0), 3), round(min(ends, duration), 3)
        if end > start:
            speaker = labels.setdefault(label, speaker_label(len(labels)))
            turns.append(Turn(start, end, speaker))
    return turns
