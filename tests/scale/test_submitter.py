"""What a submitter takes from workers on trust, and what it notices."""

# proves: G17

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest

from reelmill.core.keys import user_key
from reelmill.runs.run import Run
from reelmill.scale.executor import Hashed, RecordingEnded, ShardDone, ShardStarted
from reelmill.scale.handover import SharedHandover
from reelmill.scale.messages import AnyEvent, ShardTask
from reelmill.scale.roots import Roots
from reelmill.scale.submitter import Submitter
from tests.scale.toycluster import toys

#: When the workers below hashed originals: 2001-09-09.
LONG_AGO = 1_000_000_000.0


class Careless:
    """Reaches workers that say that they are done, and leave no results."""

    name = "nobody"

    def submit(self, tasks: Sequence[ShardTask], sent: Collection[str] = ()) -> Iterator[AnyEvent]:
        for task in tasks:
            yield ShardStarted(task.shard, "careless", "cpu")
            for at, one in enumerate(task.recordings):
                path = self.root / one.place.path
                data, facts = path.read_bytes(), path.stat()
                mtime_ns = facts.st_mtime_ns + ("other" in path.name)
                md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
                hashed = Hashed(md5, facts.st_size, mtime_ns, LONG_AGO)
                sha256 = hashlib.sha256(data).hexdigest()
                yield RecordingEnded(task.shard, "careless", at, sha256, 1.0, 2.0, hashed=hashed)
            yield ShardDone(task.shard, "careless")

    def __init__(self, root: Path) -> None:
        self.root = root

    def forget(self, shard: str) -> None: ...

    def cancel(self) -> None: ...


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder after workers that left nothing."""
    root = tmp_path_factory.mktemp("root")
    (root / "in").mkdir()
    for name in ("same", "other"):
        (root / "in" / f"{name}.wav").write_text(f"hello {name}")
    run = Run(
        toys(None, 0.0)("toy"), root / "in", out=root / "out", held=True, device="cpu", workers=1
    ).start()
    handover = SharedHandover(run, Roots({"data": root}), user_key().seal)
    Submitter(run, Careless(root), handover).feed()
    assert run.wait(180).count("done") == 2
    return root / "out"


def test_results_that_workers_did_not_leave_are_counted(out: Path) -> None:
    report = json.loads((out / "performance_report.json").read_text())
    told = [text for text in report["warnings"] if "were not found where workers" in text]
    assert len(told) == 1 and told[0].startswith("4 results of 2 recordings were not found"), told
    assert "were made here" in (out / "report.html").read_text()


def test_the_state_before_the_work_is_the_one_that_the_worker_saw(out: Path) -> None:
    originals = json.loads((out / "evidence.json").read_text())["originals"]
    entries = {Path(name).name: entry for name, entry in originals.items()}
    assert entries["same.wav"]["before_at"].startswith("2001-09-09")
    assert not entries["other.wav"]["before_at"].startswith("2001"), "not the file that is here"
    for entry in entries.values():
        assert entry["before"] == entry["after"] and not entry["differences"]
        assert not entry["after_at"].startswith("2001"), "hashed here after the work"
