"""HearVoices: an embedding of the voice of each local speaker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from reelmill.artifacts import (
    ActivityWindow,
    Artifact,
    Audio,
    LocalSpeaker,
    SpeakerActivity,
    Voice,
    Voices,
)
from reelmill.artifacts.speakers import packed
from reelmill.engine.stage import Inputs, ModelStage, setting
from reelmill.media.samples import open_samples, window
from reelmill.models.speakers import RATE, Bool, Encoder, EncoderSpec
from reelmill.models.voiceprint import HOP, Float32
from reelmill.recording import Recording

_FRAMES_A_SECOND = RATE // HOP


@dataclass(frozen=True)
class Utterance:
    """Pieces of one speaker's features, shape (pieces, 160, bands); cost in pieces."""

    features: Float32

    @property
    def cost(self) -> float:
        return len(self.features)


@dataclass(frozen=True)
class HearVoices(ModelStage[Utterance, Float32]):
    """Embeds, window by window, what each local speaker says while nobody else speaks.

    `shortest`: seconds below which a local speaker is not looked at. `clean_from`: with fewer
    seconds alone than this, what is said into others' words counts too. `pieces`: how many
    stretches of 1.6 s of each local speaker are looked at, at most.
    """

    name: ClassVar[str] = "voices"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Audio, SpeakerActivity)
    produces: ClassVar[type[Artifact]] = Voices

    model: EncoderSpec
    shortest: float = setting(0.2)
    clean_from: float = setting(0.4)
    pieces: int = setting(3)

    def split(self, recording: Recording, inputs: Inputs) -> Iterator[Utterance]:
        activity = inputs[SpeakerActivity]
        samples = open_samples(recording.folder, inputs[Audio])
        for one in activity.windows:
            start = one.first * activity.frame_seconds
            features: Float32 | None = None
            for place, _ in self._heard(activity, one):
                if features is None:
                    seconds = activity.window_frames * activity.frame_seconds
                    sound = window(samples, start, start + seconds + activity.offset)
                    features = self.model.hear(sound)
                chosen = self._chosen(activity, one, place, len(features))
                yield Utterance(self.model.partials(features[chosen], self.pieces))

    def infer(self, model: Encoder, batch: Sequence[Utterance]) -> list[Float32]:
        return model.embed([item.features for item in batch])

    def merge(self, recording: Recording, inputs: Inputs, outputs: Iterator[Float32]) -> Voices:
        activity = inputs[SpeakerActivity]
        voices = [
            Voice(index, place, seconds)
            for index, one in enumerate(activity.windows)
            for place, seconds in self._heard(activity, one)
        ]
        found = list(outputs)
        embeddings = np.stack(found) if found else np.zeros((0, 0), np.float32)
        return Voices(self.model.name, embeddings.shape[1], voices, packed(embeddings))

    def _heard(self, activity: SpeakerActivity, one: ActivityWindow) -> Iterator[tuple[int, float]]:
        """The local speakers heard for long enough, and the seconds each is heard alone."""
        alone = _alone(one, activity.window_frames)
        inside = (activity.duration - one.first * activity.frame_seconds) / activity.frame_seconds
        for place, local in enumerate(one.speakers):
            active = _mask(local, activity.window_frames)
            active[max(0, int(inside)) :] = False
            if active.sum() * activity.frame_seconds >= self.shortest:
                clean = float((active & alone).sum() * activity.frame_seconds)
                yield place, round(clean, 3)

    def _chosen(
        self, activity: SpeakerActivity, one: ActivityWindow, place: int, count: int
    ) -> Bool:
        """Which feature frames are this speaker's, shape (count,)."""
        times = (np.arange(count) + 0.5) / _FRAMES_A_SECOND
        frames = np.round((times - activity.offset) / activity.frame_seconds - 0.5).astype(np.intp)
        frames = np.clip(frames, 0, activity.window_frames - 1)
        active = _mask(one.speakers[place], activity.window_frames)
        clean = active & _alone(one, activity.window_frames)
        enough = clean.sum() * activity.frame_seconds >= self.clean_from
        chosen: Bool = (clean if enough else active)[frames]
        return chosen if chosen.any() else np.ones(count, np.bool_)


def _mask(local: LocalSpeaker, frames: int) -> Bool:
    mask = np.zeros(frames, np.bool_)
    for start, end in local.runs:
        mask[start:end] = True
    return mask


def _alone(one: ActivityWindow, frames: int) -> Bool:
    """Frames in which exactly one speaks."""
    masks = [_mask(local, frames) for local in one.speakers]
    return np.sum(masks, axis=0) == 1 if masks else np.zeros(frames, np.bool_)
