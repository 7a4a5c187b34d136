"""MeasureAcoustics: loudness, pitch, rate and pauses of each speaker, changes and episodes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from reelmill.artifacts import (
    AcousticFrames,
    Acoustics,
    Artifact,
    Audio,
    Diarization,
    Speech,
    Transcript,
    write_arrays,
)
from reelmill.engine.stage import FileStage, Inputs, StageContext, optional
from reelmill.media.audio.samples import open_samples
from reelmill.stages.forensic.acoustic_findings import acoustic_findings
from reelmill.stages.forensic.baseline import BaselineRules, changes_of
from reelmill.stages.forensic.curves import FRAMES, Curves, curves_of
from reelmill.stages.forensic.episodes import EpisodeRules, episodes_of
from reelmill.stages.forensic.measures import Part, pauses_of, speaker_measures, utterances_of
from reelmill.stages.forensic.rates import spoken_units
from reelmill.stages.forensic.talk import talks_of
from reelmill.stages.forensic.utterances import SpeechRules, heard_of
from reelmill.stages.forensic.voice_quality import METHODS, VoiceRules, voices_of

_FRAMES_FILE = "frames.npz"
#: The methods, for the record.
_METHODS = f"ITU-R BS.1770-5 loudness, level-based pauses (reelmill); {METHODS}"


@dataclass(frozen=True)
class MeasureAcoustics(FileStage):
    """Measures what each speaker says alone. Speech of several people at once is left out, and its
    seconds are reported."""

    name: ClassVar[str] = "acoustics"
    version: ClassVar[int] = 5
    display_name = "Measuring loudness, pitch and pauses"
    commands = ("voice",)
    enabled_by = ("forensic", True)
    needs = (Audio, Speech, Transcript, optional(Diarization))
    produces: ClassVar[type[Artifact]] = Acoustics

    speech: SpeechRules = field(default_factory=SpeechRules)
    baseline: BaselineRules = field(default_factory=BaselineRules)
    episodes: EpisodeRules = field(default_factory=EpisodeRules)
    voice: VoiceRules = field(default_factory=VoiceRules)

    def run(self, context: StageContext, inputs: Inputs) -> Acoustics:
        curves, parts = self._heard(context, inputs)
        made = Acoustics(
            frames=context.sidecar(_FRAMES_FILE),
            shortest_pause=self.speech.shortest_pause,
            made_with=_METHODS,
        )
        self._measure(made, parts, inputs)
        made.findings = acoustic_findings(made)
        write_arrays(context.path(_FRAMES_FILE), _frames(curves, parts, made))
        return made

    def _heard(self, context: StageContext, inputs: Inputs) -> tuple[list[Curves], list[Part]]:
        """The curves of each sound, and what is heard of each speaker in each."""
        talks = talks_of(inputs)
        curves: list[Curves] = []
        parts: dict[int, Part] = {}
        for row, (_, audio) in enumerate(inputs[Audio].sounds()):
            samples = open_samples(context.folder, audio)
            levels = curves_of(samples)
            own = [number for number, talk in enumerate(talks) if talk.row == row]
            heard = [heard_of(talks[one], talks, levels.energy, self.speech) for one in own]
            voices = voices_of(samples, heard, self.voice)
            curves.append(replace(levels, f0=voices.f0))
            parts |= {
                one: Part(of, curves[row], qualities)
                for one, of, qualities in zip(own, heard, voices.qualities, strict=True)
            }
        return curves, [parts[number] for number in range(len(talks))]

    def _measure(self, made: Acoustics, parts: list[Part], inputs: Inputs) -> None:
        """Adds the measures of each speaker, in the order in which they first speak."""
        for speaker in dict.fromkeys(part.heard.talk.speaker for part in parts):
            own = [part for part in parts if part.heard.talk.speaker == speaker]
            units = spoken_units(inputs[Transcript], speaker)
            utterances = [one for part in own for one in utterances_of(part, units)]
            made.speakers.append(speaker_measures(own, units, self.speech))
            made.pauses += [pause for part in own for pause in pauses_of(part)]
            made.changes += changes_of(utterances, self.baseline)
            made.utterances += utterances
            for part in own:
                if part.heard.talk.alone and not part.heard.is_clear:
                    made.unmeasured.append(_unclear(part))
                made.episodes += episodes_of(
                    speaker, part.heard.sounding, part.curves, self.episodes
                )
        for moments in (made.pauses, made.changes, made.utterances, made.episodes):
            moments.sort(key=lambda one: (one.start, one.end))


def _unclear(part: Part) -> str:
    talk = part.heard.talk
    whose = "" if talk.speaker is None else f"{talk.speaker}: "
    return f"{whose}pauses could not be told: the speech hardly stands out from the noise"


def _frames(curves: list[Curves], parts: list[Part], made: Acoustics) -> AcousticFrames:
    numbers = {one.speaker: number for number, one in enumerate(made.speakers)}
    speaker = np.full((len(curves), len(curves[0].energy)), -1, np.int8)
    for part in parts:
        talk = part.heard.talk
        speaker[talk.row, part.heard.sounding] = numbers[talk.speaker]
    return AcousticFrames(
        np.array(1 / FRAMES, np.float32),
        np.stack([one.level for one in curves]).astype(np.float16),
        np.stack([one.f0 for one in curves]).astype(np.float16),
        np.stack([one.momentary() for one in curves]).astype(np.float16),
        speaker,
    )
