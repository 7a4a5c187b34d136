"""What workers made is taken over by the next run on the output folder."""

# proves: G17

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reelmill.core import gate
from tests.runs.toy_task import recordings, toy_run
from tests.scale.cluster import artifacts


@pytest.mark.parametrize("has_links", [True, False])
def test_results_of_workers_are_taken_over_before_anything_else_is_there(
    has_links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_links:
        monkeypatch.setattr(gate, "share", lambda source, target, names: False)
    alone, out = tmp_path / "alone", tmp_path / "out"
    calls = recordings(tmp_path / "calls", {f"c{n}.wav": f"words of {n}" for n in range(3)})
    with toy_run(alone, *calls) as run:
        run.wait(180)
    (out / ".cache" / "workers").mkdir(parents=True)
    (out / ".cache").chmod(0o700)
    shutil.copytree(alone, out / ".cache" / "workers" / "one")
    with toy_run(out, *calls) as run:
        assert [one.status for one in run.wait(180).outcomes] == ["done"] * 3
    assert artifacts(out) == artifacts(alone)
    some = next(out.glob(".cache/artifacts/??/*/read-*.json"))
    there = out / ".cache" / "workers" / "one" / some.relative_to(out)
    assert some.samefile(there) is has_links, "a second name, or a copy"
