"""Run one stage of one recording in this process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from reelmill.artifacts import Artifact
from reelmill.core import gate
from reelmill.core.recording import Recording
from reelmill.engine.stage import Device, FileStage, Inputs, ModelStage, Stage, StageContext
from reelmill.engine.state import artifact_store as store
from reelmill.errors import is_out_of_memory


def run_alone(
    stage: Stage,
    recording: Recording,
    inputs: Inputs,
    device: Device,
    threads: int = 1,
    batch_size: int = 20,
    key: str | None = None,
) -> Artifact:
    """Make a stage's artifact in this process. Its model, if any, is loaded on `device`.

    The model is loaded when the first item arrives; a recording without items needs none. Items are
    batched as they arrive, and batches are halved when memory runs out. `key` is that of the
    result, or None where nobody uses it.

    Raises:
        whatever the stage and its model raise.
    """
    gate.make_folder(recording.folder)
    key = key or store.result_key(store.stage_digest(stage), [recording.id])
    context = StageContext(recording, stage.name, key)
    if isinstance(stage, FileStage):
        return run_file_stage(stage, context, inputs)
    assert isinstance(stage, ModelStage)
    handed: list[Any] = []
    items = split_parts(stage, context, inputs, handed)
    outputs = list(_outputs(stage, items, device, threads, batch_size))
    return stage.merge(replace(context, handed=tuple(handed)), inputs, iter(outputs))


def run_file_stage(stage: FileStage, context: StageContext, inputs: Inputs) -> Artifact:
    """The artifact of a stage without a model, made one part after the other."""
    pieces = [stage.run(part, inputs) for part in _parts(stage, context, inputs)]
    return stage.join(context, inputs, pieces)


def split_parts(
    stage: ModelStage[Any, Any], context: StageContext, inputs: Inputs, handed: list[Any]
) -> Iterator[Any]:
    """The items of all parts, lazily. The value `split` returns for each part is added to
    `handed`."""
    for part in _parts(stage, context, inputs):
        items: Any = stage.split(part, inputs)
        handed.append((yield from items))


def _parts(stage: Stage, context: StageContext, inputs: Inputs) -> list[StageContext]:
    return [replace(context, part=part) for part in stage.parts(context, inputs)]


def _outputs(
    stage: ModelStage[Any, Any], items: Iterator[Any], device: Device, threads: int, size: int
) -> Iterator[Any]:
    model = None
    items = iter(items)
    while batch := list(islice(items, size)):
        if model is None:
            on = device if stage.model.supports(device.kind) else Device("cpu")
            model = stage.model.load(on, threads)
            stage.model.warm_up(model)
        yield from _inferred(stage, model, batch)


def _inferred(stage: ModelStage[Any, Any], model: Any, batch: Sequence[Any]) -> list[Any]:
    try:
        return stage.infer(model, batch)
    except Exception as error:
        if not is_out_of_memory(error) or len(batch) == 1:
            raise
    half = len(batch) // 2
    return _inferred(stage, model, batch[:half]) + _inferred(stage, model, batch[half:])
