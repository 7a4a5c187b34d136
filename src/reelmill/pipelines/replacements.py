"""The table of replacements in a pipeline."""

from __future__ import annotations

from reelmill.artifacts import AlignedTranscript, SpokenTranscript
from reelmill.engine.pipeline import Pipeline
from reelmill.settings import Settings
from reelmill.stages.transcript.replace_words import (
    ReplaceAlignedWords,
    ReplaceSpokenWords,
    ReplaceWords,
)
from reelmill.stages.transcript.word_table import read_table


def with_replacements(pipeline: Pipeline, settings: Settings) -> Pipeline:
    """The pipeline with the user's table applied to its last transcript, so that everything made
    of a transcript follows.

    Raises:
        UsageError: the table cannot be read.
    """
    if settings.replacements is None:
        return pipeline
    made = {stage.produces for stage in pipeline.stages}
    kind = ReplaceWords
    if any(issubclass(one, SpokenTranscript) for one in made):
        kind = ReplaceSpokenWords
    elif any(issubclass(one, AlignedTranscript) for one in made):
        kind = ReplaceAlignedWords
    table = read_table(settings.replacements)
    return Pipeline(pipeline.name, [*pipeline.stages, kind(table=table)])
