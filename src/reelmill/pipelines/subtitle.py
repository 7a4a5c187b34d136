"""The subtitle pipeline: from recordings to subtitles in other languages."""

from __future__ import annotations

from pathlib import Path

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.export.subtitles import parse_style
from reelmill.media.video.encode import Encoding
from reelmill.models.alignment.aligners import Chosen
from reelmill.models.translation.nllb import NllbSpec
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.pipelines.recognition import recognition_stages
from reelmill.pipelines.words import word_stages
from reelmill.settings import Settings
from reelmill.stages.media.decode import Decode
from reelmill.stages.media.probe import Probe
from reelmill.stages.speech.detect_speech import DetectSpeech
from reelmill.stages.subtitles.export import ExportSubtitles
from reelmill.stages.subtitles.layout import LayOut
from reelmill.stages.subtitles.video import Burn, Mux
from reelmill.stages.transcript.layers import Layers
from reelmill.stages.translation.correct_translations import CorrectTranslations
from reelmill.stages.translation.glossary import Glossary, read_glossary
from reelmill.stages.translation.sentences import JoinSentences
from reelmill.stages.translation.translate import Directions, Translate


def subtitle_pipeline(
    settings: Settings,
    whisper: WhisperSpec,
    translator: NllbSpec,
    out: Path,
    *,
    aligners: Chosen | None = None,
) -> Pipeline:
    """From recordings to subtitles. Without `aligners`, words get no times of their own.

    Raises:
        UsageError: settings that cannot be carried out (formats, style, ffmpeg).
    """
    style = parse_style(settings.style)
    stages: list[Stage] = [
        Probe(),
        Decode(track=settings.track, channels=settings.channels, longest=settings.max_duration),
        DetectSpeech(max_speech_seconds=whisper.window_seconds),
        *recognition_stages(settings, whisper, usable=Directions(translator, settings.to)),
        *word_stages(whisper, aligners),
        JoinSentences(layers=Layers.of(out)),
        Translate(
            translator,
            targets=settings.to,
            glossary=read_glossary(settings.glossary) if settings.glossary else Glossary(),
            beam_size=settings.translation_beam,
        ),
        CorrectTranslations(layers=Layers.of(out)),
        LayOut(
            bilingual=settings.bilingual,
            characters_per_line=settings.chars_per_line,
            characters_per_second=settings.reading_speed,
            lines=settings.lines,
            shortest=settings.shortest,
            longest=settings.longest,
            gap=settings.gap,
        ),
        ExportSubtitles(
            root=out, formats=settings.subtitle_formats, style=style, languages=settings.to
        ),
    ]
    if settings.mux:
        stages.append(Mux(root=out, style=style, as_default=settings.mux_default))
    if settings.burn:
        encoding = Encoding(settings.encoder, settings.preset, settings.quality)
        stages.append(Burn(root=out, style=style, encoding=encoding, languages=settings.to))
    return Pipeline("subtitle", stages)
