"""A run keeps next to nothing of a recording that has ended: it may have very many of them."""

# proves: G16

from __future__ import annotations

import gc
import sys
import tracemalloc
from asyncio import base_events
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest

from reelmill.engine.execution.planning import Elsewhere
from reelmill.engine.resources import monitor
from reelmill.engine.state import run_db, shelf
from reelmill.engine.telemetry.events import Event, RecordingFinished
from reelmill.runs import custodian
from reelmill.runs.run import Run
from tests.runs.toy_task import recordings, toy_task

#: Recordings that end before memory is measured, and those that end while it is.
FIRST, MORE = 10, 100
#: Larger blocks are tables that grow by leaps, of the interpreter's too.
_TABLE_BYTES = 1 << 12
#: Where samples of the last minutes, SQLite's last 200 cursors, and which class is a subclass of
#: which are kept.
_BOUNDED = (monitor.__file__, run_db.__file__, "<frozen abc>")


def end(run: Run, events: Iterator[Event], paths: Sequence[str]) -> None:
    """Let recordings go through, and wait until all of them have ended."""
    for path in paths:
        run.release(path, Elsewhere(0.5))
    finished = (event for event in events if isinstance(event, RecordingFinished))
    assert len(list(islice(finished, len(paths)))) == len(paths)
    run.refresh_reports()  # and with it, that the loop has gone round once more


def kept() -> list[tracemalloc.Trace]:
    """The small blocks that were asked for since tracing began, and are still there."""
    sys._clear_type_cache()  # the names of attributes that were looked up last, some thousands
    gc.collect()
    bounded = [tracemalloc.Filter(False, one) for one in _BOUNDED]
    found = tracemalloc.take_snapshot().filter_traces(bounded).traces
    return [trace for trace in found if trace.size < _TABLE_BYTES]


def test_nothing_is_kept_of_recordings_that_have_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(custodian, "_NAMES_KEPT", 4)  # of the recordings at work
    monkeypatch.setattr(base_events, "_MIN_SCHEDULED_TIMER_HANDLES", 4)  # called off, but kept
    texts = {f"call{number:04d}.txt": f"number{number}" for number in range(FIRST + MORE)}
    paths = sorted(map(str, recordings(tmp_path / "in", texts)))
    run = Run(toy_task(), paths, out=tmp_path / "out", held=True, device="cpu", workers=1).start()
    events = iter(run.events())
    assert sorted(run.held()) == paths
    end(run, events, paths[:FIRST])
    tracemalloc.start()
    try:
        end(run, events, paths[FIRST:])
        blocks = kept()
    finally:
        tracemalloc.stop()
    assert run.wait(60).count("done") == FIRST + MORE
    lines = Counter((one.traceback[0].filename, one.traceback[0].lineno) for one in blocks)
    of_each = {line: many for line, many in lines.items() if many > 0.9 * MORE}
    assert [name for name, _ in of_each] == [shelf.__file__], of_each
