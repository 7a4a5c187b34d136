"""ProfileSpeakers: describe the voice of each speaker of a recording, and identify known people."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from reelmill.artifacts import Artifact, Audio, Diarization, Span, SpeakerProfile, SpeakerProfiles
from reelmill.artifacts.speakers import packed
from reelmill.core.arrays import Float32
from reelmill.core.vectors import unit
from reelmill.engine.stage import Inputs, ModelStage, StageContext, exactly, setting
from reelmill.media.audio.samples import open_samples, window
from reelmill.models.speakers.networks import RATE, Encoder, EncoderSpec
from reelmill.stages.speakers.embed_speakers import Utterances
from reelmill.stages.speakers.same_voice import KnownVoice, MatchOptions, named
from reelmill.stages.speakers.utterances import without

#: Shorter stretches, in s, are left out.
_SHORTEST = 0.4
#: The length of windows that are embedded, in samples and frames. Several sentences distinguish
#: voices better than the short stretches of `EmbedSpeakers`.
_WINDOW, _WINDOW_FRAMES = 8 * RATE, 798
#: The most speech, in samples, that is heard in several ways, and how much slower one of them is.
_LITTLE, _SLOWER = 2 * _WINDOW, 20 / 19
#: The lowest and highest frequency of a telephone, in Hz, and the widths of the slopes beyond them.
_LOWEST, _HIGHEST, _SLOPE = 350.0, 3300.0, (100.0, 200.0)


@dataclass(frozen=True)
class ProfileSpeakers(ModelStage[Utterances, Float32]):
    """Embeds what a speaker says alone, mostly filtered as by a telephone: without high frequencies
    a voice has another embedding, and recordings of one person may be of both kinds.

    `people`: known from samples; a speaker who sounds like one of them gets the name, which is
    never given to two. `together`: as in `EmbedSpeakers`. `most`: the seconds of each speaker that
    are used, from the longest stretches; more add hardly anything.
    """

    name: ClassVar[str] = "profiles"
    version: ClassVar[int] = 4
    display_name = "Describing the voices of speakers"
    commands = ("voice",)
    needs = (Audio, exactly(Diarization))
    produces: ClassVar[type[Artifact]] = SpeakerProfiles

    model: EncoderSpec
    people: tuple[KnownVoice, ...] = ()
    matching: MatchOptions = field(default_factory=MatchOptions)
    together: int = setting(8)
    most: float = setting(60.0)

    def split(
        self, context: StageContext, inputs: Inputs
    ) -> Generator[Utterances, None, list[tuple[float, int]]]:
        diarization, sounds = inputs[Diarization], dict(inputs[Audio].sounds())
        heard: list[tuple[float, int]] = []
        for speaker in diarization.speakers:
            audio = sounds.get(_channel(diarization, speaker), inputs[Audio])
            samples = open_samples(context.folder, audio)
            alone = self._alone(diarization, speaker)
            pieces = [window(samples, start, end) for start, end in alone]
            features = voice_windows(pieces, self.model)
            heard.append((sum(end - start for start, end in alone), len(features)))
            for at in range(0, len(features), self.together):
                yield Utterances(np.stack(features[at : at + self.together]))
        return heard

    def _alone(self, diarization: Diarization, speaker: str) -> list[tuple[float, float]]:
        """Where a speaker is heard alone, the longest stretches first, up to the length wanted."""
        own, others = [], []
        has_channel = _channel(diarization, speaker) is not None
        for turn in sorted(diarization.turns, key=lambda turn: turn.start):
            if turn.speaker == speaker:
                own.append(Span(turn.start, turn.end))
            elif not has_channel:  # in a separate channel nobody else is heard
                others.append(Span(turn.start, turn.end))
        found: list[tuple[float, float]] = []
        left = self.most
        for start, end in sorted(without(own, others), key=lambda span: span[0] - span[1]):
            if end - start >= _SHORTEST and left > 0:
                found.append((start, min(end, start + left)))
                left -= end - start
        return found

    @property
    def inferring(self) -> Any:
        return ()

    def infer(self, model: Encoder, batch: Sequence[Utterances]) -> list[Float32]:
        return model.embed([item.features for item in batch])

    def merge(
        self, context: StageContext, inputs: Inputs, outputs: Iterator[Float32]
    ) -> SpeakerProfiles:
        diarization = inputs[Diarization]
        heard = (context.handed and context.handed[0]) or [(0.0, 0) for _ in diarization.speakers]
        profiles, rows = [], []
        for speaker, (seconds, count) in zip(diarization.speakers, heard, strict=True):
            found = list(islice(outputs, -(-count // self.together)))
            if found:
                rows.append(voice_of(np.concatenate(found)))
            profiles.append(SpeakerProfile(speaker, round(seconds, 3)))
        vectors = self._filled(rows, [one.seconds > 0 for one in profiles])
        seconds_of = [one.seconds for one in profiles]
        for at, (name, score) in named(vectors, seconds_of, self.people, self.matching).items():
            profiles[at].name, profiles[at].score = name, round(score, 4)
        return SpeakerProfiles(
            self.model.name, self.model.identity, vectors.shape[1], profiles, packed(vectors)
        )

    @staticmethod
    def _filled(rows: Sequence[Float32], is_heard: Sequence[bool]) -> Float32:
        """The voices, with zeros for speakers who are never heard alone."""
        vectors = np.zeros((len(is_heard), len(rows[0]) if rows else 0), np.float32)
        if rows:
            vectors[np.flatnonzero(is_heard)] = rows
        return vectors


def voice_windows(pieces: Sequence[Float32], spec: EncoderSpec) -> list[Float32]:
    """Features of windows over a person's speech: 8 s long, as few as contain all of it; shorter
    speech is repeated. Each has shape (798, bands).

    Up to 16 s are heard in four ways: filtered as by a telephone, whole, in halves and 5 % slower;
    and in halves as they are. The mean of the embeddings varies less with what is said than that of
    a single window does. Of more, all is heard filtered and a third as it is.

    Args:
        pieces: the speech, 16 kHz, joined in this order.
        spec: of the encoder.
    """
    if not pieces:
        return []
    sound = np.concatenate(pieces)
    heard = over_telephone(sound)
    ways = [heard]
    if 1 < len(sound) <= _LITTLE:
        ways += [*np.array_split(heard, 2), over_telephone(sound, _SLOWER)]
        ways += np.array_split(sound, 2)
    elif len(sound) > _LITTLE:
        ways.append(np.array_split(sound, 3)[0])
    return [window for way in ways for window in _windows(way, spec)]


def _windows(sound: Float32, spec: EncoderSpec) -> list[Float32]:
    """Features of windows that contain all of a sound."""
    if len(sound) < _WINDOW:
        sound = np.resize(sound, _WINDOW)
    count = -(-len(sound) // _WINDOW)
    starts = np.linspace(0, len(sound) - _WINDOW, count).astype(int).tolist()
    return [spec.piece(sound[start : start + _WINDOW], _WINDOW_FRAMES) for start in starts]


def voice_of(embeddings: Float32) -> Float32:
    """The voice in the windows of a person's speech: their mean, of unit length."""
    return unit(embeddings.mean(axis=0))


def over_telephone(samples: Float32, slower: float = 1.0) -> Float32:
    """Sound reduced to the frequencies of a telephone; 16 kHz, shape (samples,).

    Args:
        samples: the sound.
        slower: how many times as long it is made, with all frequencies lower by as much.
    """
    if not len(samples):
        return samples
    frequencies = np.fft.rfftfreq(len(samples), 1 / RATE) / slower
    below, above = _SLOPE
    passed = np.clip((frequencies - _LOWEST) / below + 1, 0, 1)
    passed *= np.clip((_HIGHEST - frequencies) / above + 1, 0, 1)
    count = round(slower * len(samples))
    filtered = np.fft.irfft(slower * passed * np.fft.rfft(samples), count)
    result: Float32 = filtered.astype(np.float32)
    return result


def _channel(diarization: Diarization, speaker: str) -> str | None:
    """The channel that only this speaker has."""
    return next((turn.channel for turn in diarization.turns if turn.speaker == speaker), None)
