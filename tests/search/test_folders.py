"""Many output folders are searched at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.core import gate
from reelmill.core.written import RECORD
from reelmill.search.folders import FoldersIndex
from reelmill.search.index import Query
from tests.search.test_index import out, said, write

__all__ = ["out"]


@contextlib.contextmanager
def index_of(place: Path) -> Iterator[FoldersIndex]:
    with contextlib.closing(FoldersIndex(place)) as index:
        yield index


def found(index: FoldersIndex, words: str, limit: int = 200) -> list[tuple[str, str]]:
    return [(name, hit.file) for name, hit in index.search(Query(words, limit=limit))]


def test_folders__new_changed_and_gone__are_followed(out: Path) -> None:
    # proves: W1
    folders = {name: out / name for name in ("one", "two", "three")}
    for name, folder in folders.items():
        write(folder / "a.json", said(f"hello from {name}"))
        write(folder / "below" / "b.json", said("hello below"))
    with index_of(out) as index:
        assert index.update(folders) == []
        assert len(found(index, "hello")) == 6
        assert found(index, "from two") == [("two", "a.json")]
        assert found(index, "below")[0][1] == "below/b.json"
        write(folders["one"] / "c.json", said("added later"))
        del folders["two"]
        index.update(folders)
        assert found(index, "later") == [("one", "c.json")]
        assert not found(index, "from two")
    with index_of(out) as index:  # as it was kept
        assert len(found(index, "hello")) == 4


def test_a_folder__in_which_nothing_was_written__is_not_looked_through(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: W1
    write(out / "one" / "below" / "a.json", said("before"))
    with index_of(out) as index:
        index.update({"one": out / "one"})
        looked: list[str] = []
        monkeypatch.setattr(index._lines, "refresh", lambda place, *_: looked.append(place.name))
        index.update({"one": out / "one"})
        assert not looked
        index.update({"one": out / "one"}, busy=["one"])
        assert looked == ["one"]
        record = out / "one" / gate.CACHE / RECORD
        record.parent.mkdir(exist_ok=True)
        record.write_text("a line of the gate's record")
        index.update({"one": out / "one"})
        assert looked == ["one", "one"]


def test_more_than_the_limit__are_those_of_the_folders_indexed_last(out: Path) -> None:
    folders = {f"run{number}": out / f"run{number}" for number in range(5)}
    with index_of(out) as index:
        for name, folder in folders.items():
            write(folder / "a.json", said("the same"))
            index.update({name: folder for name, folder in folders.items() if folder.is_dir()})
        assert [name for name, _ in found(index, "same", limit=2)] == ["run3", "run4"]
