"""Voice: recordings to transcripts."""

from __future__ import annotations

from pathlib import Path

from reelmill.engine.pipeline import Pipeline
from reelmill.export.names import SpeakerName
from reelmill.models.decoding import DecodingOptions
from reelmill.models.whisper import WhisperSpec
from reelmill.pipelines.diarization import NetworksDiarizer, speaker_stages
from reelmill.settings import Settings
from reelmill.stages.decode import Decode
from reelmill.stages.export import Export
from reelmill.stages.language import DetectLanguage
from reelmill.stages.probe import Probe
from reelmill.stages.speech import DetectSpeech
from reelmill.stages.transcribe import Transcribe


def voice_pipeline(
    settings: Settings,
    whisper: WhisperSpec,
    out: Path,
    diarizer: NetworksDiarizer | None = None,
    names: tuple[SpeakerName, ...] = (),
) -> Pipeline:
    options = DecodingOptions(
        beam_size=settings.beam_size,
        initial_prompt=settings.initial_prompt,
        hotwords=settings.hotwords,
    )
    shown = {
        "model": whisper.name,
        "language": settings.language,
        "compute_type": settings.compute_type,
        "beam_size": settings.beam_size,
        "initial_prompt": settings.initial_prompt,
        "hotwords": settings.hotwords,
    }
    return Pipeline(
        "voice",
        [
            Probe(),
            Decode(),
            DetectSpeech(max_speech_seconds=whisper.window_seconds),
            DetectLanguage(whisper, language=settings.language),
            Transcribe(whisper, options=options),
            *speaker_stages(settings, diarizer, aligned=False),
            Export(
                root=out,
                formats=settings.formats,
                settings=tuple(shown.items()),
                told="transcript" if diarizer is None else "spoken",
                names=names,
            ),
        ],
    )
