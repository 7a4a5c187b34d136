"""The voice pipeline: from recordings to transcripts."""

from __future__ import annotations

from pathlib import Path

from reelmill.engine.pipeline import Pipeline
from reelmill.export.names import SpeakerName
from reelmill.models.alignment.aligners import Chosen
from reelmill.models.whisper.languages import parse_languages
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.pipelines.diarization import (
    Diarizer,
    KnownPeople,
    require_diarizer,
    speaker_stages,
)
from reelmill.pipelines.recognition import recognition_stages
from reelmill.pipelines.transcript import export_stage
from reelmill.pipelines.words import word_stages
from reelmill.settings import Settings
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.stages.speech.detect_speech import DetectSpeech


def voice_pipeline(
    settings: Settings,
    whisper: WhisperSpec,
    out: Path,
    *,
    aligners: Chosen | None = None,
    diarizer: Diarizer | None = None,
    people: KnownPeople | None = None,
    names: tuple[SpeakerName, ...] = (),
) -> Pipeline:
    """From recordings to exports. Without `aligners`, words get no times."""
    languages = parse_languages(settings.language)
    shown = {
        "model": whisper.name,
        "language": ",".join(languages) or None,
        **({"translate": True} if settings.translate else {}),
        "compute_type": settings.compute_type,
        "beam_size": settings.beam_size,
        **({"temperature": settings.temperature} if settings.temperature else {}),
        **({"second_opinion": True} if settings.second_opinion else {}),
        "initial_prompt": settings.initial_prompt,
        "hotwords": settings.hotwords,
        "aligner": None if aligners is None else aligners.spec.name,
    }
    require_diarizer(settings.formats, diarizer)
    return Pipeline(
        "voice",
        [
            Probe(),
            Decode(track=settings.track, channels=settings.channels, longest=settings.max_duration),
            DetectSpeech(
                threshold=settings.speech_threshold,
                max_speech_seconds=whisper.window_seconds,
                min_silence_ms=settings.speech_silence_ms,
                pad_ms=settings.speech_padding_ms,
            ),
            *recognition_stages(
                settings,
                whisper,
                translate=settings.translate,
                cut_at_pauses=aligners is None,
            ),
            *word_stages(whisper, aligners),
            *speaker_stages(settings, diarizer, people),
            export_stage(
                settings,
                out,
                shown,
                names,
                has_words=aligners is not None,
                models=[whisper, *([] if aligners is None else [aligners.spec])],
            ),
        ],
    )
