"""A watched folder over time: what arrives, moves, changes or is broken."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reelmill.engine.telemetry.events import Event, RecordingFinished
from reelmill.runs.engine import Engine
from reelmill.runs.run import Run
from reelmill.watch.folder import WatchedFolder
from reelmill.watch.options import WatchOptions
from tests.watch.toy_task import toy_task


@dataclass
class Watched:
    """A folder that is being watched, and what was heard of it."""

    place: Path
    folder: WatchedFolder
    finished: list[tuple[str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def bring(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.place / "in" / f"{name}.wav").write_text(text)

    def until(self, condition: Callable[[], object], seconds: float = 90.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, (self.finished, self.told, self.folder.status)
            time.sleep(0.02)

    def results(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in (self.place / "out").glob("*.up")}


@pytest.fixture(autouse=True)
def soon_idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reelmill.watch.folder._IDLE_S", 0.5)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(device="cpu", workers=1) as opened:
        yield opened


@contextlib.contextmanager
def watching(place: Path, engine: Engine, **options: object) -> Iterator[Watched]:
    (place / "in").mkdir(exist_ok=True)
    (place / "log").touch()
    chosen = WatchOptions(
        **{"folder": place / "in", "out": place / "out", "settle": 0.1, **options}  # type: ignore[arg-type]
    )

    def hear(event: Event) -> None:
        if isinstance(event, RecordingFinished) and not event.outcome.reused:
            watched.finished.append((Path(event.outcome.path).stem, event.outcome.status))

    def tell(text: str) -> None:
        watched.told.append(text)

    folder = WatchedFolder(chosen, engine, hear, tell, toy_task(place / "log"))
    watched = Watched(place, folder)
    folder.start()
    thread = threading.Thread(target=folder.run)
    thread.start()
    try:
        yield watched
    finally:
        folder.stop("the test is over")
        thread.join(90)
        assert not thread.is_alive()


def test_broken_moved_and_changed_files(tmp_path: Path, engine: Engine) -> None:
    # proves: G12 G20
    with watching(tmp_path, engine) as watched:
        watched.bring(a="first", b="second", c="broken")
        watched.until(lambda: len(watched.finished) == 3)
        assert sorted(watched.finished) == [("a", "done"), ("b", "done"), ("c", "failed")]
        # Moved while the run is open: it is the same recording, under its earlier name.
        (tmp_path / "in" / "a.wav").rename(tmp_path / "in" / "renamed.wav")
        watched.bring(b="second thoughts", c="mended", d="broken too")
        watched.until(lambda: len(watched.finished) == 7)
        assert sorted(watched.finished[3:]) == [
            ("b", "done"),
            ("c", "done"),
            ("d", "failed"),
            ("renamed", "done"),
        ]
        expected = {"a": "FIRST", "b": "SECOND THOUGHTS", "c": "MENDED"}
        assert watched.results() == expected
        watched.until(lambda: not watched.folder.status.is_working)
        assert "broken too" not in (tmp_path / "out" / "index.html").read_text()
        assert "d.wav" in (tmp_path / "out" / "report.html").read_text()
    log = (tmp_path / "log").read_text().split("\n")
    assert log.count("write renamed.wav") == 0, "what was done before was done again"
    with watching(tmp_path, engine) as again:
        again.bring(e="new")
        again.until(lambda: again.finished)
        assert again.finished == [("e", "done")], "after a restart only what is new is done"
        assert again.results() == {**expected, "e": "NEW"}
        assert again.folder.status.failed == 1


def test_a_busy_output_folder_is_waited_for(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reelmill.watch.folder._AGAIN_S", 0.2)
    other = Run(toy_task(tmp_path / "log"), out=tmp_path / "out", engine=engine).start()
    with watching(tmp_path, engine) as watched:
        watched.bring(a="text")
        assert "another run is writing here" in watched.told[0]
        other.close()
        watched.until(lambda: watched.finished == [("a", "done")])


def test_a_folder_that_goes_away_is_waited_for(tmp_path: Path, engine: Engine) -> None:
    with watching(tmp_path, engine, poll_every=0.2) as watched:
        watched.bring(a="text")
        watched.until(lambda: watched.finished)
        (tmp_path / "in").rename(tmp_path / "unmounted")
        watched.until(lambda: any("waiting for it to come back" in one for one in watched.told))
        (tmp_path / "unmounted").rename(tmp_path / "in")
        watched.bring(b="more")
        watched.until(lambda: len(watched.finished) == 2)
        assert watched.finished == [("a", "done"), ("b", "done")]
        assert len(watched.told) == 2


def test_a_network_folder_with_stale_handles_is_looked_at_again_soon(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS after its server was started anew: the folder itself and single files in it are stale
    for a while, and the library that looks for changes gives up."""
    stale, stat = {"in": False, "a.wav": True}, os.stat

    def failing(path: Any, *given: Any, **named: Any) -> os.stat_result:
        if not isinstance(path, int) and stale.get(Path(os.fspath(path)).name):
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), path)
        return stat(path, *given, **named)

    monkeypatch.setattr(os, "stat", failing)
    with watching(tmp_path, engine, poll=True, poll_every=0.1) as watched:
        watched.bring(a="text", b="more")
        watched.until(lambda: watched.finished == [("b", "done")])
        stale["in"] = True
        watched.until(lambda: any("Stale file handle; waiting" in one for one in watched.told))
        stale.clear()
        watched.until(lambda: len(watched.finished) == 2)
        assert watched.finished == [("b", "done"), ("a", "done")]
        assert not any("no longer told" in one for one in watched.told)


def test_polling_finds_what_arrives(tmp_path: Path, engine: Engine) -> None:
    with watching(tmp_path, engine, poll=True, poll_every=0.1) as watched:
        watched.bring(a="text")
        watched.until(lambda: watched.finished == [("a", "done")])
        (tmp_path / "in" / "b.wav.part").write_text("more")
        watched.until(lambda: watched.folder.status.partial == 1)
        (tmp_path / "in" / "b.wav.part").rename(tmp_path / "in" / "b.wav")
        watched.until(lambda: watched.finished[1:] == [("b", "done")])
