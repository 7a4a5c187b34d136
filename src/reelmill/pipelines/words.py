"""When each word is said: the stages that pipelines with a transcript get for it."""

from __future__ import annotations

from reelmill.engine.stage import Stage
from reelmill.models.alignment.aligners import Chosen
from reelmill.models.whisper.whisper import WhisperSpec
from reelmill.stages.words.align import Align
from reelmill.stages.words.whisper_times import TimeByWhisper


def word_stages(whisper: WhisperSpec, aligners: Chosen | None) -> list[Stage]:
    """What times the words: an aligner where the language has one, else the recognizer."""
    if aligners is None:
        return []
    languages = tuple(language for language, _ in aligners.spec.models)
    return [
        TimeByWhisper(whisper, aligned=languages),
        Align(aligners.spec, notes=aligners.notes),
    ]
