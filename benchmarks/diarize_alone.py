"""Diarize one file, with its stages one after the other in this process and models loaded anew.

With one thread: on two cores, two of them took a sixth longer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from reelmill.artifacts import Artifact, Diarization
from reelmill.core import gate
from reelmill.core.recording import Recording, read_state
from reelmill.engine.execution.local import run_alone
from reelmill.engine.stage import Device, Inputs, Stage

#: Start and end in seconds, and speaker.
Turns = list[tuple[float, float, str]]


def diarize_alone(file: Path, work: Path, stages: Sequence[Stage]) -> Turns:
    """The turns that `stages`, the last of which diarizes, find; an item at a time."""
    gate.own(work)
    recording = Recording(file, file.stem, work, read_state(file))
    made: dict[type[Artifact], Artifact] = {}
    for stage in stages:
        inputs = Inputs([made[kind] for kind in stage.needs])
        made[stage.produces] = run_alone(
            stage, recording, inputs, Device("cpu"), threads=1, batch_size=1
        )
    diarization = made[Diarization]
    assert isinstance(diarization, Diarization)
    return [(turn.start, turn.end, turn.speaker) for turn in diarization.turns]
