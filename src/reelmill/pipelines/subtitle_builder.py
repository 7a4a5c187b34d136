"""Builds a subtitle run: checks the settings, and finds or downloads the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reelmill.core.notices import announce
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources.devices import DeviceChoice
from reelmill.errors import UsageError
from reelmill.models.files.cache import resolve
from reelmill.models.files.catalog import choose_for_subtitles
from reelmill.models.translation.flores import flores_code
from reelmill.models.translation.nllb import NllbSpec
from reelmill.models.translation.translators import resolve_translator
from reelmill.models.whisper.languages import parse_languages
from reelmill.pipelines.choices import NOT_ASKED, BuildContext, free_memory_mb, remembered
from reelmill.pipelines.registry import with_added
from reelmill.pipelines.replacements import with_replacements
from reelmill.pipelines.review import with_review
from reelmill.pipelines.subtitle import subtitle_pipeline
from reelmill.pipelines.voice_builder import recognizer_spec
from reelmill.pipelines.words import choose_words
from reelmill.settings import Settings, load_subtitle_settings
from reelmill.stages.translation.translate import Directions

#: The spoken language is detected for each recording.
AUTO = "auto"


def subtitle_settings(given: dict[str, Any]) -> Settings:
    """Load the settings.

    Raises:
        UsageError: a value that does not fit, or a language that a model does not have.
    """
    if given.get("language") == AUTO:
        given = {**given, "language": None}
    settings = load_subtitle_settings(**given)
    parse_languages(settings.language)
    for code in settings.to:
        flores_code(code, "--to")
    if len(set(settings.to)) < len(settings.to):
        raise UsageError(f"--to {','.join(settings.to)}: give each language only once")
    if settings.longest < settings.shortest:
        raise UsageError("--longest must not be less than --shortest")
    return settings


def build_subtitle(context: BuildContext) -> Pipeline:
    """Build the stages of `reelmill subtitle` with their models.

    Raises:
        ModelUnavailableError: a model is not available.
        InputError: the translator cannot translate the language given into one of the targets.
        UsageError: settings that cannot be carried out.
    """
    settings = context.settings
    recognizer, translator = _models(settings, context.choice, context.out)
    nllb = _translator(translator, settings)
    files = resolve(recognizer)
    whisper = recognizer_spec(files, settings)
    aligners = choose_words(settings, whisper)
    pipeline = subtitle_pipeline(settings, whisper, nllb, context.out, aligners=aligners)
    pipeline = with_replacements(pipeline, settings)
    return with_added(with_review(pipeline, settings, context.out), settings)


def _translator(name: str, settings: Settings) -> NllbSpec:
    """The translator, checked for the languages that are known already.

    Raises:
        InputError: it cannot translate the language given into one of the targets.
        ModelUnavailableError: it is not available.
    """
    if name == NOT_ASKED:
        return NllbSpec(Path(), NOT_ASKED, "", Path())
    spec = resolve_translator(name, settings.compute_type)
    for language in parse_languages(settings.language):
        Directions(spec, settings.to).check(language)
    return spec


def _models(settings: Settings, choice: DeviceChoice, out: Path) -> tuple[str, str]:
    """The given model names, or those that fit the free memory. A choice is kept for the folder."""
    recognizer, translator = choose_for_subtitles(free_memory_mb(choice), str(choice.devices[0]))

    def chosen(setting: str | None, what: str, name: str, reason: str) -> str:
        def choose() -> str:
            announce(f"{what} {reason}")
            return name

        return setting or remembered(out, f"subtitle {what}", choose)

    return (
        chosen(settings.model, "recognizer", recognizer.name, recognizer.reason),
        chosen(settings.translator, "translator", translator.name, translator.reason),
    )
