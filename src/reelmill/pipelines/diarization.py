"""The stages of a voice pipeline that find who speaks when and who said what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reelmill.engine.stage import Stage
from reelmill.errors import UsageError
from reelmill.models.speakers.networks import EncoderSpec, SegmentationSpec
from reelmill.models.speakers.pyannote import PyannoteSpec
from reelmill.settings import Settings
from reelmill.stages.speakers.attribute_speakers import AttributeSpeakers
from reelmill.stages.speakers.clustering import ClusteringOptions
from reelmill.stages.speakers.diarize import Diarize
from reelmill.stages.speakers.diarize_pyannote import DiarizeByPyannote
from reelmill.stages.speakers.embed_speakers import EmbedSpeakers
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


def speaker_stages(settings: Settings, diarizer: Diarizer | None) -> list[Stage]:
    """Stages that produce a `SpokenTranscript`; none without a diarizer."""
    if diarizer is None:
        return []
    return [*diarization_stages(settings, diarizer), AttributeSpeakers()]


def require_diarizer(formats: Sequence[str], diarizer: Diarizer | None) -> None:
    """Refuse formats that say who speaks when if there is no diarizer.

    Raises:
        UsageError: `rttm` without a diarizer.
    """
    if diarizer is None and "rttm" in formats:
        raise UsageError("the format rttm needs a --diarizer, because it says who speaks when")
