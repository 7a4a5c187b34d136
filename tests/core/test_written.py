"""The record of written files, which may have very many lines."""

# proves: G14

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest

from reelmill.core.written import Owner, Record, Written, _LineIndex

KEY = b"k" * 32


def add(path: Path, entries: Iterable[Written]) -> None:
    record = Record(path, KEY)
    with path.open("ab") as file:
        file.writelines(map(record._line, entries))


def written(name: str, size: int, original: bool = False) -> Written:
    return Written(name, f"{size:064x}", size, Owner("voice", "../in.m4a"), original)


def test_entries__of_each_name__in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "written.jsonl"
    add(path, [written("a.txt", 1), written('b"\\ 끝.txt', 2), written("a.txt", 3)])
    record = Record(path, KEY)
    assert [one.size for one in record.entries("a.txt")] == [1, 3]
    assert record.entries('b"\\ 끝.txt') == [written('b"\\ 끝.txt', 2)]
    assert record.entries("c.txt") == [] and record.latest("c.txt") is None
    add(path, [written("c.txt", 4), written("a.txt", 5, original=True), written("a.txt", 6)])
    assert record.latest("c.txt") == written("c.txt", 4)
    assert [one.size for one in record.entries("a.txt")] == [6]
    assert set(record.paths()) == {"a.txt", 'b"\\ 끝.txt', "c.txt"}


def test_a_line_that_is_not_whole_yet__is_read_when_it_is(tmp_path: Path) -> None:
    path = tmp_path / "written.jsonl"
    add(path, [written("a.txt", 1)])
    line = Record(path, KEY)._line(written("b" * 3000, 2))
    path.write_bytes(path.read_bytes() + line[:-10])
    record = Record(path, KEY)
    assert record.entries("b" * 3000) == [] and record.latest("a.txt") == written("a.txt", 1)
    path.write_bytes(path.read_bytes() + line[-10:])
    assert record.latest("b" * 3000) == written("b" * 3000, 2)


def test_a_record_that_was_replaced__is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "written.jsonl"
    add(path, [written("a.txt", 1)])
    record = Record(path, KEY)
    assert record.latest("a.txt") == written("a.txt", 1)
    other = tmp_path / "other"
    add(other, [written("b.txt", 2), written("c.txt", 3)])
    other.replace(path)
    assert record.latest("a.txt") is None and record.latest("c.txt") == written("c.txt", 3)


def test_compacted__keeps_the_last_two_of_each_name(tmp_path: Path) -> None:
    path = tmp_path / "written.jsonl"
    add(path, (written(f"{size % 100}.txt", size) for size in range(2500)))
    record = Record(path, KEY)
    shorter = record.compacted()
    assert shorter is not None and shorter.count(b"\n") == 200
    path.write_bytes(shorter)
    assert [one.size for one in record.entries("7.txt")] == [2307, 2407]
    assert record.compacted() is None


def test_names_of_the_same_hash__are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_LineIndex, "_tag", lambda self, name: len(name))
    path = tmp_path / "written.jsonl"
    add(path, (written(f"{number:04d}.txt", number) for number in range(900)))
    record = Record(path, KEY)
    assert record.entries("0017.txt") == [written("0017.txt", 17)]


def test_ten_thousand_lines__take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "written.jsonl"
    line = Record(path, KEY)._line(written("call00000.txt", 1))
    path.write_bytes(b"".join(line.replace(b"00000", b"%05d" % number) for number in range(10_000)))
    record = Record(path, KEY)
    tracemalloc.start()
    try:
        record.entries("call00000.txt")
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 40 * 10_000 and most < 1 << 20
