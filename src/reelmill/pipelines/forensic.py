"""The stages that `--forensic` adds: they measure voices, find patterns and score findings."""

from __future__ import annotations

from reelmill.core.notices import announce
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.errors import ModelUnavailableError
from reelmill.models.praat import praat_spec
from reelmill.settings import Settings
from reelmill.stages.forensic.acoustics import MeasureAcoustics
from reelmill.stages.forensic.score_weights import read_weights
from reelmill.stages.forensic.scores import ScoreFindings
from reelmill.stages.forensic.voice_quality import MeasureVoiceQuality

#: Settings that have no effect without `forensic`.
_ONLY_WITH_FORENSIC = ("score_weights",)


def with_forensic(pipeline: Pipeline, settings: Settings) -> Pipeline:
    """The pipeline with the forensic stages that the settings ask for.

    Raises:
        UsageError: a file of weights or patterns is not valid.
        ModelUnavailableError: a named classifier is not available.
    """
    stages = forensic_stages(settings)
    return Pipeline(pipeline.name, [*pipeline.stages, *stages]) if stages else pipeline


def forensic_stages(settings: Settings) -> list[Stage]:
    """The stages that the settings ask for; their order follows from what they need."""
    if not settings.forensic:
        _tell_in_vain(settings)
        return []
    return [*_acoustic_stages(), ScoreFindings(read_weights(settings.score_weights))]


def _tell_in_vain(settings: Settings) -> None:
    """A notice about settings that have no effect. They may be in the user's own file, for runs
    with `forensic`."""
    for name in _ONLY_WITH_FORENSIC:
        if getattr(settings, name):
            announce(f"--{name.replace('_', '-')} has no effect without --forensic")


def _acoustic_stages() -> list[Stage]:
    """Without Praat, what it measures is left out, and a notice and each recording say so."""
    try:
        return [MeasureVoiceQuality(praat_spec()), MeasureAcoustics()]
    except ModelUnavailableError as error:
        announce(str(error))
        return [MeasureAcoustics(unmeasured=(str(error),))]
