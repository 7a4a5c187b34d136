"""The end of a pipeline that makes transcripts: how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reelmill.export.transcript.names import SpeakerName
from reelmill.pipelines.captions import lingering
from reelmill.settings import Settings
from reelmill.stages.transcript.export import Export


def export_stage(
    settings: Settings,
    out: Path,
    shown: Mapping[str, object],
    names: tuple[SpeakerName, ...],
    *,
    has_words: bool,
) -> Export:
    """The export of transcripts.

    Args:
        settings: what the user asked for.
        out: the output folder.
        shown: the settings that are written into results.
        names: what speakers are called.
        has_words: whether the pipeline finds the time of each word.
    """
    return Export(
        characters_per_line=settings.chars_per_line,
        lines=settings.lines,
        longest=settings.longest,
        lingering=lingering(settings),
        inaudible=settings.inaudible,
        events=settings.events,
        root=out,
        formats=settings.formats,
        settings=tuple(shown.items()),
        names=names,
        words=settings.words and has_words,
    )
