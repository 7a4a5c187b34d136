"""For those who write and test a stage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from reelmill.artifacts import Artifact
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, ModelStage, Stage, StageContext
from reelmill.engine.state.artifact_store import result_key, stage_digest


def context_of(
    recording: Recording,
    stage: Stage | None = None,
    *,
    part: Any = None,
    handed: tuple[Any, ...] = (),
) -> StageContext:
    """What a stage's methods are given, made by hand.

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
    """The items of all parts of a recording, in order, lazily."""
    context = context_of(recording, stage)
    for part in stage.parts(context, inputs):
        yield from stage.split(replace(context, part=part), inputs)


def split_of(
    stage: ModelStage[Any, Any], recording: Recording, inputs: Inputs
) -> tuple[list[Any], tuple[Any, ...]]:
    """The items of all parts of a recording, and what `split` returned for each part."""
    context = context_of(recording, stage)
    found: list[Any] = []
    handed: list[Any] = []
    for part in stage.parts(context, inputs):
        items = stage.split(replace(context, part=part), inputs)
        while True:
            try:
                found.append(next(items))
            except StopIteration as end:
                handed.append(end.value)
                break
    return found, tuple(handed)


def artifact_of(stage: FileStage, recording: Recording, inputs: Inputs) -> Artifact:
    """The artifact of a stage without a model, its parts made one after the other."""
    context = context_of(recording, stage)
    parts = [replace(context, part=part) for part in stage.parts(context, inputs)]
    return stage.join(context, inputs, [stage.run(part, inputs) for part in parts])
