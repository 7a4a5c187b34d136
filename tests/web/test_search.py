"""The index of all runs is kept up to date while the server runs, before anybody searches."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from reelmill.core import gate
from reelmill.search.folders import FoldersIndex
from reelmill.search.index import Query
from reelmill.web.api import search
from tests.search.test_folders import said, write


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REELMILL_CACHE", str(tmp_path / "cache"))
    return gate.own(tmp_path)


def test_runs__are_indexed_before_anybody_searches(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: W1
    monkeypatch.setattr(search, "_INDEX_EVERY_S", 0.05)
    out = data / "runs" / "one"
    write(out / "a.json", said("said on the first day"))
    runs = [SimpleNamespace(id="one", out=out, state="done")]
    services = SimpleNamespace(
        store=SimpleNamespace(data=data),
        queue=SimpleNamespace(records=SimpleNamespace(all=lambda: runs)),
    )

    async def serve() -> float:
        app = SimpleNamespace(state=SimpleNamespace(services=services))
        async with search.indexing(app):  # type: ignore[arg-type]
            await asyncio.to_thread(until_found, data, "first")
            write(out / "b.json", said("said on the second day"))
            await asyncio.to_thread(until_found, data, "second")
            return time.monotonic()

    began = asyncio.run(serve())
    assert time.monotonic() - began < 30, "the thread ends with the server"


def test_an_update_that_is_stopped__leaves_the_rest_to_the_next(data: Path) -> None:
    # proves: W1
    folders = {name: data / name for name in ("one", "two")}
    for name, folder in folders.items():
        write(folder / "a.json", said(f"hello from {name}"))
    answers = iter([False, True])
    with contextlib.closing(FoldersIndex(data)) as index:
        index.update(folders, stopped=lambda: next(answers))
        assert len(index.search(Query("hello"))) == 1
        index.update(folders)
        assert len(index.search(Query("hello"))) == 2


def until_found(data: Path, word: str) -> None:
    """What the thread has kept, without an update of our own."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.closing(FoldersIndex(data)) as index:
            if index.search(Query(word)):
                return
        time.sleep(0.05)
    raise AssertionError(f"{word} was not indexed")
