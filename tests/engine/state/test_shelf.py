"""What a run needs again only for its reports is kept in a file without a name."""

# proves: G16

from __future__ import annotations

import errno
import gc
import logging
import os
import tracemalloc
from pathlib import Path

import pytest

from reelmill.core import atomic, gate
from reelmill.engine.state.shelf import Shelf


def pieces(many: int) -> list[bytes]:
    """Short and long ones, and one of nothing."""
    return [b"%d " % number * (number % 97) for number in range(many)] + [b"x" * 200_000, b"last"]


def test_everything_is_found_again(tmp_path: Path) -> None:
    path = tmp_path / "shelf"
    shelf = Shelf(lambda: os.open(path, os.O_RDWR | os.O_CREAT))
    given = pieces(3000)
    places = [shelf.put(piece) for piece in given]
    assert path.stat().st_size > 400_000
    assert [shelf.get(place) for place in places] == given
    places.append(shelf.put(b"more"))
    assert shelf.get(places[-1]) == b"more" and shelf.get(places[0]) == b""


def test_a_small_shelf__has_no_file() -> None:
    def no_file() -> int:
        raise AssertionError("opened")

    shelf = Shelf(no_file)
    places = [shelf.put(piece) for piece in pieces(100)[:100]]
    assert shelf.get(places[7]) == b"7 " * 7


def test_a_full_disk__costs_memory_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    def full() -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    caplog.set_level(logging.INFO, "reelmill")
    shelf = Shelf(full)
    given = pieces(3000)
    places = [shelf.put(piece) for piece in given]
    assert [shelf.get(place) for place in places] == given
    assert caplog.text.count("stays in memory: No space left on device") == 1


def test_it_takes_no_memory__however_much_is_there(tmp_path: Path) -> None:
    shelf = Shelf(lambda: os.open(tmp_path / "shelf", os.O_RDWR | os.O_CREAT))
    shelf.put(b"x" * (1 << 17))
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(5000):
        shelf.put(b"%300d" % number)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 5000 * 300 / 10


def test_its_file_has_no_name__and_goes_with_it(tmp_path: Path) -> None:
    cache = tmp_path / gate.CACHE
    with gate.output(tmp_path, "toy", [], b""):
        shelf = Shelf(lambda: atomic.nameless_file(cache / "ended"))
        place = shelf.put(b"y" * (1 << 17))
        assert [path for path in cache.rglob("*") if path.is_file()] == []
        descriptor = shelf._descriptor
        assert descriptor is not None and os.fstat(descriptor).st_nlink == 0
        assert os.fstat(descriptor).st_mode & 0o077 == 0
    assert shelf.get(place) == b"y" * (1 << 17)  # the reports may be read when the run is over
    del shelf
    gc.collect()
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)
