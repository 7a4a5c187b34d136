"""Recordings divided among workers."""

# proves: G17

from __future__ import annotations

from pathlib import Path

import pytest

from reelmill.engine.execution.planning import Source
from reelmill.errors import UsageError
from reelmill.scale.shards import Shard, grouped, shards, shares


def test_each_worker_has_about_as_much_to_do(tmp_path: Path) -> None:
    sources = []
    for number, size in enumerate([900, 500, 400, 300, 200, 100, 100, 100]):
        path = tmp_path / f"call {number}.wav"
        path.write_bytes(bytes(size))
        sources.append(Source(path, path.stem))
    divided = shards(sources, 3)
    loads = [sum(one.path.stat().st_size for one in some) for some in divided]
    assert sorted(loads) == [800, 900, 900]
    assert sorted(one.path for some in divided for one in some) == sorted(s.path for s in sources)
    assert shards(list(reversed(sources)), 3) == divided, "every worker divides the same way"


def test_files_that_are_gone_are_divided_too(tmp_path: Path) -> None:
    gone = [Source(tmp_path / f"{number}.wav", str(number)) for number in range(4)]
    assert [len(some) for some in shards(gone, 2)] == [2, 2]


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "a/b", "1/0", "-1/2", ""])
def test_what_is_no_shard_is_refused(text: str) -> None:
    assert Shard.parse(" 3/8 ") == Shard(3, 8)
    with pytest.raises(UsageError, match="give I/N"):
        Shard.parse(text)


def test_shards_for_any_number_of_workers_are_of_about_equal_cost() -> None:
    costs = [3600.0, *[60.0] * 200, *[10.0] * 600]
    groups = grouped(costs)
    assert groups[0] == [0], "a long recording is a shard of its own, and goes first"
    assert sorted(at for group in groups for at in group) == list(range(len(costs)))
    loads = [sum(costs[at] for at in group) for group in groups[1:-1]]
    assert max(loads) <= sum(costs) / 48 + 60 and min(loads) >= sum(costs) / 48 - 70
    longest = [max(costs[at] for at in group) for group in groups]
    assert longest == sorted(longest, reverse=True)


def test_tiny_recordings_share_shards_that_fit_into_messages() -> None:
    groups = grouped([0.01] * 10_000)
    assert len(groups) == 40 and max(map(len, groups)) == 250
    assert grouped([]) == []


def test_recordings_of_more_work_than_a_shard_are_shared() -> None:
    hours = [6 * 3600.0, *[100.0] * 40]
    assert shares(hours, is_measured=True) == [32, *[1] * 40], "the long one, by 16 workers at most"
    assert shares([100.0], is_measured=True) == [8], "two for each of four workers"
    assert shares([29.0, 1.0], is_measured=True) == [1, 1], "too little work to divide"
    assert shares([600.0], is_measured=False) == [1], (
        "of unknown cost: ten minutes are one worker's"
    )
    assert shares([7200.0] * 1000, is_measured=True) == [1] * 1000, "there is enough for everybody"
    assert shares([], is_measured=True) == []
