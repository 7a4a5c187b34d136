"""The stages that time words, shared by pipelines with a transcript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reelmill.core.notices import announce
from reelmill.engine.stage import Stage
from reelmill.models.alignment.aligners import Chosen, choose_aligners
from reelmill.models.whisper.languages import parse_languages
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.settings import Settings
from reelmill.stages.words.align import Align
from reelmill.stages.words.whisper_times import TimeByWhisper


def word_stages(whisper: WhisperSpec, aligners: Chosen | None) -> list[Stage]:
    """The stages that time words: an aligner if there is one for the language, otherwise the
    recognizer."""
    if aligners is None:
        return []
    languages = tuple(language for language, _ in aligners.spec.models)
    return [
        TimeByWhisper(whisper, aligned=languages),
        Align(aligners.spec, notes=aligners.notes),
    ]


def choose_words(
    settings: Settings, whisper: WhisperSpec, notes: Sequence[str] = ()
) -> Chosen | None:
    """The requested aligners, with `notes` on what is unavailable; None if words get no times."""
    if not settings.align:
        return None
    chosen = choose_aligners(settings.aligner, parse_languages(settings.language), whisper.name)
    for note in chosen.notes:
        announce(note)
    return replace(chosen, notes=(*notes, *chosen.notes))
