"""The stages that `--forensic` adds: they measure voices, find patterns and score findings."""

from __future__ import annotations

from pathlib import Path

from reelmill.core.notices import announce
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Stage
from reelmill.models.classifiers.files import classifier_spec
from reelmill.models.whisper.languages import parse_languages
from reelmill.settings import Settings
from reelmill.stages.forensic.acoustics import MeasureAcoustics
from reelmill.stages.forensic.classify_emotion import OPTION as EMOTION_OPTION
from reelmill.stages.forensic.classify_emotion import ClassifyEmotion
from reelmill.stages.forensic.classify_text import OPTION as TEXT_OPTION
from reelmill.stages.forensic.classify_text import ClassifyText
from reelmill.stages.forensic.matching.files import read_patterns, shipped_digest, shipped_languages
from reelmill.stages.forensic.matching.languages import check_files, made_with
from reelmill.stages.forensic.patterns import FindPatterns
from reelmill.stages.forensic.score_weights import read_weights
from reelmill.stages.forensic.scores import ScoreFindings
from reelmill.stages.transcript.layers import Layers

#: Settings that have no effect without `forensic`.
_ONLY_WITH_FORENSIC = ("score_weights", "patterns", "pattern_languages")


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
    classifiers, absent = _classifiers(settings)
    if not settings.forensic:
        _tell_in_vain(settings)
        return classifiers
    weights = read_weights(settings.score_weights)
    stages = [MeasureAcoustics(), pattern_stage(settings), *classifiers]
    layers = Layers.of(settings.out)
    return [*stages, ScoreFindings(weights, absent=absent, layers=layers)]


def _classifiers(settings: Settings) -> tuple[list[Stage], tuple[str, ...]]:
    """The stages of named classifiers, and notes on what is missing because none is named.

    Raises:
        ModelUnavailableError: one that is named is not available.
    """
    stages: list[Stage] = []
    absent: list[str] = []
    if settings.emotion_model is not None:
        spec = classifier_spec(settings.emotion_model, "audio", EMOTION_OPTION, settings.python)
        stages.append(ClassifyEmotion(spec))
    else:
        absent.append(f"speech was not classified by emotion: no {EMOTION_OPTION} is given")
    if settings.text_classifier is not None:
        spec = classifier_spec(settings.text_classifier, "text", TEXT_OPTION, settings.python)
        stages.append(ClassifyText(spec))
    else:
        absent.append(f"text was not classified by a model: no {TEXT_OPTION} is given")
    return stages, tuple(absent)


def _tell_in_vain(settings: Settings) -> None:
    """A notice about settings that have no effect. They may be in the user's own file, for runs
    with `forensic`."""
    for name in _ONLY_WITH_FORENSIC:
        if getattr(settings, name):
            announce(f"--{name.replace('_', '-')} has no effect without --forensic")


def pattern_stage(settings: Settings) -> FindPatterns:
    """The stage that finds patterns, with the user's files.

    Raises:
        UsageError: a pattern file or a language is not valid.
    """
    files = tuple(read_patterns(Path(name)) for name in settings.patterns)
    languages = parse_languages(",".join(settings.pattern_languages), "--pattern-languages")
    check_files(files)
    searched = sorted({*shipped_languages(), *(file.language for file in files)})
    return FindPatterns(
        added=files,
        languages=languages,
        shipped=shipped_digest(),
        analysers=tuple(made_with(language) for language in searched),
        layers=Layers.of(settings.out),
    )
