"""Ray on this machine: the same results as one engine, also when an actor is killed."""

# proves: G17

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from reelmill.commands.submit import submit
from reelmill.errors import UsageError
from reelmill.runs.run import Run
from reelmill.scale import shards
from tests.scale.cluster import artifacts, failed, wait_until, written
from tests.scale.raytoys import DELAY, LOG
from tests.scale.toycluster import toys

ray = pytest.importorskip("ray")

SAMPLE = Path(str(resources.files("reelmill") / "assets" / "samples" / "voicemail.wav"))

_ROOT = Path(__file__).resolve().parents[2]
WORDS = {f"call{n:02d}.wav": f"call {n} has step {'w' * (n % 7 + 1)} words" for n in range(24)}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster of one node, whose actors execute toys and log what they do."""
    log = tmp_path_factory.mktemp("ray") / "toys.log"
    log.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_SHORTEST_S", 0.3)
        patch.setattr(shards, "_LEAST_SHARED_UNMEASURED_S", 0.2)
        patch.setenv(LOG, str(log))
        patch.setenv(DELAY, "0.02")
        patch.setenv("PYTHONPATH", str(_ROOT))
        patch.setenv("REELMILL_CLAIM_LEASE", "3")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        begin_ray()
        yield log
        ray.shutdown()


def begin_ray() -> None:
    """Start Ray, twice if necessary: it gives its helpers 15 s, too little on a busy machine."""
    for is_last in (False, True):
        try:
            ray.init(
                num_cpus=2,
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                object_store_memory=100 << 20,
            )
        except Exception:
            ray.shutdown()
            if is_last:
                raise
        else:
            return


def send(folder: Path, out: Path, root: Path, store: str | None = None, **more: object) -> int:
    about = {
        "fresh": False,
        "quiet": True,
        "as_json": False,
        "on": "ray",
        "address": None,
        "actor_cores": 1,
        "roots": [str(root)],
        "priority": 0,
        "tasks": "tests.scale.raytoys:tasks",
    }
    given = {"out": out, "device": "cpu", "workers": 1, "store": store}
    return submit(toys(None, 0.0)("toy"), [folder], given, {**about, **more})


def recordings(folder: Path, texts: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    return folder


def test_actors_make_what_one_engine_makes(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without measured costs the long recording is shared, whatever ran before.
    monkeypatch.setenv("REELMILL_CACHE", str(tmp_path / "cache"))
    long = " ".join(f"word{n}" for n in range(600))
    texts = {**WORDS, "bad.wav": "unreadable", "shared.wav": long}
    folder = recordings(tmp_path / "in", texts)
    alone, out = tmp_path / "alone", tmp_path / "out"
    with Run(toys(None, 0.0)("toy"), folder, out=alone, device="cpu", workers=1) as run:
        run.wait(180)
    assert send(folder, out, tmp_path) == 1
    assert artifacts(out) == artifacts(alone)
    assert written(out) == written(alone)
    assert failed(out) == failed(alone)
    reads = [line.split()[1] for line in log.read_text().splitlines() if line.startswith("read ")]
    once = sorted(name for name in reads if name != "shared.wav")
    assert once == sorted([*WORDS, "bad.wav"]), "each was read by one actor, once"
    report = json.loads((out / "performance_report.json").read_text())
    assert any("work on 1 long recording" in text for text in report["notes"])


def test_a_killed_actors_shards_go_to_others(log: Path, tmp_path: Path) -> None:
    texts = {f"slow{n:02d}.wav": f"{'step ' * 6} word{n}" for n in range(16)}
    folder, out = recordings(tmp_path / "in", texts), tmp_path / "out"
    before = len(log.read_text())

    def kill_one() -> None:
        wait_until(lambda: "merge" in log.read_text()[before:])
        name = next((out / ".cache" / "workers").iterdir()).name
        os.kill(int(name.rsplit("-", 2)[1]), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    assert send(folder, out, tmp_path) == 0
    killer.join()
    assert written(out).keys() == {name.replace(".wav", ".up") for name in texts}
    report = json.loads((out / "performance_report.json").read_text())
    assert any("goes to another worker" in text for text in report["warnings"])


def test_actors_need_no_shared_folder_with_a_store(log: Path, tmp_path: Path) -> None:
    folder = recordings(tmp_path / "in", WORDS)
    alone, out, store = tmp_path / "alone", tmp_path / "out", tmp_path / "store"
    store.mkdir()
    with Run(toys(None, 0.0)("toy"), folder, out=alone, device="cpu", workers=1) as run:
        run.wait(180)
    assert send(folder, out, tmp_path, store=f"file://{store}", roots=[]) == 0
    assert artifacts(out) == artifacts(alone)
    assert written(out) == written(alone)
    assert len(list((store / "artifacts").glob("??/*/*.json"))) == 2 * len(WORDS)
    assert not (out / ".cache" / "workers").exists()


def test_priorities_are_refused_because_ray_has_none(tmp_path: Path) -> None:
    folder = recordings(tmp_path / "in", {"a.wav": "one"})
    with pytest.raises(UsageError, match="--priority does not go with --on ray"):
        send(folder, tmp_path / "out", tmp_path, priority=3)


def test_a_stage_of_ray_data_gives_each_recording_a_row(log: Path, tmp_path: Path) -> None:
    from reelmill.scale.ray import map_batches

    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF")
    paths = [str(SAMPLE), str(bad), str(tmp_path / "gone.wav"), str(SAMPLE)]
    named = ray.data.from_items([{"path": path, "number": n} for n, path in enumerate(paths)])
    done = map_batches(
        named, out=tmp_path / "out", model="demo", language="en", align=False, diarizer="none",
        pages=False, device="cpu", num_cpus=1,
    )  # fmt: skip
    rows = sorted(done.take_all(), key=lambda row: row["number"])
    assert [row["status"] for row in rows] == ["ok", "failed", "failed", "ok"]
    assert rows[0]["text"] == rows[3]["text"] and len(rows[0]["text"].split()) > 3
    assert rows[0]["language"] == "en" and rows[0]["media_seconds"] > 1
    assert "bad.wav" in rows[1]["error"] and "no such file" in rows[2]["error"]


def test_an_actor_is_not_ended_before_all_that_it_tells_was_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from reelmill.scale.messages import Place, ShardRecording, ShardTask, Work
    from reelmill.scale.ray.crew import Crew, Member

    work = Work("voice", {}, {"recognize": "abc"}, Place("data", "out"))
    task = ShardTask("job", "first", "one", work, [ShardRecording(Place("data", "a.wav"), 4)])
    ended: list[object] = []
    monkeypatch.setattr(ray, "kill", ended.append)
    crew = Crew(None, [], 2.0, "")
    crew.members = [Member("actor", None, unheard={"one": task})]
    crew.shrink()
    assert crew.members and not ended, "it has answered, but what it did is not known yet"
    crew.heard("one")
    crew.shrink()
    assert not crew.members and ended == ["actor"]
