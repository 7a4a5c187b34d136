"""MeasureAcoustics: loudness, pitch, rate and pauses of each speaker, changes and episodes."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    VoiceQuality,
    read_pitch,
    write_arrays,
)
from reelmill.engine.stage import FileStage, Inputs, StageContext, optional
from reelmill.media.audio.samples import open_samples
from reelmill.stages.forensic.acoustic_findings import acoustic_findings
from reelmill.stages.forensic.baseline import BaselineRules, changes_of
from reelmill.stages.forensic.curves import FRAMES, Curves, curves_of, frames_in, pitch_curves
from reelmill.stages.forensic.episodes import EpisodeRules, episodes_of
from reelmill.stages.forensic.measures import Part, pauses_of, speaker_measures, utterances_of
from reelmill.stages.forensic.rates import spoken_units
from reelmill.stages.forensic.talk import talks_of
from reelmill.stages.forensic.utterances import SpeechRules, heard_of

_FRAMES_FILE = "frames.npz"
#: The methods for loudness, rates and pauses.
_OURS = "ITU-R BS.1770-5 loudness, level-based pauses (reelmill)"


@dataclass(frozen=True)
class MeasureAcoustics(FileStage):
    """Measures what each speaker says alone. Speech of several people at once is left out, and its
    seconds are reported. Pitch and voice quality come from `MeasureVoiceQuality`, if it runs.

    `unmeasured`: what cannot be measured because a program is missing, in plain words.
    """

    name: ClassVar[str] = "acoustics"
    version: ClassVar[int] = 4
    display_name = "Measuring loudness, pitch and pauses"
    commands = ("voice",)
    enabled_by = ("forensic", True)
    needs = (Audio, Speech, Transcript, optional(Diarization), optional(VoiceQuality))
    produces: ClassVar[type[Artifact]] = Acoustics

    speech: SpeechRules = field(default_factory=SpeechRules)
    baseline: BaselineRules = field(default_factory=BaselineRules)
    episodes: EpisodeRules = field(default_factory=EpisodeRules)
    unmeasured: tuple[str, ...] = ()

    def run(self, context: StageContext, inputs: Inputs) -> Acoustics:
        quality = inputs.get(VoiceQuality)
        curves = self._curves(context, inputs, quality)
        talks = talks_of(inputs)
        parts = [
            Part(heard_of(talk, talks, curves[talk.row].energy, self.speech), curves[talk.row])
            for talk in talks
        ]
        made = Acoustics(
            frames=context.sidecar(_FRAMES_FILE),
            shortest_pause=self.speech.shortest_pause,
            made_with="; ".join([_OURS, *([quality.program] if quality else [])]),
            unmeasured=list(self.unmeasured),
        )
        self._measure(made, parts, inputs, quality)
        made.findings = acoustic_findings(made, has_pitch=quality is not None)
        write_arrays(context.path(_FRAMES_FILE), _frames(curves, parts, made))
        return made

    def _curves(
        self, context: StageContext, inputs: Inputs, quality: VoiceQuality | None
    ) -> list[Curves]:
        sounds = inputs[Audio].sounds()
        frames = frames_in(inputs[Audio].samples)
        pitch = [np.zeros(frames, np.float32)] * len(sounds)
        if quality is not None:
            arrays = read_pitch(context.folder, quality)
            channels = [channel for channel, _ in sounds]
            pitch = pitch_curves(frames, channels, quality.stretches, arrays)
        return [
            curves_of(open_samples(context.folder, audio), f0)
            for (_, audio), f0 in zip(sounds, pitch, strict=True)
        ]

    def _measure(
        self, made: Acoustics, parts: list[Part], inputs: Inputs, quality: VoiceQuality | None
    ) -> None:
        """Adds the measures of each speaker, in the order in which they first speak."""
        for speaker in dict.fromkeys(part.heard.talk.speaker for part in parts):
            own = [part for part in parts if part.heard.talk.speaker == speaker]
            units = spoken_units(inputs[Transcript], speaker)
            qualities = (
                [one for one in quality.stretches if one.speaker == speaker] if quality else []
            )
            utterances = [one for part in own for one in utterances_of(part, units)]
            made.speakers.append(speaker_measures(own, qualities, units, self.speech))
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
