"""The code of a model worker: a model is loaded on one device, then batches are inferred.

Each message is a batch, and each answer is its outputs or a typed error. The interpreter may belong
to another virtual environment. Beyond the standard library it needs only what the stage and its
model import. No message to it contains a path object, because versions of Python pickle these
differently.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.garbage import collect_from_now_on
from reelmill.engine.process import spill
from reelmill.engine.process.arena import Block
from reelmill.engine.process.channel import Channel
from reelmill.engine.resources import process_memory as memory
from reelmill.engine.resources.process_memory import DeviceMeter
from reelmill.engine.stage import Device, ModelSpec, ModelStage
from reelmill.errors import (
    Kind,
    ModelUnavailableError,
    describe,
    is_device_lost,
    is_disk_full,
    kind_of,
)

#: The exit code of a model worker whose GPU does not respond.
_DEVICE_LOST = 70


@dataclass(frozen=True)
class Load:
    """The first message to a model worker."""

    #: The stages that use the model, by number.
    stages: Mapping[int, ModelStage[Any, Any]]
    spec: ModelSpec
    device: Device
    threads: int
    #: Numbers of threads with which the model is to be measured.
    measured: tuple[int, ...] = ()
    #: Where it may write. It does not receive the key that seals results.
    places: tuple[gate.Place, ...] = field(default_factory=gate.places_without_keys)
    #: The key that seals outputs.
    spill_key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Loaded:
    """The model is loaded and has inferred something. Memory in MB of the process, of the machine
    and, on a GPU, of the device. `paces`: seconds of a warm-up by number of threads."""

    seconds: float
    warm_up_seconds: float
    loaded_mb: float
    device_mb: float | None = None
    paces: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Items to infer: `blocks` in the arena, and for each the spill file for its output."""

    stage: int
    blocks: tuple[Block, ...]
    spill_files: tuple[str, ...]


@dataclass(frozen=True)
class Inferred:
    """The places of the outputs (offset and size in each item's spill file), times of the monotonic
    clock, and the process's peak memory in MB meanwhile: the machine's and the GPU's."""

    places: tuple[tuple[int, int], ...]
    started: float
    ended: float
    memory_mb: float
    device_mb: float | None = None


@dataclass(frozen=True)
class Update:
    """What later batches need, and what is needed no longer: stages by number, and where it may
    write. There is no answer."""

    stages: Mapping[int, ModelStage[Any, Any]]
    gone: tuple[int, ...]
    places: tuple[gate.Place, ...]
    left: tuple[gate.Place, ...]


@dataclass(frozen=True)
class Release:
    """Release memory that libraries keep for later."""


@dataclass(frozen=True)
class Released:
    """Released memory of the machine, in MB."""

    mb: float


@dataclass(frozen=True)
class ModelWorkerError:
    """Loading or inference failed; the process lives on."""

    kind: Kind
    message: str
    trace: str
    unavailable: bool = False
    disk_full: bool = False


def serve(channel: Channel) -> None:
    """Load a model, then infer batches until the parent is gone."""
    load: Load = channel.receive()
    gate.enter(load.places)
    started = time.monotonic()
    meter = DeviceMeter(load.device)
    try:
        model = load.spec.load(load.device, load.threads)
        loaded = time.monotonic()
        load.spec.warm_up(model)
        ended = time.monotonic()
        footprint = memory.process_mb()
        paces = _paces(load, model)
    except Exception as error:  # noqa: BLE001 (reported to the coordinator, which decides)
        channel.send(_error(error))
        return
    collect_from_now_on()
    channel.send(Loaded(ended - started, ended - loaded, footprint, meter.mb(), paces))
    stages = dict(load.stages)
    while True:
        message: Batch | Release | Update = channel.receive()
        if isinstance(message, Update):
            _update(stages, message)
        elif isinstance(message, Release):
            channel.send(Released(memory.release()))
        else:
            stage = stages[message.stage]
            channel.send(_infer(stage, model, load.spill_key, channel, message, meter))


def _update(stages: dict[int, ModelStage[Any, Any]], update: Update) -> None:
    gate.leave(update.left)
    gate.enter(update.places)
    stages.update(update.stages)
    for number in update.gone:
        stages.pop(number, None)


def _paces(load: Load, model: Any) -> dict[int, float]:
    """Seconds of a warm-up for each number of threads, after everything has been set up."""
    paces = {}
    for threads in load.measured:
        one = model if threads == load.threads else load.spec.load(load.device, threads)
        load.spec.warm_up(one)
        began = time.monotonic()
        load.spec.warm_up(one)
        paces[threads] = time.monotonic() - began
    return paces


def _infer(
    stage: ModelStage[Any, Any],
    model: Any,
    spill_key: bytes,
    channel: Channel,
    batch: Batch,
    meter: DeviceMeter,
) -> Inferred | ModelWorkerError:
    started = time.monotonic()
    memory.begin_peak()
    try:
        items = [channel.arena.read(block) for block in batch.blocks]
        with meter.watching():
            outputs = stage.infer(model, items)
        if len(outputs) != len(items):
            raise ValueError(
                f"stage {stage.name} gave {len(outputs)} outputs for {len(items)} items"
            )
        places = _spill(batch.spill_files, outputs, spill_key)
    except Exception as error:  # noqa: BLE001 (reported to the coordinator, which decides)
        if is_device_lost(error):
            _die(error)
        return _error(error)
    return Inferred(places, started, time.monotonic(), memory.peak_mb(), meter.peak_mb)


def _spill(
    spill_files: tuple[str, ...], outputs: list[Any], key: bytes
) -> tuple[tuple[int, int], ...]:
    """Append each output to its recording's spill file, so that outputs of a long recording stay
    out of memory until it is merged."""
    places = []
    for path, output in zip(spill_files, outputs, strict=True):
        record = spill.pack(output)
        with gate.append(Path(path)) as file:
            offset = file.tell()
            data = spill.sealed(key, Path(path), offset, record)
            places.append((offset, len(data)))
            file.write(data)
    return tuple(places)


def _die(error: Exception) -> None:
    """End this process, which can no longer use its device. A new process may be able to."""
    traceback.print_exc()
    print(describe(error), file=sys.stderr, flush=True)
    os._exit(_DEVICE_LOST)


def _error(error: Exception) -> ModelWorkerError:
    return ModelWorkerError(
        kind_of(error),
        describe(error),
        traceback.format_exc(),
        isinstance(error, ModelUnavailableError),
        is_disk_full(error),
    )
