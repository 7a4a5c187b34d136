"""Stages that process a recording in parts."""

from __future__ import annotations

import asyncio
import os
import resource
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from reelmill.artifacts import Artifact
from reelmill.core.recording import FileState, Recording
from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.process import spill
from reelmill.engine.process.cpu_worker import _outputs
from reelmill.engine.stage import FileStage, Inputs, ModelStage, StageContext, setting
from reelmill.engine.telemetry.events import ignore
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import InputError
from reelmill.testing import artifact_of, items_of
from tests.engine.toys import (
    Read,
    Shout,
    ShoutModel,
    WordItem,
    Words,
    Written,
    toy_config,
    toy_sources,
)


@dataclass(frozen=True)
class ShoutLines(ModelStage[WordItem, str]):
    """Each word is a part of as many items as it has letters; `stop` is bad input."""

    name: ClassVar[str] = "shout"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Words,)
    produces: ClassVar[type[Artifact]] = Shout
    item_bytes: int = 1000

    def parts(self, context: StageContext, inputs: Inputs) -> Sequence[int]:
        return range(len(inputs[Words].words))

    def split(self, context: StageContext, inputs: Inputs) -> Iterator[WordItem]:
        part: int = context.part
        word = inputs[Words].words[part]
        for letter in word:
            yield WordItem(letter, np.zeros(self.item_bytes // 4, np.float32))
        if word == "stop":
            raise InputError(f"{context.recording.path}: stops in the middle; take it out")

    def infer(self, model: Any, batch: Sequence[WordItem]) -> list[str]:
        return [model(item.text) for item in batch]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[str]) -> Shout:
        return Shout("".join(outputs))


@dataclass(frozen=True)
class WriteParts(FileStage):
    """Writes each letter's code; a part waits until another process works on a part too."""

    name: ClassVar[str] = "write"
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[type[Artifact], ...]] = (Shout,)
    produces: ClassVar[type[Artifact]] = Written
    meeting: Path | None = setting(None, affects_result=False)

    def parts(self, context: StageContext, inputs: Inputs) -> Sequence[int]:
        return range(len(inputs[Shout].text))

    def run(self, context: StageContext, inputs: Inputs) -> int:
        part: int = context.part
        if self.meeting is not None:
            (self.meeting / str(os.getpid())).touch()
            deadline = time.monotonic() + 30
            while len(list(self.meeting.iterdir())) < 2 and time.monotonic() < deadline:
                time.sleep(0.01)
        return ord(inputs[Shout].text[part])

    def join(self, context: StageContext, inputs: Inputs, pieces: Sequence[int]) -> Written:
        return Written(",".join(map(str, pieces)))


def run(tmp_path: Path, texts: dict[str, str], workers: int, **stages: Any) -> RunSummary:
    out = tmp_path / "out"
    lines = ShoutLines(ShoutModel(), stages.pop("item_bytes", 1000))
    pipeline = Pipeline("toy", [Read(), lines, WriteParts(**stages)])
    coordinator = Coordinator(pipeline, toy_config(out, workers=workers), ignore)
    return asyncio.run(coordinator.run(toy_sources(tmp_path / "in", texts)))


def outputs(summary: RunSummary) -> dict[str, list[str]]:
    return {outcome.name: list(outcome.outputs) for outcome in summary.outcomes}


def codes(text: str) -> list[str]:
    return [",".join(str(ord(letter)) for letter in text)]


@pytest.mark.parametrize("workers", [1, 3])
def test_parts_are_merged_in_order(tmp_path: Path, workers: int) -> None:
    # proves: F2
    texts = {"a.txt": "the quick brown fox", "b.txt": "", "c.txt": "jumps"}
    summary = run(tmp_path, texts, workers)
    assert outputs(summary) == {
        "a": codes("THEQUICKBROWNFOX"),
        "b": codes(""),
        "c": codes("JUMPS"),
    }


def test_parts_of_one_recording_are_processed_in_parallel(tmp_path: Path) -> None:
    # proves: G1 F5
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    run(tmp_path, {"a.txt": "word"}, 2, meeting=meeting)
    assert len(list(meeting.iterdir())) == 2


def test_a_bad_part_fails_only_its_recording(tmp_path: Path) -> None:
    # proves: G8
    texts = {"a.txt": "some words to stop at and more", "b.txt": "fine"}
    summary = run(tmp_path, texts, 2)
    states = {outcome.name: outcome for outcome in summary.outcomes}
    assert states["b"].status == "done"
    failure = states["a"].failure
    assert failure is not None and failure.kind == "input" and failure.tries == 1
    assert not list((tmp_path / "out").rglob("*.spill*"))


def test_parts_that_do_not_fit_the_arena_together_still_finish(tmp_path: Path) -> None:
    # proves: G1
    text = " ".join("abcdefgh" for _ in range(6))
    summary = run(tmp_path, {"a.txt": text, "b.txt": text}, 3, item_bytes=200_000)
    assert summary.count("done") == 2


def test_a_recording_of_thousands_of_parts_is_merged_with_few_files_open(tmp_path: Path) -> None:
    # proves: F6
    spill_files, places, expected = [], array("q"), []
    for part in range(300):
        spill_files.append(tmp_path / f"{part}.spill")
        outputs, at = [], 0
        for item in range(3):
            outputs.append(spill.sealed(b"key", spill_files[-1], at, spill.pack((part, item))))
            at += len(outputs[-1])
        spill_files[-1].write_bytes(b"".join(outputs))
        begin = 0
        for item, output in enumerate(outputs):
            places.extend((part, begin, len(output)))
            expected.append((part, item))
            begin += len(output)
    spill_files.append(tmp_path / "of a model worker that died before it wrote any")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limits[0], 256), limits[1]))
    try:
        assert list(_outputs(spill_files, places, b"key")) == expected
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def test_a_stage_with_parts_can_run_without_the_engine(tmp_path: Path) -> None:
    state = FileState("00", "00", 0, 0)
    recording = Recording(tmp_path / "x", "x", tmp_path, state)
    stage = ShoutLines(ShoutModel())
    items = items_of(stage, recording, Inputs([Words(["ab", "c"])]))
    assert [item.text for item in items] == ["a", "b", "c"]
    written = artifact_of(WriteParts(), recording, Inputs([Shout("ab")]))
    assert isinstance(written, Written)
    assert written.file == "97,98"
