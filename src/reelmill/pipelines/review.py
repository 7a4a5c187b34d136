"""The review pages at the end of a pipeline."""

from __future__ import annotations

from pathlib import Path

from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.export.names import SpeakerName
from reelmill.pages.language import page_language
from reelmill.settings import Settings
from reelmill.stages.review.listening import MakeListeningCopies
from reelmill.stages.review.page import WriteReview, WriteSubtitleReview
from reelmill.stages.review.waveform import MakeWaveform
from reelmill.stages.transcript.layers import Layers


def with_review(
    pipeline: Pipeline, settings: Settings, out: Path, names: tuple[SpeakerName, ...] = ()
) -> Pipeline:
    """The pipeline with a page for each recording, and listening copies, as the settings say.

    Args:
        pipeline: of `reelmill voice` or `reelmill subtitle`.
        settings: what the user asked for.
        out: the output folder.
        names: what speakers are called.
    """
    stages: list[Stage] = []
    if settings.listening_copies:
        stages.append(MakeListeningCopies(root=out))
    if settings.pages:
        language = page_language(settings.lang)
        page: Stage = WriteReview(root=out, language=language, names=names, layers=Layers.of(out))
        if pipeline.name == "subtitle":
            page = WriteSubtitleReview(root=out, language=language)
        stages += [MakeWaveform(), page]
    return Pipeline(pipeline.name, [*pipeline.stages, *stages])
