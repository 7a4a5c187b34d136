"""`reelmill stage`: run one stage alone, from the results of earlier stages."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from reelmill.artifacts import Artifact
from reelmill.commands.exit_codes import EXIT_DONE, EXIT_SOME_FAILED
from reelmill.core import gate
from reelmill.core.cores import usable_cores
from reelmill.core.keys import WRITTEN, user_key
from reelmill.core.notices import heard_by
from reelmill.core.recording import Recording, read_state
from reelmill.engine.execution.local import run_alone
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.resources import policy
from reelmill.engine.resources.devices import choose_devices
from reelmill.engine.resources.monitor import NvmlDevices
from reelmill.engine.stage import Inputs, ModelStage, Need, Stage
from reelmill.engine.state import artifact_store as store
from reelmill.engine.state.adoption import check_private
from reelmill.engine.state.lock import FolderLock
from reelmill.engine.state.run_db import Ledger, Original
from reelmill.errors import ForeignFolderError, InputError, ReelmillError, UsageError, reason
from reelmill.evidence.custody.chain import Chain, head
from reelmill.evidence.record import recorded_head
from reelmill.models.alignment.aligners import NONE
from reelmill.models.faces.detectors import DEFAULT as DEFAULT_DETECTOR
from reelmill.models.faces.files import DEFAULT as DEFAULT_IDENTITY
from reelmill.models.files.catalog import DEMO
from reelmill.pipelines.choices import NOT_ASKED, BuildContext
from reelmill.pipelines.registry import stage_class, stage_names
from reelmill.runs.case_folder import note_stage
from reelmill.runs.task import TASK_NAMES, task_named
from reelmill.settings import Settings, settings_from_pairs

#: Placeholders for models that a stage does not depend on. They are neither looked for nor fetched.
_NOT_ASKED = {
    "model": DEMO,
    "translator": NOT_ASKED,
    "aligner": NONE,
    "identity": DEFAULT_IDENTITY,
    "detector": DEFAULT_DETECTOR,
}
_CACHE = ".cache"


@dataclass(frozen=True)
class Given:
    """An artifact on disk, with the facts in its envelope."""

    path: Path
    schema: str
    key: str
    source: Path
    sha256: str
    #: Made with the user's key and unchanged since.
    is_ours: bool


def run_stage_command(
    name: str,
    files: Sequence[Path],
    command: str | None,
    named: dict[str, Any],
    pairs: Sequence[str],
) -> int:
    """`reelmill stage`: list the stages or run one of them; return the exit code.

    Raises:
        UsageError: as `run_stage`; no file; a pair that is not `name=value`.
    """
    if name == "list":
        print("\n".join(stage_lines()))
        return EXIT_DONE
    given = settings_from_pairs(pairs)
    if not files:
        raise UsageError(f"stage {name}: give the result of an earlier stage, or the recording")
    return run_stage(name, files, command, {**given, **_said(named)})


def run_stage(name: str, files: Sequence[Path], command: str | None, given: dict[str, Any]) -> int:
    """`reelmill stage NAME FILE...`; returns the exit code.

    Raises:
        UsageError: no such stage, or an artifact it reads is missing or ambiguous.
    """
    enabled_by = stage_class(name).enabled_by
    given = {**dict([enabled_by] if enabled_by else []), **_said(given)}
    artifacts = [found for file in files if (found := read_given(file))]
    out = _results_folder(given.get("out"), files[0], bool(artifacts))
    stage, pipeline, settings = find_stage(name, command, {**given, "out": out})
    makers = pipeline.makers(stage)
    if bool(makers) != bool(artifacts):
        wanted = "the files of the stages before it" if makers else "the recording itself"
        raise UsageError(f"stage {name}: give {wanted}")
    with _opened(out, pipeline.name, files[0], artifacts), _locked(out):
        recording = _recording(files[0], artifacts, out)
        sources = list(_sources(stage, makers, artifacts, recording.folder))
        try:
            path, artifact = _make(stage, settings, recording, sources)
        except UsageError:
            raise
        except ReelmillError as error:
            _say(f"reelmill: {error}")
            return EXIT_SOME_FAILED
    print(path)
    for written in artifact.summary().exported:
        print(out / written.path)
    return EXIT_DONE


def stage_lines() -> list[str]:
    """Every installed stage: its commands, what it reads and produces, and what it does."""
    lines = []
    for name in stage_names():
        kind = stage_class(name)
        reads = ", ".join(_need_words(need) for need in kind.needs) or "(the recording)"
        enabled = f" [{'='.join(map(str, kind.enabled_by))}]" if kind.enabled_by else ""
        lines.append(f"{name:20} {','.join(kind.commands):21} {kind.display_name}{enabled}")
        lines.append(f"{'':20} {'':21} {reads} -> {kind.produces.__name__}")
    return lines


def _need_words(need: type[Artifact] | Need) -> str:
    if not isinstance(need, Need):
        return need.__name__
    return need.kind.__name__ if need.how == "exactly" else f"{need.how} {need.kind.__name__}"


def find_stage(
    name: str, command: str | None, given: dict[str, Any]
) -> tuple[Stage, Pipeline, Settings]:
    """Build a stage as a command with these settings would, and its pipeline.

    Raises:
        UsageError: no command, or not this one, has such a stage.
    """
    if command is not None and command not in TASK_NAMES:
        raise UsageError(f"--of {command}: give one of {', '.join(TASK_NAMES)}")
    kind = stage_class(name)
    for candidate in [command] if command else kind.commands:
        settings = task_named(candidate).settings(_settings_for(kind, given))
        with heard_by(_say):
            pipeline = _built(candidate, settings)
        for stage in pipeline.stages:
            if stage.name == name:
                return stage, pipeline, settings
    asked = ", ".join([command] if command else kind.commands) or "any command"
    raise UsageError(
        f"stage {name}: {asked} does not have it with these settings; "
        "add the stage (--set stages=NAME), or give the setting that `reelmill stage list` shows "
        "for it"
    )


def _settings_for(kind: type[Stage], given: dict[str, Any]) -> dict[str, Any]:
    """The given settings, with placeholders for models that the stage does not depend on."""
    not_asked = {name: value for name, value in _NOT_ASKED.items() if name not in kind.models}
    enabled_by = dict([kind.enabled_by] if kind.enabled_by else [])
    return {**_said(given), **not_asked, **enabled_by}


def read_given(path: Path) -> Given | None:
    """Read the envelope of an artifact file; None when the file is something else.

    Raises:
        UsageError: the file is not there.
    """
    if not path.is_file():
        raise UsageError(f"{path}: not found; give a file of {_CACHE}/artifacts, or a recording")
    if path.suffix != ".json":
        return None
    try:
        envelope = json.loads(path.read_bytes().decode("utf-8", "surrogateescape"))
        recording = envelope["recording"]
        return Given(
            path,
            str(envelope["schema"]),
            str(envelope["key"]),
            Path(recording["path"]),
            str(recording["sha256"]),
            store.is_ours(path, user_key().seal),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            f"{path}: JSON, but not the result of a stage ({reason(error)})"
        ) from error


def _make(
    stage: Stage,
    settings: Settings,
    recording: Recording,
    found: Sequence[tuple[Given, type[Artifact]]],
) -> tuple[Path, Artifact]:
    if isinstance(stage, ModelStage) and stage.model.python is not None:
        raise UsageError(
            f"stage {stage.name} run alone uses this environment, but its model is in that of "
            f"{stage.model.python}; run the whole command, or install its library here"
        )
    sources, kinds = [one for one, _ in found], [kind for _, kind in found]
    read = [store.load_named(one.path, kind) for one, kind in found]
    _check_whole(sources, read, recording.folder)
    _check_ours(sources, kinds)
    inputs = Inputs(read)
    device = choose_devices(settings.device, NvmlDevices().sample(())).devices[0]
    threads = settings.threads or policy.worker_threads(usable_cores(), 1)
    name = recording.name if stage.named_outputs else ""
    keys = [_key(source) for source in sources] or [recording.id]
    own = stage.own_key(recording)
    key = store.result_key(store.stage_digest(stage), [name, *keys, *([own] if own else [])])
    artifact = run_alone(stage, recording, inputs, device, threads, settings.batch_size, key)
    cache = settings.out / _CACHE
    named = stage.named_outputs and cache.is_dir()
    path = (
        store.named_path(cache, stage.name, recording.name)
        if named
        else store.artifact_path(recording.folder, stage.name, key)
    )
    stored = [
        store.Stored(one.path, key, recording.id) for one, key in zip(sources, keys, strict=False)
    ]
    saved = store.save(path, stage, key, recording, artifact, user_key().seal, stored)
    if path.is_relative_to(settings.out) and head(settings.out) is not None:
        chain = Chain(settings.out, user_key().seal, recorded_head(settings.out))
        note_stage(chain, settings.out, recording, stage, path, saved)
        chain.close()
    if isinstance(stage, ModelStage):
        _say(f"{stage.name}: {stage.model.display_name} on {device}")
    return path, artifact


def _check_ours(given: Sequence[Given], kinds: Sequence[type[Artifact]]) -> None:
    """Check our own files, and tell the user which of the given files are not ours.

    Raises:
        NotTrustedError: a file beside one of ours was changed.
    """
    for one, kind in zip(given, kinds, strict=True):
        if one.is_ours:
            store.load(store.Stored(one.path, one.key, one.sha256), kind, user_key().seal)
        else:
            _say(f"{one.path}: not made with your key, or changed since; used because you named it")


def _key(source: Given) -> str:
    """The key of an input. For a file that is not ours it includes the content, so that no later
    run takes results made from it for its own work."""
    if source.is_ours:
        return source.key
    content = hashlib.sha256(source.path.read_bytes()).hexdigest()
    return store.result_key("named by the user", [source.key, content])


def _check_whole(given: Sequence[Given], read: Sequence[Artifact], folder: Path) -> None:
    """Raise UsageError when a file beside an artifact is gone, such as audio or parts of clips."""
    for one, artifact in zip(given, read, strict=True):
        for name in artifact.sidecars():
            if not (folder / name).exists():
                maker = one.path.stem.rpartition("-")[0]
                raise UsageError(
                    f"{one.path}: {name} beside it is gone, because a finished recording does "
                    f"not keep it; run stage {maker} again"
                )


def _sources(
    stage: Stage, makers: Sequence[Stage], artifacts: Sequence[Given], folder: Path
) -> Iterator[tuple[Given, type[Artifact]]]:
    """The artifact that each maker made for the stage, and its type: one given, or the only one
    beside those given."""
    beside = cache(lambda: list(_artifacts_in(folder)))
    for maker in makers:
        yield _source(stage, _kinds(maker), artifacts, folder, beside)


def _source(
    stage: Stage,
    kinds: Sequence[type[Artifact]],
    artifacts: Sequence[Given],
    folder: Path,
    beside: Callable[[], list[Given]],
) -> tuple[Given, type[Artifact]]:
    for kind in kinds:
        schema = f"reelmill/{kind.schema}"
        found = [one for one in artifacts if one.schema == schema]
        if not found:
            found = [one for one in beside() if one.schema == schema]
            if len(found) == 1:
                _say(f"reading {found[0].path}")
        if len(found) == 1:
            return found[0], kind
        if found:
            files = " or ".join(str(one.path) for one in found)
            raise UsageError(
                f"stage {stage.name} reads one {kind.__name__}, and there are several: give {files}"
            )
    raise UsageError(
        f"stage {stage.name} reads a {kind.__name__} ({kind.schema}), but none was given and "
        f"{folder} has none of yours; first run the stage that makes it (`reelmill stage list`)"
    )


def _kinds(maker: Stage) -> list[type[Artifact]]:
    """What serves as the artifact of a stage: where people corrected nothing, the machine's."""
    needs = [need.kind if isinstance(need, Need) else need for need in maker.needs]
    machines = [kind for kind in needs if maker.corrected and issubclass(maker.produces, kind)]
    return [maker.produces, *machines]


def _artifacts_in(folder: Path) -> Iterator[Given]:
    for path in sorted(folder.glob("*.json")):
        with contextlib.suppress(UsageError):  # JSON that is not an artifact
            if (found := read_given(path)) and found.is_ours:
                yield found


def _recording(file: Path, artifacts: Sequence[Given], out: Path) -> Recording:
    """The recording that the artifacts were made from, or that was given itself.

    Raises:
        UsageError: the artifacts belong to several recordings, or the recording is gone or has
            changed.
        InputError: the recording cannot be read.
    """
    if len({one.sha256 for one in artifacts}) > 1:
        raise UsageError("the files given are about different recordings; give those of one")
    source = Path(os.path.abspath(artifacts[0].source if artifacts else file))
    known = _known(out, source)
    name = known.name if known else source.stem
    try:
        state = read_state(source)
    except InputError as error:
        if known is None or known.before is None:
            raise UsageError(f"{error} (the recording that {file} was made from)") from error
        state = known.before
    if artifacts and state.sha256 != artifacts[0].sha256:
        raise UsageError(
            f"{source}: has changed since {file} was made from it; run the whole command again"
        )
    folder = Path(os.path.abspath(file)).parent
    if not artifacts:
        folder = store.recording_folder(out / _CACHE, state.sha256)
    return Recording(source, name, folder, state)


def _known(out: Path, source: Path) -> Original | None:
    """The entry for a recording in the ledger of a results folder; None when there is none."""
    ledger = out / _CACHE / "ledger.sqlite"
    if not ledger.is_file():
        return None
    try:
        with contextlib.closing(Ledger(ledger, user_key().seal)) as opened:
            return opened.originals().get(str(source))
    except ForeignFolderError:
        return None  # names given by a ledger with another key do not matter here


def _results_folder(given: Path | None, file: Path, is_artifact: bool) -> Path:
    """The folder for results: the given one, else that of the cache around the file, else the
    file's own."""
    if given is not None:
        return Path(os.path.abspath(given))
    path = Path(os.path.abspath(file))
    for parent in path.parents:
        if is_artifact and parent.name == _CACHE:
            return parent.parent
    return path.parent if is_artifact else Path(os.path.abspath("analysis-results"))


@contextlib.contextmanager
def _opened(out: Path, command: str, file: Path, artifacts: Sequence[Given]) -> Iterator[None]:
    """Open the results folder and the folders of the given artifacts for writing."""
    originals = [one.source for one in artifacts] or [file]
    with contextlib.ExitStack() as opened:
        for folder in {out, *(_results_folder(None, one.path, True) for one in artifacts)}:
            key = user_key().seal.key_for(WRITTEN)
            opened.enter_context(gate.output(folder, command, originals, key))
            if (folder / _CACHE).is_dir():
                check_private(folder / _CACHE)
        yield


@contextlib.contextmanager
def _locked(out: Path) -> Iterator[None]:
    """Hold the folder's lock, so that no other run works in it meanwhile."""
    cache = out / _CACHE
    if not cache.is_dir():
        yield
        return
    lock = FolderLock(cache / "lock")
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _built(command: str, settings: Settings) -> Pipeline:
    choice = choose_devices(settings.device, NvmlDevices().sample(()))
    # choices that earlier runs made are kept in the folder of results, and read while building
    with gate.output(settings.out, command, [], user_key().seal.key_for(WRITTEN)):
        return task_named(command).build(BuildContext(settings, choice, settings.out))


def _said(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _say(line: str) -> None:
    print(line, file=sys.stderr)
