"""One stage of one recording, here and now: no other process, no other recording."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from reelmill.artifacts import Artifact
from reelmill.core import gate
from reelmill.core.recording import Recording
from reelmill.engine.stage import Device, FileStage, Inputs, ModelStage, Stage
from reelmill.errors import is_out_of_memory


def run_alone(
    stage: Stage,
    recording: Recording,
    inputs: Inputs,
    device: Device,
    threads: int = 1,
    batch_size: int = 20,
) -> Artifact:
    """Make a stage's artifact in this process, a model loaded on `device` if it has one.

    The model is loaded when the first item is there: a recording without items needs none.
    Items of one recording are batched as they come; when memory runs out, batches are halved.

    Raises:
        whatever the stage and its model raise.
    """
    gate.make_folder(recording.folder)
    if isinstance(stage, FileStage):
        return stage.run(recording, inputs)
    assert isinstance(stage, ModelStage)
    items = stage.split(recording, inputs)
    return stage.merge(recording, inputs, _outputs(stage, items, device, threads, batch_size))


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
