"""Two engines on the same recording: each makes some portions, both have the whole result."""

# proves: G16 G17

from __future__ import annotations

import shutil
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from reelmill.core import gate
from reelmill.core.keys import WRITTEN, user_key
from reelmill.engine.execution import portions, shared_stage
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.stage import Inputs, StageContext
from reelmill.engine.telemetry.metrics import FileOutcome
from reelmill.runs.engine import Engine
from reelmill.runs.run import Run
from reelmill.runs.task import Task, task_named
from reelmill.scale.claims import Claims
from reelmill.scale.exchange import PORTIONS, FolderExchange, remove_portions
from reelmill.scale.worker import WorkerPlace, worker_run
from tests.engine.execution.test_parts import ShoutLines
from tests.engine.toys import Read, Shout, ShoutModel, Words, Write
from tests.scale.cluster import artifacts, wait_until
from tests.scale.toycluster import toys

SAMPLES = Path(str(resources.files("reelmill") / "assets" / "samples"))
#: Nobody renews claims in these tests.
LONG_S, SHORT_S = 600.0, 0.5
WORDS = [f"word{n}" for n in range(100)]


@dataclass(frozen=True)
class ShoutHanded(ShoutLines):
    """A stage with parts whose `split` hands something to `merge`."""

    def split(self, context: StageContext, inputs: Inputs) -> Any:
        yield from super().split(context, inputs)
        return [context.part, {"letters": len(inputs[Words].words[context.part])}]

    def merge(self, context: StageContext, inputs: Inputs, outputs: Iterator[str]) -> Shout:
        return Shout(f"{''.join(outputs)} {context.handed}")


def lines() -> Task:
    """A task with a model stage that has parts."""
    shout = ShoutHanded(ShoutModel(0.02))
    return replace(
        toys(None, 0.0)("toy"),
        build=lambda context: Pipeline("toy", [Write(context.out), shout, Read()]),
    )


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The processes of all engines in this file: starting them takes longer than their work."""
    with Engine(device="cpu", workers=2) as made:
        yield made


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    """An output folder that is open, as while a worker has shards."""
    out = tmp_path / "out"
    with gate.output(out, "toy", [], user_key().seal.key_for(WRITTEN)):
        yield out


def meet(*exchanges: FolderExchange) -> None:
    """Let none take a portion before all want one: on a busy machine one may otherwise be done
    before the other has begun."""
    here = [threading.Event() for _ in exchanges]

    def met(mine: threading.Event, take: Callable[[str], bool], what: str) -> bool:
        mine.set()
        assert all(one.wait(120) for one in here)
        return take(what)

    for mine, one in zip(here, exchanges, strict=True):
        one.take = partial(met, mine, one.take)  # type: ignore[method-assign]


class Partner:
    """A worker that makes whatever of the recordings nobody else does."""

    def __init__(
        self,
        engine: Engine,
        out: Path,
        name: str,
        task: Task | None = None,
        delay: float = 0.05,
        lease_s: float = LONG_S,
        **given: Any,
    ) -> None:
        place = WorkerPlace(out, name)
        claims = Claims(place.claims, name, lease_s)
        self.folder = place.folder
        self.exchange = FolderExchange(
            out / gate.CACHE, place.folder / gate.CACHE, claims, user_key().seal
        )
        task = task or toys(None, delay)("toy")
        self.run = worker_run(task, place.folder, given, engine, exchange=self.exchange)

    def start(self, *originals: Path) -> None:
        self.exchange.share(map(str, originals))
        self.run.start()
        self.run.add(list(originals))
        self.run.close()

    def end(self) -> FileOutcome:
        """The outcome of its only recording."""
        return self.run.wait(180).outcomes[0]

    def inferred(self) -> int:
        """How many items its model has seen."""
        return inferred(self.run, "shout")


def inferred(run: Run, stage: str) -> int:
    assert run.summary is not None
    return next(one.items for one in run.summary.stages if one.name == stage)


def recording(folder: Path, text: str) -> Path:
    path = folder / "long.wav"
    path.write_text(text)
    return path


def alone(engine: Engine, original: Path, out: Path, task: Task | None = None) -> dict[str, bytes]:
    """What one engine makes of it, without the files for people."""
    task = task or toys(None, 0.0)("toy")
    with Run(task, original, out=out, engine=engine) as run:
        run.wait(180)
    return for_machines(out)


def for_machines(out: Path) -> dict[str, bytes]:
    """Results of stages, without those that workers do not make or that are removed again."""
    return {path: data for path, data in artifacts(out).items() if "/decode-" not in path}


def offered(out: Path) -> list[Path]:
    return sorted((out / gate.CACHE / PORTIONS).glob("*/*.portion"))


def test_two_engines_divide_the_items_and_have_the_same_result(
    engine: Engine, shared: Path, tmp_path: Path
) -> None:
    original = recording(tmp_path, " ".join(WORDS))
    partners = [Partner(engine, shared, name) for name in ("one", "two")]
    meet(*(partner.exchange for partner in partners))
    for partner in partners:
        partner.start(original)
    assert [partner.end().status for partner in partners] == ["done", "done"]
    counts = [partner.inferred() for partner in partners]
    assert sum(counts) == len(WORDS) and min(counts) >= 16, f"divided, nothing twice: {counts}"
    expected = alone(engine, original, tmp_path / "alone")
    assert len(expected) == 2
    for partner in partners:
        assert for_machines(partner.folder) == expected, "byte for byte"
    assert len(offered(shared)) == 13

    late = Partner(engine, shared, "late")
    late.start(original)
    late.end()
    assert late.inferred() == 0, "what is there as a whole is brought"
    assert for_machines(late.folder).items() <= expected.items()

    shutil.rmtree(shared / gate.CACHE / "artifacts")
    damaged, moved, there = offered(shared)[5:8]
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    shutil.copyfile(there, moved)
    careful = Partner(engine, shared, "careful")
    careful.start(original)
    careful.end()
    assert careful.inferred() == 16, "what somebody has changed or put there is made again"
    assert for_machines(careful.folder) == expected
    remove_portions(shared / gate.CACHE)
    assert not offered(shared)


def test_what_a_lost_engine_had_is_taken_over(engine: Engine, shared: Path, tmp_path: Path) -> None:
    original = recording(tmp_path, " ".join(WORDS))
    lost = Partner(engine, shared, "lost", delay=0.3)
    lost.exchange.give_back = lambda what: None  # type: ignore[method-assign]
    lost.start(original)
    wait_until(lambda: len(offered(shared)) >= 2)
    lost.run.stop("lost")
    lost.run.stop("at once")
    lost.run.join()
    done = len(offered(shared))
    assert list((shared / gate.CACHE / "claims").glob("*.claim")), "gone with claims in its hands"
    heir = Partner(engine, shared, "heir", lease_s=SHORT_S)
    heir.start(original)
    assert heir.end().status == "done"
    assert heir.inferred() == len(WORDS) - 8 * done, "and what it had done was not done again"
    assert for_machines(heir.folder) == alone(engine, original, tmp_path / "alone")


def test_an_engine_that_is_stopped_gives_back_what_it_has(
    engine: Engine, shared: Path, tmp_path: Path
) -> None:
    original = recording(tmp_path, " ".join(WORDS))
    stopped = Partner(engine, shared, "stopped", delay=0.3)
    stopped.start(original)
    wait_until(lambda: offered(shared))
    began = time.monotonic()
    stopped.run.stop()
    stopped.run.join()
    assert time.monotonic() - began < 30
    assert not list((shared / gate.CACHE / "claims").glob("*.claim"))


def test_bad_input_fails_the_recording_as_in_one_engine(
    engine: Engine, shared: Path, tmp_path: Path
) -> None:
    original = recording(tmp_path, " ".join([*WORDS[:50], "wrong", *WORDS[50:]]))
    partners = [Partner(engine, shared, name, delay=0.01) for name in ("one", "two")]
    for partner in partners:
        partner.start(original)
    failures = [partner.end().failure for partner in partners]
    with Run(toys(None, 0.0)("toy"), original, out=tmp_path / "alone", engine=engine) as run:
        expected = run.wait(180).outcomes[0].failure
    assert expected is not None and failures == [expected, expected]


def test_parts_of_a_stage_are_divided_with_what_split_returned(
    engine: Engine, shared: Path, tmp_path: Path
) -> None:
    words = WORDS[:60]
    original = recording(tmp_path, " ".join(words))
    partners = [Partner(engine, shared, name, lines()) for name in ("one", "two")]
    meet(*(partner.exchange for partner in partners))
    for partner in partners:
        partner.start(original)
    assert [partner.end().status for partner in partners] == ["done", "done"]
    counts = [partner.inferred() for partner in partners]
    assert sum(counts) == len("".join(words)) and min(counts) > 0, counts
    expected = alone(engine, original, tmp_path / "alone", lines())
    for partner in partners:
        assert for_machines(partner.folder) == expected, "byte for byte"


def repeated(sound: Path, times: int, path: Path) -> Path:
    """A sound several times in a row, so that there is something for everybody to do."""
    with wave.open(str(sound)) as read, wave.open(str(path), "wb") as written:
        written.setparams(read.getparams())
        written.writeframes(read.readframes(read.getnframes()) * times)
    return path


def test_a_real_call_is_divided(
    engine: Engine, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (portions, shared_stage):
        monkeypatch.setattr(module, "SIZE", 1)
    original = repeated(SAMPLES / "voicemail.wav", 8, tmp_path / "call.wav")
    given = {"model": "demo", "language": "en", "batch_size": 2, "max_batch": 2}
    voice = task_named("voice")
    partners = [Partner(engine, shared, name, voice, **given) for name in ("one", "two")]
    meet(*(partner.exchange for partner in partners))
    for partner in partners:
        partner.start(original)
    assert [partner.end().status for partner in partners] == ["done", "done"]
    with Run("voice", original, out=tmp_path / "alone", engine=engine, **given) as run:
        run.wait(180)
    stages = ("recognize", "align", "activity", "voices")
    counts = [[inferred(one.run, stage) for stage in stages] for one in partners]
    assert [sum(both) for both in zip(*counts, strict=True)] == [
        inferred(run, stage) for stage in stages
    ], "nothing twice"
    assert min(map(sum, counts)) > 0, f"divided: {counts}"
    expected = for_machines(tmp_path / "alone")
    for partner in partners:
        made = for_machines(partner.folder)
        assert len(made) > 8 and made.items() <= expected.items(), "byte for byte"
