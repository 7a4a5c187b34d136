"""Two engines on the same recording: each makes some portions, both have the whole result."""

# proves: G16 G17

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reelmill.core import gate
from reelmill.core.keys import WRITTEN, user_key
from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.runs.run import Run
from reelmill.scale.claims import Claims
from reelmill.scale.exchange import PORTIONS, FolderExchange, remove_portions
from reelmill.scale.worker import WorkerPlace, worker_run
from tests.scale.cluster import artifacts
from tests.scale.toycluster import toys

LEASE_S = 2.0
WORDS = [f"word{n}" for n in range(100)]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """An output folder that is open, as while a worker has shards."""
    out = tmp_path / "out"
    with gate.output(out, "toy", [], user_key().seal.key_for(WRITTEN)):
        yield out


class Partner:
    """A worker that makes whatever of the recordings nobody else does."""

    def __init__(self, out: Path, name: str, delay: float = 0.05) -> None:
        place = WorkerPlace(out, name)
        claims = Claims(place.claims, name, LEASE_S)
        self.folder, self.cache = place.folder, out / gate.CACHE
        self.exchange = FolderExchange(
            self.cache, place.folder / gate.CACHE, claims, user_key().seal
        )
        given = {"device": "cpu", "workers": 1}
        self.run = worker_run(toys(None, delay)("toy"), place.folder, given, exchange=self.exchange)

    def start(self, *originals: Path) -> None:
        self.exchange.share(map(str, originals))
        self.run.start()
        self.run.add(list(originals))
        self.run.close()

    def end(self) -> FileOutcome:
        """The outcome of its only recording."""
        return self.run.wait(60).outcomes[0]

    @property
    def inferred(self) -> int:
        """How many items its model has seen."""
        summary = self.run.summary
        assert summary is not None
        return next(one.items for one in summary.stages if one.name == "shout")


def recording(folder: Path, text: str) -> Path:
    path = folder / "long.wav"
    path.write_text(text)
    return path


def alone(original: Path, out: Path) -> dict[str, bytes]:
    """What one engine makes of it, without the files for people."""
    with Run(toys(None, 0.0)("toy"), original, out=out, device="cpu", workers=1) as run:
        run.wait(60)
    return {path: data for path, data in artifacts(out).items() if "write-" not in path}


def portions(out: Path) -> list[Path]:
    return sorted((out / gate.CACHE / PORTIONS).glob("*/*.portion"))


def test_two_engines_divide_the_items_and_have_the_same_result(
    shared: Path, tmp_path: Path
) -> None:
    original = recording(tmp_path, " ".join(WORDS))
    partners = [Partner(shared, name) for name in ("one", "two")]
    for partner in partners:
        partner.start(original)
    assert [partner.end().status for partner in partners] == ["done", "done"]
    counts = [partner.inferred for partner in partners]
    assert sum(counts) == len(WORDS) and min(counts) >= 24, f"divided, nothing twice: {counts}"
    expected = alone(original, tmp_path / "alone")
    assert len(expected) == 2
    for partner in partners:
        assert artifacts(partner.folder) == expected, "byte for byte"
    assert len(portions(shared)) == 13
    remove_portions(shared / gate.CACHE)
    assert not portions(shared)
