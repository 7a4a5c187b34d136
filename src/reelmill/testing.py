"""Helpers for writing and testing a stage."""

from __future__ import annotations

import pickle
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from reelmill.artifacts import Artifact
from reelmill.core import gate
from reelmill.core.recording import Recording
from reelmill.engine.execution.local import run_file_stage, split_parts
from reelmill.engine.process import spill
from reelmill.engine.stage import Device, FileStage, Inputs, ModelStage, Stage, StageContext
from reelmill.engine.state.artifact_store import result_key, stage_digest
from reelmill.errors import UsageError


def context_of(
    recording: Recording,
    stage: Stage | None = None,
    *,
    part: Any = None,
    handed: tuple[Any, ...] = (),
) -> StageContext:
    """Create the context that a stage's methods receive.

    Args:
        recording: the recording.
        stage: the stage, whose settings decide the key and so the names of its sidecars; without
            one they are the same for all stages.
        part: one of its parts, for `split` and `run`.
        handed: what `split` returned for each part, for `merge`.
    """
    if stage is None:
        return StageContext(recording, "test", "0" * 64, part, handed)
    key = result_key(stage_digest(stage), [recording.id])
    return StageContext(recording, stage.name, key, part, handed)


def items_of(stage: ModelStage[Any, Any], recording: Recording, inputs: Inputs) -> Iterator[Any]:
    """The items of all parts of a recording, in order, as a lazy iterator."""
    return split_parts(stage, context_of(recording, stage), inputs, [])


def split_of(
    stage: ModelStage[Any, Any], recording: Recording, inputs: Inputs
) -> tuple[list[Any], tuple[Any, ...]]:
    """The items of all parts of a recording, and the value `split` returned for each part."""
    handed: list[Any] = []
    items = list(split_parts(stage, context_of(recording, stage), inputs, handed))
    return items, tuple(handed)


def artifact_of(stage: FileStage, recording: Recording, inputs: Inputs) -> Artifact:
    """Run a stage without a model, one part after the other, and return its artifact."""
    return run_file_stage(stage, context_of(recording, stage), inputs)


class StageFault(AssertionError):
    """A stage breaks a rule that the engine relies on. The message says which rule and how."""


def check_stage(
    stage: Stage, recording: Recording, inputs: Inputs, *, device: Device | None = None
) -> Artifact:
    """Check on one recording that a stage keeps the rules the engine relies on, and return its
    artifact.

    The checks: the stage and its items can be pickled; `parts` and `split` give the same result
    twice; items have a positive cost; outputs are unchanged after a spill file, and do not depend
    on the batch they were inferred in; equal settings give equal keys; the artifact is unchanged
    after JSON, and its sidecars exist.

    Args:
        stage: the stage, as a pipeline would have it.
        recording: what to try it on; its folder is written to.
        inputs: the artifacts that the stage reads.
        device: where its model is loaded; the CPU when not given.

    Returns:
        The artifact.

    Raises:
        StageFault: a promise is broken.
    """
    _check_picklable(stage, f"stage {stage.name}")
    _check_key(stage)
    gate.make_folder(gate.own(recording.folder))
    context = context_of(recording, stage)
    parts, again = stage.parts(context, inputs), stage.parts(context, inputs)
    if list(parts) != list(again):
        raise StageFault(f"stage {stage.name}: parts() returns different parts the second time")
    if isinstance(stage, ModelStage):
        artifact = _checked_inference(stage, recording, inputs, device or Device("cpu"))
    else:
        assert isinstance(stage, FileStage)
        artifact = artifact_of(stage, recording, inputs)
    _check_artifact(stage, recording, artifact)
    return artifact


def _check_picklable(value: object, what: str) -> None:
    try:
        pickle.loads(pickle.dumps(value, protocol=5))
    except Exception as error:
        raise StageFault(f"{what} cannot be sent to another process: {error}") from error


def _check_key(stage: Stage) -> None:
    try:
        digests = {stage_digest(stage), stage_digest(pickle.loads(pickle.dumps(stage)))}
    except UsageError as error:
        raise StageFault(str(error)) from error
    if len(digests) > 1:
        raise StageFault(f"stage {stage.name}: its key changes after pickling")


def _checked_inference(
    stage: ModelStage[Any, Any], recording: Recording, inputs: Inputs, device: Device
) -> Artifact:
    items, handed = split_of(stage, recording, inputs)
    for number, item in enumerate(items):
        what = f"stage {stage.name}: item {number}"
        _check_picklable(item, what)
        if not item.cost > 0:
            raise StageFault(f"{what} costs {item.cost}, not more than 0")
    twice, _ = split_of(stage, recording, inputs)
    if list(map(_bytes_of, items)) != list(map(_bytes_of, twice)):
        raise StageFault(f"stage {stage.name}: split() yields different items the second time")
    outputs = _checked_outputs(stage, items, device) if items else []
    return stage.merge(context_of(recording, stage, handed=handed), inputs, iter(outputs))


def _checked_outputs(
    stage: ModelStage[Any, Any], items: Sequence[Any], device: Device
) -> list[Any]:
    model = stage.model.load(device, 1)
    stage.model.warm_up(model)
    alone = [output for item in items for output in _inferred(stage, model, [item])]
    for arrangement, order in (
        ("with all others", range(len(items))),
        ("in another order", range(len(items) - 1, -1, -1)),
    ):
        together = _inferred(stage, model, [items[at] for at in order])
        for at, output in zip(order, together, strict=True):
            if not _alike(output, alone[at]):
                raise StageFault(
                    f"stage {stage.name}: the output of item {at} depends on its neighbours: "
                    f"alone {_shown(alone[at])}, {arrangement} {_shown(output)}"
                )
    return alone


def _inferred(stage: ModelStage[Any, Any], model: Any, batch: Sequence[Any]) -> list[Any]:
    outputs = stage.infer(model, batch)
    if len(outputs) != len(batch):
        raise StageFault(
            f"stage {stage.name}: infer() gives {len(outputs)} outputs for {len(batch)} items"
        )
    return [_spilled(output, f"stage {stage.name}: an output") for output in outputs]


def _spilled(output: Any, what: str) -> Any:
    """The output as `merge` receives it, which is read from a spill file."""
    try:
        returned = spill.unpack(spill.pack(output))
    except Exception as error:
        raise StageFault(f"{what} cannot go through a spill file: {error}") from error
    if not _alike(returned, output):
        raise StageFault(
            f"{what} is different after a spill file: {_shown(output)} became {_shown(returned)}"
        )
    return returned


def _check_artifact(stage: Stage, recording: Recording, artifact: Artifact) -> None:
    if not isinstance(artifact, stage.produces):
        raise StageFault(
            f"stage {stage.name} produces {stage.produces.__name__}, and made a "
            f"{type(artifact).__name__}"
        )
    missing = [file for file in stage.files(recording, artifact) if not file.exists()]
    if missing:
        raise StageFault(f"stage {stage.name}: {missing[0].name} is named but was not written")
    from pydantic import TypeAdapter

    adapter = TypeAdapter(type(artifact))
    if adapter.validate_json(adapter.dump_json(artifact)) != artifact:
        raise StageFault(f"stage {stage.name}: its artifact is different after JSON")


def _alike(one: Any, other: Any) -> bool:
    """Whether two outputs are equal up to the last digits of numbers, because kernels depend on the
    batch size.
    """
    if isinstance(one, np.ndarray):
        return one.shape == np.shape(other) and bool(
            np.allclose(one, other, rtol=1e-3, atol=1e-4, equal_nan=True)
        )
    if isinstance(one, float):
        return bool(np.isclose(one, other, rtol=1e-3, atol=1e-4, equal_nan=True))
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_alike, one, other))
    if is_dataclass(one) and not isinstance(one, type):
        ours, theirs = _attributes(one), _attributes(other)
        return (
            type(one) is type(other)
            and ours.keys() == theirs.keys()
            and all(_alike(ours[name], theirs[name]) for name in ours)
        )
    return bool(one == other)


def _attributes(value: Any) -> dict[str, Any]:
    """Every attribute: fields in slots, and attributes beside the fields."""
    slots = {field.name: getattr(value, field.name) for field in fields(value)}
    return {**slots, **getattr(value, "__dict__", {})}


def _bytes_of(item: Any) -> bytes:
    return pickle.dumps(item, protocol=5)


def _shown(value: Any) -> str:
    return textwrap.shorten(repr(value), 120)
