"""What each command does: settings to pipeline to what is said at the end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reelmill.commands.terminal import observing
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources.devices import DeviceChoice
from reelmill.errors import UsageError
from reelmill.export.transcript import parse_formats
from reelmill.export.transcript.names import SpeakerName, parse_names, recordings_named
from reelmill.models.alignment.aligners import Chosen, choose_aligners, fetch_aligner
from reelmill.models.faces.files import DOWNLOAD_MB, VGGFACE2, face_spec, here
from reelmill.models.files.cache import list_models, pull, resolve
from reelmill.models.files.catalog import choose_whisper, guess_kind
from reelmill.models.translation.translators import resolve_translator
from reelmill.models.whisper.languages import LANGUAGES
from reelmill.models.whisper.whisper import WhisperSpec
from reelmill.pipelines.fallbacks import Lacking, choose_diarizer, choose_engine
from reelmill.pipelines.voice import voice_pipeline
from reelmill.pipelines.whisperx import whisperx_pipeline
from reelmill.runs.run import (
    EXIT_DONE,
    EXIT_SOME_FAILED,
    MakePipeline,
    free_memory_mb,
    remember,
    remembered,
    run_command,
    tell,
)
from reelmill.settings import Settings, load_settings

#: `reelmill models pull aligner:ko`.
_ALIGNER_PREFIX = "aligner:"
#: `reelmill models pull faces:vggface2`.
_FACES_PREFIX = "faces:"


def run_voice(
    inputs: Sequence[Path], given: dict[str, Any], *, fresh: bool, quiet: bool, as_json: bool
) -> int:
    """`reelmill voice`; returns the exit code."""
    settings = voice_settings(given)
    with observing(quiet=quiet, as_json=as_json) as observer:
        outcome = run_command(
            inputs,
            settings,
            voice_maker,
            observer,
            fresh=fresh,
            remarks=partial(_named_in_vain, settings),
        )
    tell(outcome, quiet=quiet, as_json=as_json)
    return outcome.exit_code


def _named_in_vain(settings: Settings, paths: Iterable[Path]) -> Iterator[str]:
    there = {path.name for path in paths}
    for name in recordings_named(parse_names(settings.names)):
        if name not in there:
            yield f"--names {name}: no recording of this call has that file name"


def voice_settings(given: dict[str, Any]) -> Settings:
    """The settings in force. Raises UsageError for a value that does not fit."""
    settings = load_settings(**given)
    check_language(settings.language)
    return settings


def check_language(language: str | None) -> None:
    """Raises UsageError before any work is done for a language that Whisper does not have."""
    if language is not None and language not in LANGUAGES:
        raise UsageError(
            f"--language {language}: not one of Whisper's languages; give a code such as ko, en, "
            f"ja: {', '.join(sorted(LANGUAGES))}"
        )


def voice_maker(say: Callable[[str], None]) -> MakePipeline:
    """What makes the pipeline once the device is known; `say` is told which model, and why."""

    def make(settings: Settings, choice: DeviceChoice, out: Path) -> Pipeline:
        if vain := _vain_words(settings):
            say(vain)
        files = resolve(settings.model or _chosen_model(choice, out, say), notify=say)
        names = speaker_names(settings, out)
        lacking = Lacking(say)
        whisperx = choose_engine(settings, files, lacking, say)
        diarizer = choose_diarizer(settings, say)
        if whisperx is not None:
            return whisperx_pipeline(settings, whisperx, out, diarizer=diarizer, names=names)
        spec = WhisperSpec.of(files, settings.compute_type)
        return voice_pipeline(
            settings,
            spec,
            out,
            aligners=choose_words(settings, spec, say, lacking.notes),
            diarizer=diarizer,
            names=names,
        )

    return make


def _vain_words(settings: Settings) -> str | None:
    """Why `--words` comes to nothing, where it does: it overrules neither of the two."""
    if settings.words and "vtt" not in parse_formats(settings.formats):
        formats = ",".join(settings.formats)
        return f"--words changes vtt captions, and --formats {formats} has none: add vtt to it"
    if settings.words and not settings.align:
        return "--words lights up nothing with --no-align: words without times get a plain vtt"
    return None


def speaker_names(settings: Settings, out: Path) -> tuple[SpeakerName, ...]:
    """The names given now and before: whoever was named stays named in this output folder.

    Raises UsageError for a name that is not written as one.
    """
    given = parse_names(settings.names)
    known = [SpeakerName(*entry) for entry in json.loads(remembered(out, "names", lambda: "[]"))]
    merged = {(one.recording, one.label): one for one in (*known, *given)}
    if given:
        remember(out, "names", json.dumps([astuple(one) for one in merged.values()]))
    return tuple(merged.values())


def choose_words(
    settings: Settings, whisper: WhisperSpec, say: Callable[[str], None], notes: Sequence[str] = ()
) -> Chosen | None:
    """The aligners that the settings ask for, with `notes` on what else the run goes without; None
    when words shall get no times."""
    if not settings.align:
        return None
    chosen = choose_aligners(settings.aligner, settings.language, whisper.name, notify=say)
    for note in chosen.notes:
        say(note)
    return replace(chosen, notes=(*notes, *chosen.notes))


def _chosen_model(choice: DeviceChoice, out: Path, say: Callable[[str], None]) -> str:
    def choose() -> str:
        chosen = choose_whisper(free_memory_mb(choice), str(choice.devices[0]))
        say(f"model {chosen.reason}")
        return chosen.name

    return remembered(out, "model", choose)


def run_verify(out: Path) -> int:
    """`reelmill verify`: 0 when all is as recorded."""
    from reelmill.evidence.verify import runs_in, verify

    worst, folders = EXIT_DONE, runs_in(out)
    for folder in folders:
        verification = verify(folder)
        if len(folders) > 1:
            print(folder)
        print("\n".join(verification.lines()))
        worst = max(worst, verification.exit_code)
    return worst


def run_doctor(out: Path) -> int:
    """`reelmill doctor`: 0 when nothing is in the way."""
    from reelmill.commands.doctor import diagnose

    marks = {"ok": "[green]ok[/]", "warn": "[yellow]note[/]", "fail": "[red]FAIL[/]"}
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    checks = diagnose(out)
    for check in checks:
        remedy = f"\n-> {check.remedy}" if check.remedy else ""
        table.add_row(Text.from_markup(marks[check.status]), check.name, check.found + remedy)
    Console().print(table)
    return EXIT_SOME_FAILED if any(check.status == "fail" for check in checks) else EXIT_DONE


def run_models_list() -> int:
    """`reelmill models list`."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in ("model", "kind", "here", "GPU memory", "CPU memory", "note", "where"):
        table.add_column(title, no_wrap=title in {"model", "kind"})
    for entry in list_models():
        size = f"{entry.size_mb:,.0f} MB" if entry.path else f"no ({entry.download_mb:,} MB)"
        table.add_row(
            entry.name,
            entry.kind,
            size,
            f"{entry.cuda_mb:,} MB" if entry.cuda_mb else "",
            f"{entry.cpu_mb:,} MB" if entry.cpu_mb else "",
            entry.note,
            Text(str(entry.path or entry.source), overflow="fold"),
        )
    faces = here()
    table.add_row(
        f"{_FACES_PREFIX}{VGGFACE2}",
        "faces",
        f"{faces.stat().st_size / 1e6:,.0f} MB" if faces else f"no ({DOWNLOAD_MB} MB)",
        "",
        "",
        "tells faces apart",
        Text(str(faces or "facenet-pytorch"), overflow="fold"),
    )
    Console().print(table)
    return EXIT_DONE


def run_models_pull(name: str) -> int:
    """`reelmill models pull`."""

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    if name.startswith(_ALIGNER_PREFIX):
        path = fetch_aligner(name.removeprefix(_ALIGNER_PREFIX), notify=say).path
    elif name.startswith(_FACES_PREFIX):
        path = face_spec(name.removeprefix(_FACES_PREFIX), say).path
    elif guess_kind(name) == "translator":
        path = resolve_translator(name, notify=say).path
    else:
        path = pull(name, notify=say).path
    print(f"{name}: {path}")
    return EXIT_DONE
