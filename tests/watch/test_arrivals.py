"""When a file has arrived, by what is seen of it over time."""

from __future__ import annotations

import pytest

from reelmill.watch.arrivals import EMPTY_S, Arrivals, Stamp

SETTLE = 5.0


def looks(
    *seen: tuple[float, dict[str, Stamp]], written: frozenset[str] = frozenset()
) -> list[list[str]]:
    """What each look returns; everything returned is taken."""
    arrivals = Arrivals(SETTLE, written.__contains__)
    found = []
    for now, files in seen:
        found.append(arrivals.look(files, now))
        for path in found[-1]:
            arrivals.take(path)
    return found


A1, A2, TOUCHED = Stamp(10, 1), Stamp(20, 2), Stamp(10, 2)


@pytest.mark.parametrize(
    ("seen", "taken"),
    [
        ([(0, {"a": A1}), (4, {"a": A1}), (5, {"a": A1}), (9, {"a": A1})], [[], [], ["a"], []]),
        ([(0, {"a": A1}), (4, {"a": A2}), (8, {"a": A2}), (9, {"a": A2})], [[], [], [], ["a"]]),
        ([(0, {"a": A1}), (5, {"a": TOUCHED}), (10, {"a": TOUCHED})], [[], [], ["a"]]),
        ([(0, {"a": A1}), (5, {"a": A1}), (6, {"a": A2}), (11, {"a": A2})], [[], ["a"], [], ["a"]]),
        ([(0, {"a": A1}), (5, {}), (6, {"a": A1}), (11, {"a": A1})], [[], [], [], ["a"]]),
        ([(0, {"a": A1}), (5, {"a": A1, "b": A1}), (6, {"b": A1}), (10, {"b": A1})],
         [[], ["a"], [], ["b"]]),
    ],
    ids=["steady", "grows", "touched", "changes later", "vanishes in between", "moved"],
)  # fmt: skip
def test_a_file_is_taken_once_it_has_not_changed_for_a_while(
    seen: list[tuple[float, dict[str, Stamp]]], taken: list[list[str]]
) -> None:
    assert looks(*seen) == taken


def test_a_file_that_a_program_has_open_waits_for_it() -> None:
    arrivals, writers = Arrivals(SETTLE, lambda path: path in writers), {"a"}
    assert [arrivals.look({"a": A1}, now) for now in (0, 5, 500)] == [[], [], []]
    assert arrivals.waiting == {"a": "open"}
    writers.clear()
    assert arrivals.look({"a": A1}, 501) == ["a"]


def test_an_empty_file_is_the_place_of_one_to_come_and_broken_only_after_a_while() -> None:
    empty = Stamp(0, 1)
    assert looks((0, {"a": empty}), (EMPTY_S - 1, {"a": empty}), (EMPTY_S, {"a": empty})) == [
        [],
        [],
        ["a"],
    ]
    assert looks((0, {"a": empty}), (9, {"a": A1}), (14, {"a": A1})) == [[], [], ["a"]]


def test_a_file_that_is_not_taken_is_returned_again() -> None:
    arrivals = Arrivals(SETTLE, lambda path: False)
    assert [arrivals.look({"a": A1}, now) for now in (0, 6, 7)] == [[], ["a"], ["a"]]
    arrivals.take("a")
    assert arrivals.look({"a": A1}, 8) == []
    assert arrivals.taken == {"a": A1}
