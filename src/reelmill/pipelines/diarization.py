"""The stages of a voice pipeline that find who speaks when and who said what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.engine.stage import Stage
from reelmill.errors import UsageError
from reelmill.models.speakers.files import encoder_spec
from reelmill.models.speakers.networks import EncoderSpec, SegmentationSpec
from reelmill.models.speakers.pyannote import PyannoteSpec
from reelmill.pipelines.known_voices import known_voices
from reelmill.settings import Settings
from reelmill.stages.speakers.attribute_speakers import AttributeSpeakers
from reelmill.stages.speakers.clustering import ClusteringOptions
from reelmill.stages.speakers.diarize import Diarize
from reelmill.stages.speakers.diarize_pyannote import DiarizeByPyannote
from reelmill.stages.speakers.embed_speakers import EmbedSpeakers
from reelmill.stages.speakers.profile_speakers import ProfileSpeakers
from reelmill.stages.speakers.same_voice import KnownVoice
from reelmill.stages.speakers.segment_speakers import SegmentSpeakers


@dataclass(frozen=True)
class NetworksDiarizer:
    """The default diarizer: segmentation and embeddings by two small networks, then clustering."""

    segmentation: SegmentationSpec
    encoder: EncoderSpec
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PyannoteDiarizer:
    """A pipeline of pyannote.audio, which does everything in one stage."""

    model: PyannoteSpec


Diarizer = NetworksDiarizer | PyannoteDiarizer


@dataclass(frozen=True)
class KnownPeople:
    """What speakers are compared by, across recordings and with `voices` known from samples."""

    encoder: EncoderSpec
    voices: tuple[KnownVoice, ...] = ()


def known_people_of(
    settings: Settings, diarizer: Diarizer | None, cache: Path
) -> KnownPeople | None:
    """What `--across` and `--people` need; None where neither is asked for.

    Raises:
        UsageError: nothing tells who speaks, or no voice in the samples.
        ModelUnavailableError: a network cannot be loaded.
    """
    if not settings.across and settings.people is None:
        return None
    if diarizer is None:
        option = "--across" if settings.across else "--people"
        raise UsageError(f"{option} compares speakers: it needs a --diarizer")
    encoder = (
        diarizer.encoder
        if isinstance(diarizer, NetworksDiarizer)
        else encoder_spec(settings.speaker_encoder)
    )
    voices: tuple[KnownVoice, ...] = ()
    if settings.people is not None:
        voices = known_voices(settings.people, encoder, cache)
    return KnownPeople(encoder, voices)


def diarization_stages(settings: Settings, diarizer: Diarizer) -> list[Stage]:
    """Stages that produce a `Diarization`."""
    if isinstance(diarizer, PyannoteDiarizer):
        return [
            DiarizeByPyannote(
                diarizer.model, settings.speakers, settings.min_speakers, settings.max_speakers
            )
        ]
    clustering = ClusteringOptions(
        speakers=settings.speakers,
        min_speakers=settings.min_speakers,
        max_speakers=settings.max_speakers,
    )
    return [
        SegmentSpeakers(diarizer.segmentation),
        EmbedSpeakers(diarizer.encoder),
        Diarize(clustering=clustering, notes=diarizer.notes),
    ]


def speaker_stages(
    settings: Settings, diarizer: Diarizer | None, people: KnownPeople | None = None
) -> list[Stage]:
    """Stages that produce a `SpokenTranscript`; none without a diarizer. With `people` also the
    voices of the speakers, to be compared with theirs and with those of other recordings."""
    if diarizer is None:
        return []
    stages = [*diarization_stages(settings, diarizer), AttributeSpeakers()]
    if people is None:
        return stages
    return [*stages, ProfileSpeakers(people.encoder, people.voices)]


def require_diarizer(formats: Sequence[str], diarizer: Diarizer | None) -> None:
    """Refuse formats that say who speaks when if there is no diarizer.

    Raises:
        UsageError: `rttm` without a diarizer.
    """
    if diarizer is None and "rttm" in formats:
        raise UsageError("the format rttm needs a --diarizer, because it says who speaks when")
