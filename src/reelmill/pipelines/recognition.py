"""The stages from speech to text that pipelines with Whisper share."""

from __future__ import annotations

from reelmill.core.notices import announce
from reelmill.engine.stage import Stage
from reelmill.models.whisper.decoding import DecodingOptions
from reelmill.models.whisper.languages import parse_languages
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.settings import Settings
from reelmill.stages.speech.recognize import Recognize
from reelmill.stages.speech.transcribe import LanguageCheck, Transcribe


def recognition_stages(
    settings: Settings,
    whisper: WhisperSpec,
    *,
    translate: bool = False,
    cut_at_pauses: bool = False,
    usable: LanguageCheck | None = None,
) -> list[Stage]:
    """The stages that recognize speech, and recognize it again where the result is uncertain. A
    notice says which part of the prompts does not fit."""
    options = DecodingOptions(
        task="translate" if translate else "transcribe",
        beam_size=settings.beam_size,
        temperature=settings.temperature,
        initial_prompt=settings.initial_prompt,
        hotwords=settings.hotwords,
    )
    languages = parse_languages(settings.language)
    left_out = tuple(whisper.prompt_left_out(options))
    for line in left_out:
        announce(line)
    return [
        Recognize(whisper, languages, options, cut_at_pauses),
        Transcribe(
            whisper,
            languages,
            options,
            cut_at_pauses,
            second_opinion=_second_opinion(settings, options),
            left_out=left_out,
            usable=usable,
        ),
    ]


def _second_opinion(settings: Settings, options: DecodingOptions) -> bool:
    """As it was asked for, but never in place of the user's own prompt, nor where text is drawn at
    random or written with timestamps."""
    if options.initial_prompt or options.hotwords:
        return False
    return settings.second_opinion and not (options.temperature or options.with_timestamps)
