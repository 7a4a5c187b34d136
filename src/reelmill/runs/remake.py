"""Makes the files of one recording anew after a person corrected its transcript, without a model
and without running its pipeline."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from reelmill.artifacts import (
    Artifact,
    ExportedFile,
    ReviewPage,
    Sentences,
    Subtitles,
    Transcript,
    Translations,
)
from reelmill.core import gate
from reelmill.core.keys import WRITTEN, Seal, user_key
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, Stage, StageContext
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.adoption import DATABASE
from reelmill.engine.state.run_db import Ledger, Original
from reelmill.errors import UsageError
from reelmill.evidence.paths import Folder
from reelmill.export.files import file_facts
from reelmill.pipelines.registry import stage_class, stage_names
from reelmill.runs.case_folder import CaseFolder, note_stage
from reelmill.runs.index import refresh_index
from reelmill.stages.subtitles.export import ExportSubtitles
from reelmill.stages.transcript.layers import Layers
from reelmill.stages.translation.sentences import JoinSentences


@dataclass(frozen=True)
class Made:
    """A stage's result for a recording, which can be made again."""

    stage: Stage
    path: Path
    recipe: store.Recipe

    def of(self, kind: type[Artifact]) -> Artifact | None:
        """The artifact of a kind that it was made from."""
        return Inputs(self.recipe.inputs).get(kind)


@dataclass(frozen=True)
class Finished:
    """A recording of an output folder with the results that show its transcript, and those that
    show its translations. `spoken`: how the first was made that reads the transcript."""

    out: Path
    recording: Recording
    made: list[Made]
    subtitles: list[Made]
    spoken: store.Recipe

    @property
    def has_subtitles(self) -> bool:
        """Whether `reelmill subtitle` made results of it, which a run has to make again."""
        cache = self.out / gate.CACHE
        return store.named_path(cache, ExportSubtitles.name, self.recording.name).is_file()

    @property
    def inputs(self) -> Inputs:
        """What the first of them reads."""
        return Inputs(self.spoken.inputs)

    @property
    def transcript_key(self) -> str:
        """The key of the machine's transcript."""
        recipe, transcript = self.spoken, self.inputs[Transcript]
        return recipe.keys[next(n for n, one in enumerate(recipe.inputs) if one is transcript)]

    @property
    def command(self) -> str:
        """The command whose results they are."""
        return self.command_of(self.made or self.subtitles)

    def command_of(self, made: Sequence[Made]) -> str:
        """The command whose results some of them are."""
        for one in made:
            for file in one.stage.claims(self.recording.name):
                written = gate.record_of(self.out).latest(file)
                if written is not None:
                    return written.owner.command
        return made[0].stage.commands[0]


def finished_recording(out: Path, name: str) -> Finished:
    """A recording by the name of its results, with all that was made of its transcript.

    Raises:
        UsageError: no such recording, or its results cannot be made again without a run.
        InputError: a result is damaged or not ours.
    """
    seal, cache = user_key().seal, out / gate.CACHE
    original = _original(cache, name, seal)
    results = list(_made(cache, name, seal))
    subtitles = [one for one in results if one.of(Translations) or one.of(Subtitles)]
    made = [one for one in results if one not in subtitles]
    spoken = made[0].recipe if made else _of_sentences(subtitles, seal)
    if original is None or original.before is None or spoken is None:
        raise UsageError(
            f"{name}: no finished transcript with this name in {out}; run `reelmill voice` or "
            "`reelmill subtitle` on the recording first, once more if an earlier version made it"
        )
    state = original.before
    folder = store.recording_folder(cache, state.sha256)
    path = Path(original.beside or original.path)  # a case that was moved as a whole
    return Finished(out, Recording(path, name, folder, state), made, subtitles, spoken)


def _original(cache: Path, name: str, seal: Seal) -> Original | None:
    with contextlib.closing(Ledger(cache / DATABASE, seal)) as ledger:
        originals = ledger.originals().values()
    return next((one for one in originals if one.name == name), None)


def _made(cache: Path, name: str, seal: Seal) -> Iterator[Made]:
    for stage_name in stage_names():
        path = store.named_path(cache, stage_name, name)
        if path.is_file() and (kind := stage_class(stage_name)).corrected:
            recipe = store.read_recipe(path, kind, seal)
            if recipe is not None:
                yield Made(recipe.stage, path, recipe)


def _of_sentences(subtitles: Sequence[Made], seal: Seal) -> store.Recipe | None:
    """How the sentences were made that subtitles show: they read the transcript."""
    for made in subtitles:
        recipe = made.recipe
        for name, artifact in zip(recipe.paths, recipe.inputs, strict=True):
            if isinstance(artifact, Sentences):
                return store.read_recipe(_beside(made.path, name), JoinSentences, seal)
    return None


def _beside(path: Path, name: str) -> Path:
    """The path of what an artifact was made from, by its name in it."""
    return Path(os.path.normpath(path.parent / name))


def remake(case: CaseFolder, finished: Finished, made: Sequence[Made]) -> list[ExportedFile]:
    """Write files of a recording again, with the corrections as they are now, and note it in the
    custody log. What stages found in the text (patterns, scores) is found again first.

    Args:
        case: the output folder, open.
        finished: the recording.
        made: which of its results; of one command.

    Raises:
        NotOursError: a person changed one of the files; it is kept.
        OSError: a file cannot be written.
    """
    written: list[ExportedFile] = []
    if not made:
        return written
    command = finished.command_of(made)
    originals, key = [finished.recording.path], user_key().seal.key_for(WRITTEN)
    with gate.output(case.out, command, originals, key):
        again = _Again(case, finished.recording)
        for one in made:
            result = again.make(one.path, one.recipe)
            written += result.artifact.summary().exported
            if isinstance(result.artifact, ReviewPage):
                row_id = f"{command}/{finished.recording.name}"
                _put_in_index(case, row_id, result.stored, type(result.artifact))
    case.results += written
    return written


def _put_in_index(
    case: CaseFolder, row_id: str, page: store.Stored, kind: type[ReviewPage]
) -> None:
    """Bring the corrected lines into the index page, if it has the recording."""
    files = refresh_index(case.out, user_key().seal, row_id, page, kind)
    if written := [file_facts(case.out, path.relative_to(case.out).as_posix()) for path in files]:
        case.results += written
        case.note("export", results=[asdict(one) for one in written])


@dataclass(frozen=True)
class _Result:
    """A result as it is now."""

    artifact: Artifact
    stored: store.Stored


class _Again:
    """Makes results of one recording again, and before them those they are made from."""

    def __init__(self, case: CaseFolder, recording: Recording) -> None:
        self._case = case
        self._recording = recording
        self._layers = Layers.of(case.out)
        self._seal = user_key().seal
        self._known: dict[Path, _Result] = {}

    def make(self, path: Path, recipe: store.Recipe) -> _Result:
        """Make a result again by its recipe."""
        recording, stage = self._recording, self._current(recipe.stage)
        inputs = [
            self._input(_beside(path, name), key, artifact)
            for name, key, artifact in zip(recipe.paths, recipe.keys, recipe.inputs, strict=True)
        ]
        sources = [one.stored for one in inputs]
        own = stage.own_key(recording)
        name = recording.name if stage.named_outputs else ""
        parts = [name, *(one.key for one in sources), *([own] if own else [])]
        key = store.result_key(store.stage_digest(stage), parts)
        if not stage.named_outputs:
            path = store.artifact_path(recording.folder, stage.name, key)
        context, read = StageContext(recording, stage.name, key), Inputs(i.artifact for i in inputs)
        assert isinstance(stage, FileStage)
        artifact = stage.join(context, read, [stage.run(context, read)])
        saved = store.save(path, stage, key, recording, artifact, self._seal, sources)
        result = _Result(artifact, store.Stored(path, key, recording.id))
        self._note(stage, result, saved)
        return result

    def _input(self, path: Path, key: str, artifact: Artifact) -> _Result:
        """A result that is read: made again if it shows corrections itself."""
        if path not in self._known:
            stored = store.Stored(path, key, self._recording.id)
            kind = stage_class(store.maker_of(stored, self._seal))
            again = kind.corrected and not kind.feeds_models
            recipe = store.read_recipe(path, kind, self._seal) if again else None
            fresh = _Result(artifact, stored) if recipe is None else self.make(path, recipe)
            self._known[path] = fresh
        return self._known[path]

    def _current(self, stage: Stage) -> Stage:
        """The stage with the corrections as they are now, writing where the folder is now."""
        now: dict[str, Any] = {"layers": self._layers, "root": self._case.out}
        return replace(stage, **{name: one for name, one in now.items() if hasattr(stage, name)})

    def _note(self, stage: Stage, result: _Result, saved: store.Saved) -> None:
        case, recording, stored = self._case, self._recording, result.stored
        note_stage(case.chain, case.out, recording, stage, stored.path, saved)
        if exported := result.artifact.summary().exported:
            name = Folder(case.out).name(os.path.abspath(recording.path))
            case.note("export", recording=name, results=[asdict(one) for one in exported])
