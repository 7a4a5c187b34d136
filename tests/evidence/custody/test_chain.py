"""The custody log: entries are only added, and a changed one is detected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.core import gate
from reelmill.core.keys import Seal
from reelmill.errors import NotOursError
from reelmill.evidence.custody.chain import CUSTODY, PURPOSE, START, Chain, Head, head, split_mac

# proves: G14

SEAL = Seal(b"s" * 32)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    with gate.output(tmp_path / "out", "voice", []):
        yield tmp_path / "out"


def lines(out: Path) -> list[bytes]:
    return (out / CUSTODY).read_bytes().splitlines(keepends=True)


def written(out: Path, count: int = 3, recorded: Head | None = None) -> Chain:
    chain = Chain(out, SEAL, recorded)
    for number in range(count):
        chain.append("view", recording=f"통화 {number}.m4a")
    chain.close()
    return chain


def test_each_entry_has_the_hash_of_the_line_before(out: Path) -> None:
    written(out)
    before = START
    for number, line in enumerate(lines(out), 1):
        entry = json.loads(line)
        assert (entry["n"], entry["prev"], entry["what"]) == (number, before, "view")
        assert entry["user"] and entry["host"] and entry["at"].endswith("+00:00")
        before = hashlib.sha256(line).hexdigest()
    assert head(out) == Head(3, before)


def test_an_entry_carries_the_mark_of_the_users_key(out: Path) -> None:
    written(out, 1)
    body, mac = split_mac(lines(out)[0])
    assert SEAL.fits(mac, PURPOSE, body)


def test_a_later_run_continues_the_chain(out: Path) -> None:
    written(out, 2)
    written(out, 2)
    assert [json.loads(line)["n"] for line in lines(out)] == [1, 2, 3, 4]


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_an_unfinished_line_is_kept_and_the_next_entry_mentions_it(out: Path, kept: int) -> None:
    written(out)
    *whole, last = lines(out)
    (out / CUSTODY).write_bytes(b"".join([*whole, last[:kept]]))
    assert head(out) == Head(2, hashlib.sha256(whole[-1]).hexdigest())
    chain = Chain(out, SEAL)
    chain.append("view", recording="x")
    chain.close()
    assert "unfinished" in chain.problems[0]
    found = lines(out)
    assert found[2] == last[:kept].rstrip(b"\n") + b"\n"
    torn = json.loads(found[3])
    assert (torn["n"], torn["what"], torn["prev"]) == (3, "torn", head_of(whole[-1]))
    assert torn["torn"] == {"bytes": len(last[:kept]), "sha256": head_of(last[:kept])}
    assert json.loads(found[4])["n"] == 4


def head_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_long_unfinished_line_is_skipped(out: Path) -> None:
    written(out, 1)
    with (out / CUSTODY).open("ab") as file:
        file.write(b"x" * 1_000_000)
    assert head(out) == Head(1, head_of(lines(out)[0]))


def test_a_truncated_log_is_reported(out: Path) -> None:
    written(out)
    recorded = head(out)
    (out / CUSTODY).write_bytes(b"".join(lines(out)[:2]))
    chain = written(out, 1, recorded)
    assert "changed or cut" in chain.problems[0]
    entry = json.loads(lines(out)[2])
    assert entry["what"] == "break"
    assert entry["recorded"] == {"entries": 3, "head": recorded.sha256}
    assert entry["found"]["entries"] == 2


def test_a_log_of_somebody_else_is_not_written_to(out: Path) -> None:
    out.mkdir(exist_ok=True)
    (out / CUSTODY).write_text("mine\n")
    with pytest.raises(NotOursError, match="not written by Reelmill"):
        Chain(out, SEAL).append("view")
    assert (out / CUSTODY).read_text() == "mine\n"


def test_a_link_in_place_of_the_log_is_not_followed(out: Path, tmp_path: Path) -> None:
    written(out, 1)
    (tmp_path / "elsewhere").write_text("")
    (out / CUSTODY).unlink()
    (out / CUSTODY).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotOursError, match="link"):
        Chain(out, SEAL).append("view")
    assert (tmp_path / "elsewhere").read_text() == ""
    assert head(out) is None


def test_results_never_replace_the_log(out: Path) -> None:
    written(out, 1)
    with pytest.raises(NotOursError):
        gate.remove(out / CUSTODY)
    with pytest.raises(NotOursError, match="never written in place"):
        gate.open_appended(out / "call.txt")
