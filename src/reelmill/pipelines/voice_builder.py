"""Builds a voice run: checks the settings, and finds or downloads the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reelmill.core.notices import announce
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources.devices import DeviceChoice
from reelmill.errors import UsageError
from reelmill.export.names import SpeakerName
from reelmill.export.transcript import parse_formats
from reelmill.models.alignment.aligners import Chosen
from reelmill.models.files.cache import ModelFiles, resolve
from reelmill.models.files.catalog import choose_whisper
from reelmill.models.whisper.languages import parse_languages
from reelmill.models.whisper.spec import WhisperSpec
from reelmill.pipelines.choices import BuildContext, free_memory_mb, remembered
from reelmill.pipelines.diarization import known_people_of
from reelmill.pipelines.fallbacks import Lacking, choose_diarizer, choose_engine
from reelmill.pipelines.forensic import with_forensic
from reelmill.pipelines.names import speaker_names
from reelmill.pipelines.registry import with_added
from reelmill.pipelines.replacements import with_replacements
from reelmill.pipelines.review import with_review
from reelmill.pipelines.voice import voice_pipeline
from reelmill.pipelines.whisperx import whisperx_pipeline
from reelmill.pipelines.words import choose_words
from reelmill.settings import Settings, load_settings


def voice_settings(given: dict[str, Any]) -> Settings:
    """Load the settings. Raises UsageError for a value that is not valid."""
    settings = load_settings(**given)
    languages = parse_languages(settings.language)
    if settings.translate and settings.engine == "whisperx":
        raise UsageError("--translate needs the default engine; leave out --engine")
    if settings.temperature and settings.engine == "whisperx":
        raise UsageError("--temperature needs the default engine; leave out --engine")
    if settings.second_opinion and settings.engine == "whisperx":
        raise UsageError("--second-opinion needs the default engine; leave out --engine")
    if settings.engine == "whisperx" and len(languages) > 1:
        raise UsageError(
            f"--language {settings.language}: WhisperX takes a single language; give one, leave "
            "out --language to detect it, or leave out --engine"
        )
    return settings


def recognizer_spec(files: ModelFiles, settings: Settings) -> WhisperSpec:
    """The recognizer, checked for the given languages.

    Raises:
        UsageError: it knows English only, and another language was given.
    """
    spec = WhisperSpec.of(files, settings.compute_type)
    languages = parse_languages(settings.language)
    if not spec.multilingual and languages not in ((), ("en",)):
        raise UsageError(
            f"model {spec.name} knows English only, not {', '.join(languages)}: give a "
            "multilingual --model (base, small, large-v3, ...), or leave out --language"
        )
    if settings.translate and (why := spec.why_not_translating):
        raise UsageError(
            f"model {spec.name} cannot translate: {why}; give --model tiny, base, small, medium "
            "or large-v3, or leave out --translate"
        )
    return spec


def build_voice(context: BuildContext) -> Pipeline:
    """Build the stages of `reelmill voice` with their models.

    Raises:
        ModelUnavailableError: the recognizer is not available.
        UsageError: settings that cannot be carried out.
    """
    settings = context.settings
    if vain := _vain_words(settings):
        announce(vain)
    names = speaker_names(settings, context.out)
    pipeline = recognition(context, names, compares_voices=True)
    pipeline = with_forensic(pipeline, settings)
    return with_added(with_review(pipeline, settings, context.out, names), settings)


def recognition(
    context: BuildContext, names: tuple[SpeakerName, ...] = (), *, compares_voices: bool = False
) -> Pipeline:
    """From recordings to transcripts as files, speakers with `names`; `compares_voices`: `--across`
    and `--people` are about voices. Raises as `build_voice`."""
    settings, out = context.settings, context.out
    files = resolve(settings.model or _chosen_model(context.choice, out))
    lacking = Lacking()
    whisperx = choose_engine(settings, files, lacking)
    diarizer = choose_diarizer(settings)
    people = known_people_of(settings, diarizer, out / ".cache") if compares_voices else None
    if whisperx is not None:
        pipeline = whisperx_pipeline(
            settings, whisperx, out, diarizer=diarizer, people=people, names=names
        )
    else:
        spec = recognizer_spec(files, settings)
        pipeline = voice_pipeline(
            settings,
            spec,
            out,
            aligners=_aligners(settings, spec, lacking),
            diarizer=diarizer,
            people=people,
            names=names,
        )
    return with_replacements(pipeline, settings)


def _aligners(settings: Settings, spec: WhisperSpec, lacking: Lacking) -> Chosen | None:
    """What times the words. Those of a translation are spoken nowhere."""
    if settings.translate:
        if "align" in settings.model_fields_set and settings.align:
            announce("--align has no effect with --translate: nobody says these words")
        return None
    return choose_words(settings, spec, lacking.notes)


def _vain_words(settings: Settings) -> str | None:
    """Why `--words` has no effect; None when it has. It does not override the other two options."""
    if settings.words and "vtt" not in parse_formats(settings.formats):
        formats = ",".join(settings.formats)
        return f"--words applies to vtt captions, but --formats {formats} has no vtt: add it"
    if settings.words and not settings.align:
        return "--words has no effect with --no-align: without word times the vtt is plain"
    return None


def _chosen_model(choice: DeviceChoice, out: Path) -> str:
    def choose() -> str:
        chosen = choose_whisper(free_memory_mb(choice), str(choice.devices[0]))
        announce(f"model {chosen.reason}")
        return chosen.name

    return remembered(out, "model", choose)
