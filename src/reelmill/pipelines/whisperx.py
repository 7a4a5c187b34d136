"""The whisperx pipeline: from recordings to transcripts by WhisperX's recognizer and aligner."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.export.names import SpeakerName
from reelmill.models.whisper.languages import parse_languages
from reelmill.models.whisperx.whisperx import WhisperXAlignerSpec, WhisperXSpec
from reelmill.pipelines.diarization import (
    Diarizer,
    KnownPeople,
    require_diarizer,
    speaker_stages,
)
from reelmill.pipelines.transcript import export_stage
from reelmill.settings import Settings
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.stages.speech.detect_speech import DetectSpeech
from reelmill.stages.speech.transcribe_whisperx import TranscribeByWhisperX
from reelmill.stages.words.align_whisperx import AlignByWhisperX


@dataclass(frozen=True)
class WhisperX:
    """WhisperX's models. Without an `aligner`, words get no times."""

    recognizer: WhisperXSpec
    aligner: WhisperXAlignerSpec | None


def whisperx_pipeline(
    settings: Settings,
    whisperx: WhisperX,
    out: Path,
    *,
    diarizer: Diarizer | None = None,
    people: KnownPeople | None = None,
    names: tuple[SpeakerName, ...] = (),
) -> Pipeline:
    """From recordings to exports."""
    recognizer, aligner = whisperx.recognizer, whisperx.aligner
    languages = parse_languages(settings.language)
    stages: list[Stage] = [
        Probe(),
        Decode(track=settings.track, channels=settings.channels, longest=settings.max_duration),
        DetectSpeech(),
        TranscribeByWhisperX(recognizer, language=next(iter(languages), None)),
    ]
    if aligner is not None:
        stages.append(AlignByWhisperX(aligner))
    shown = {
        "engine": f"WhisperX {recognizer.version}",
        "model": recognizer.name,
        "language": next(iter(languages), None),
        "compute_type": settings.compute_type,
        "beam_size": settings.beam_size,
        "initial_prompt": settings.initial_prompt,
        "hotwords": settings.hotwords,
        "aligner": None if aligner is None else aligner.name,
    }
    require_diarizer(settings.formats, diarizer)
    return Pipeline(
        "voice",
        [
            *stages,
            *speaker_stages(settings, diarizer, people),
            export_stage(
                settings,
                out,
                shown,
                names,
                has_words=aligner is not None,
                models=[recognizer, *([] if aligner is None else [aligner])],
            ),
        ],
    )
