"""A model whose libraries are in another environment: its model worker runs under that
interpreter."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from reelmill.engine.execution.coordinator import Coordinator
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.telemetry.events import ignore
from reelmill.engine.telemetry.metrics import RunSummary
from tests.bare import make_environment
from tests.engine.foreign import Echo, EchoModel, ReadNames
from tests.engine.toys import toy_config, toy_sources


@pytest.fixture
def bare(tmp_path: Path) -> str:
    return str(make_environment(tmp_path / "bare") / "bin" / "python")


def run(tmp_path: Path, texts: dict[str, str], **model: Any) -> RunSummary:
    pipeline = Pipeline("echo", [ReadNames(), Echo(EchoModel(**model))])
    coordinator = Coordinator(pipeline, toy_config(tmp_path / "out"), ignore)
    return asyncio.run(coordinator.run(toy_sources(tmp_path / "in", texts)))


def said(tmp_path: Path) -> dict[str, list[str]]:
    """The answer for each recording, by its first name."""
    found = {}
    for path in (tmp_path / "out").rglob("echo-*.json"):
        answers = json.loads(path.read_text())["data"]["said"]
        found[answers[0].split()[1]] = answers
    return found


def test_a_model_worker_runs_in_an_environment_that_has_none_of_our_packages(
    tmp_path: Path, bare: str
) -> None:
    # proves: V5 V6
    summary = run(tmp_path, {"a.txt": "kim lee park", "b.txt": "choi"}, python=bare)
    assert summary.count("done") == 2, summary.outcomes
    assert said(tmp_path) == {
        "kim": [f"hello {name} {bare} False" for name in ("kim", "lee", "park")],
        "choi": [f"hello choi {bare} False"],
    }
    batches = next(stage for stage in summary.stages if stage.name == "echo")
    assert batches.batches >= 2  # of four items, as no more than two go into one


def test_a_crash_of_a_model_worker_elsewhere_fails_only_the_recording_that_causes_it(
    tmp_path: Path, bare: str
) -> None:
    # proves: G10
    summary = run(tmp_path, {"a.txt": "kim lee", "b.txt": "boom"}, python=bare)
    outcomes = {one.name: one for one in summary.outcomes}
    assert outcomes["a"].status == "done"
    failure = outcomes["b"].failure
    assert failure is not None and failure.kind == "crash" and "SIGKILL" in failure.message


def test_an_import_error_of_the_other_environment_is_reported(tmp_path: Path, bare: str) -> None:
    # proves: G11
    summary = run(tmp_path, {"a.txt": "kim"}, python=bare, lacking=True)
    assert summary.stopped is not None
    assert "the library echo is not there; install it" in summary.stopped


def test_our_search_path_is_not_passed_to_the_other_environment(
    tmp_path: Path, bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    assert run(tmp_path, {"a.txt": "kim"}, python=bare).count("done") == 1
    assert said(tmp_path)["kim"] == [f"hello kim {bare} False"]
