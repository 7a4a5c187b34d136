"""Items to outputs under a random schedule of faults, with hosts that are scripted.

Whatever happens: every recording ends, finished or failed for a reason that is its own, and every
block of the arena comes back exactly once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.service import Inference
from reelmill.engine.inference.stage_run import Flight, StageFailed
from reelmill.engine.process import cpu_worker as work
from reelmill.engine.process import model_worker as hosting
from reelmill.engine.process import model_worker_client as hosts
from reelmill.engine.process.arena import Allocator, Block
from reelmill.engine.process.model_worker import HostError, Inferred
from reelmill.engine.stage import Device
from reelmill.errors import CrashError, Failure, ModelUnavailableError, TransientError
from tests.engine.toys import Read, ShoutModel, ShoutStage

PAGE = 4096
STAGES = (Read(), ShoutStage(ShoutModel()))
SHOUT = 1

#: What a scripted host does with a batch: an answer, or an exception to raise.
Act = Callable[[hosting.Batch], Inferred | HostError]


class ScriptedHost:
    """Speaks as a model host does, without a process."""

    footprint_mb = 10.0
    load_seconds = 0.0
    warm_up_seconds = None
    paces: ClassVar[dict[int, float]] = {}
    device_mb = None

    def __init__(self, act: Act, load: hosting.Load) -> None:
        self.device, self.spec = load.device, load.spec
        self._act = act
        self._sent: list[hosting.Batch] = []
        self.child = SimpleNamespace(send=self.send, receive=self.receive, pid=1)

    async def send(self, batch: hosting.Batch) -> None:
        await asyncio.sleep(0)
        self._sent.append(batch)

    async def receive(self, deadline: float) -> Inferred | HostError:
        await asyncio.sleep(0)
        return self._act(self._sent.pop(0))

    async def stop(self) -> None:
        await asyncio.sleep(0)


def outputs(batch: hosting.Batch) -> Inferred:
    return Inferred(tuple((7, 5) for _ in batch.blocks), 0.0, 0.001, 10.0)


def out_of_memory() -> HostError:
    return HostError("resource", "out of memory", "")


class CheckedAllocator(Allocator):
    """Refuses to take back what is not out."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.out: set[Block] = set()

    def allocate(self, size: int) -> Block | None:
        block = super().allocate(size)
        if block is not None:
            self.out.add(block)
        return block

    def free(self, block: Block) -> None:
        assert block in self.out, "freed twice"
        self.out.discard(block)
        super().free(block)


class Scene:
    """An Inference with scripted hosts and recordings that are split by coroutines."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        act: Act,
        pages: int = 16,
        **config: Any,
    ) -> None:
        self.folder = folder
        self.fatal: list[str] = []
        self.warnings: list[str] = []
        self.batches: list[int] = []
        self.disk_full = 0
        self.start_errors: list[Exception] = []
        self.starts = 0
        self.allocator = CheckedAllocator(pages * PAGE)

        async def start(name: str, load: hosting.Load, *_: Any, **__: Any) -> ScriptedHost:
            await asyncio.sleep(0)
            self.starts += 1
            if self.start_errors:
                raise self.start_errors.pop(0)
            return ScriptedHost(act, load)

        monkeypatch.setattr(hosts.ModelHost, "start", start)
        settings = {"batch_size": 4, "max_batch": 4, "retry_waits": (0.0, 0.0, 0.0), **config}
        self.inference = Inference(
            STAGES,
            EngineConfig(folder, **settings),
            0,
            self.allocator,
            folder,
            on_batch=lambda done: self.batches.append(len(done.items)),
            on_room=lambda: None,
            on_fatal=self.fatal.append,
            on_disk_full=self._count_disk_full,
            on_warning=self.warnings.append,
        )

    def _count_disk_full(self) -> None:
        self.disk_full += 1

    async def take_through(self, label: str, items: int) -> Flight:
        """What a passage does: split as there is room, wait, close."""
        flight = self.inference.open(SHOUT, label, self.folder / f"{label}.spool")
        try:
            try:
                for index in range(items):
                    block = await self.inference.room(flight, PAGE * (1 + index % 3))
                    if block is None:
                        break
                    self.inference.add(flight, work.Sent(index, float(1 + index % 5), block))
            finally:
                self.inference.split_ended(flight, None if flight.closed else items)
            await flight.finished
        finally:
            self.inference.close(flight)
        return flight


def play(scene: Scene, do: Any) -> Any:
    async def body() -> Any:
        try:
            return await asyncio.wait_for(do, 30)
        finally:
            await scene.inference.stop()

    return asyncio.run(body())


def scene_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Act, **config: Any) -> Scene:
    return Scene(tmp_path, monkeypatch, act, **config)


def test_all_outputs_come_in_the_order_of_the_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G2
    scene = scene_of(tmp_path, monkeypatch, outputs)
    flight = play(scene, scene.take_through("a", 11))
    assert flight.places.tolist() == [0, 7, 5] * 11
    assert sum(scene.batches) == 11 and len(scene.batches) < 11
    assert scene.allocator.out == set()


def test_an_empty_recording_is_finished_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_of(tmp_path, monkeypatch, outputs)
    flight = play(scene, scene.take_through("a", 0))
    assert flight.settled and len(flight.places) == 0


class Faults:
    """Random faults; items with a mark on them are always at fault, in the way given."""

    def __init__(self, seed: int, poison: dict[str, str]) -> None:
        self._choice = random.Random(seed)
        self._poison = poison
        self._passing = 30

    def __call__(self, batch: hosting.Batch) -> Inferred | HostError:
        for spool in batch.spools:
            kind = self._poison.get(Path(spool).name.split(".")[0])
            if kind == "crash":
                raise CrashError("host-0 killed by SIGSEGV")
            if kind is not None:
                return HostError(kind, f"a case of {kind}", "")  # type: ignore[arg-type]
        if self._passing and self._choice.random() < 0.3:
            self._passing -= 1
            if len(batch.blocks) == 1:
                return outputs(batch)
            if self._choice.random() < 0.5:
                raise CrashError("host-0 killed by SIGKILL")
            return out_of_memory()
        return outputs(batch)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("devices", [1, 2])
def test_any_schedule_of_faults_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, devices: int
) -> None:
    # proves: G4 G10 G20
    kinds = ["crash", "input", "resource", "passing"]
    choice = random.Random(seed)
    poison = {f"bad{n}": choice.choice(kinds) for n in range(choice.randrange(3))}
    counts = {f"good{n}": choice.randrange(25) for n in range(6)}
    counts.update({name: choice.randrange(1, 12) for name in poison})
    scene = scene_of(
        tmp_path,
        monkeypatch,
        Faults(seed, poison),
        pages=choice.randrange(3, 24),
        devices=tuple(Device("cpu", at) for at in range(devices)),
    )
    labels = choice.sample(list(counts), len(counts))

    async def everybody() -> list[Any]:
        return await asyncio.gather(
            *(scene.take_through(label, counts[label]) for label in labels),
            return_exceptions=True,
        )

    ends = dict(zip(labels, play(scene, everybody()), strict=True))
    assert scene.fatal == []
    for label, end in ends.items():
        if label in poison:
            assert isinstance(end, StageFailed)
            assert end.failure.kind == poison[label]
            assert end.final == (poison[label] != "passing")
            assert label in end.failure.message
        else:
            assert isinstance(end, Flight), f"{label} paid for another: {end!r}"
            assert len(end.places) == 3 * counts[label]
    assert scene.allocator.out == set() and scene.allocator.used == 0
    assert scene.inference.queued(SHOUT) == 0


def test_an_item_for_which_a_gpu_has_no_room_is_tried_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G4
    def act(batch: hosting.Batch) -> Inferred | HostError:
        is_big = any(Path(spool).name.startswith("big") for spool in batch.spools)
        on_gpu = Device("cpu") not in scene.inference.devices
        return out_of_memory() if is_big and on_gpu else outputs(batch)

    scene = scene_of(tmp_path, monkeypatch, act, devices=(Device("cuda"),))

    async def everybody() -> list[Flight]:
        return await asyncio.gather(scene.take_through("big", 1), scene.take_through("other", 9))

    assert [len(flight.places) for flight in play(scene, everybody())] == [3, 27]
    assert any("goes on on the CPU" in text for text in scene.warnings)


def test_memory_that_ran_out_is_not_held_against_an_item_whose_host_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G4 G10
    told = iter(["memory", "memory", "death"])

    def act(batch: hosting.Batch) -> Inferred | HostError:
        what = next(told, None)
        if what == "death":
            raise CrashError("killed")
        return out_of_memory() if what else outputs(batch)

    scene = scene_of(tmp_path, monkeypatch, act)
    assert len(play(scene, scene.take_through("a", 1)).places) == 3


def test_what_a_host_writes_for_a_failed_recording_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G12
    async def late() -> None:
        flight = scene.inference.open(SHOUT, "a", tmp_path / "a.spool")
        block = await scene.inference.room(flight, PAGE)
        assert block is not None
        scene.inference.add(flight, work.Sent(0, 1.0, block))
        while not scene.inference.busy:
            await asyncio.sleep(0)
        flight.fail(StageFailed(Failure("shout", "input", "bad"), final=True))
        scene.inference.close(flight)
        assert block in scene.allocator.out, "the host still reads it"
        while scene.inference.busy:
            await asyncio.sleep(0)

    def write(batch: hosting.Batch) -> Inferred:
        for spool in batch.spools:
            Path(spool).write_bytes(b"too late")
        return outputs(batch)

    scene = scene_of(tmp_path, monkeypatch, write)
    play(scene, late())
    assert list(tmp_path.glob("*.spool*")) == []
    assert scene.allocator.out == set()


def test_each_try_has_spools_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a host may still be writing for the first when the second is merged
    scene = scene_of(tmp_path, monkeypatch, outputs)

    async def twice() -> tuple[Flight, Flight]:
        return await scene.take_through("a", 3), await scene.take_through("a", 3)

    one, two = play(scene, twice())
    assert not set(one.spools) & set(two.spools)


def test_a_host_that_dies_before_its_first_output_leaves_no_spool_to_be_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G10 G16
    two = (Device("cpu", 0), Device("cpu", 1))
    told: list[str] = []

    def first_dies(batch: hosting.Batch) -> Inferred:
        told.append(Path(batch.spools[0]).suffix)
        if len(set(told)) == 1:
            raise CrashError("killed before it wrote anything")
        return outputs(batch)

    scene = scene_of(tmp_path, monkeypatch, first_dies, devices=two)
    flight = play(scene, scene.take_through("a", 1))
    assert [spool.suffix for spool in flight.spools] == [told[-1]]


def test_room_is_given_in_turn_and_refused_to_who_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G20
    scene = scene_of(tmp_path, monkeypatch, outputs, pages=4)

    async def wait() -> None:
        first, second = (Flight(SHOUT, label, tmp_path / label) for label in ("one", "two"))
        room = scene.inference.room
        block = await room(first, 3 * PAGE)
        large, small = room(first, 2 * PAGE), room(second, PAGE)
        await asyncio.sleep(0)
        assert not large.done() and not small.done(), "the small one does not overtake"
        assert not scene.inference.has_room()
        first.closed = True
        scene.inference.close(first)
        assert await large is None and await small is not None
        assert block is not None and block not in scene.allocator.out
        scene.inference.close(second)

    play(scene, wait())
    assert scene.allocator.out == set()


def test_nobody_waits_for_room_once_the_run_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G12
    scene = scene_of(tmp_path, monkeypatch, outputs, pages=1)

    async def wait() -> None:
        flight = Flight(SHOUT, "one", tmp_path / "one")
        assert await scene.inference.room(flight, PAGE) is not None
        second = scene.inference.room(flight, PAGE)
        scene.inference.drain()
        assert await second is None
        assert await scene.inference.room(flight, PAGE) is None
        scene.inference.close(flight)

    play(scene, wait())


def test_a_start_that_fails_is_tried_again_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G11
    scene = scene_of(tmp_path, monkeypatch, outputs)
    scene.start_errors = [TransientError("busy"), CrashError("killed")]
    play(scene, scene.take_through("a", 2))
    assert scene.starts == 3 and len(scene.warnings) == 2 and scene.fatal == []


def test_weights_that_cannot_be_had_stop_the_run_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G11
    scene = scene_of(tmp_path, monkeypatch, outputs)
    scene.start_errors = [ModelUnavailableError("no weights; pull them")]

    async def until_fatal() -> None:
        task = asyncio.create_task(scene.take_through("a", 2))
        while not scene.fatal:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    play(scene, until_fatal())
    assert scene.starts == 1 and "no weights" in scene.fatal[0]
    assert scene.allocator.out == set()


def test_a_full_disk_is_nobodys_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(batch: hosting.Batch) -> HostError:
        return HostError("input", "no space left", "", disk_full=True)

    scene = scene_of(tmp_path, monkeypatch, full)

    async def until_told() -> None:
        task = asyncio.create_task(scene.take_through("a", 2))
        while not scene.disk_full:
            await asyncio.sleep(0)
        scene.inference.drain()
        assert not task.done()
        task.cancel()
        (end,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(end, asyncio.CancelledError)

    play(scene, until_told())


def test_a_stage_with_large_items_is_given_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G10
    deadlines: list[float] = []
    receive = ScriptedHost.receive

    async def noting(host: ScriptedHost, deadline: float) -> Inferred | HostError:
        deadlines.append(deadline)
        return await receive(host, deadline)

    monkeypatch.setattr(ScriptedHost, "receive", noting)
    monkeypatch.setattr(ShoutStage, "patience", 1000.0)
    monkeypatch.setattr(ShoutStage, "most_in_batch", 1)
    scene = scene_of(tmp_path, monkeypatch, outputs)
    play(scene, scene.take_through("a", 4))  # of cost 1 to 4
    assert scene.batches == [1, 1, 1, 1]
    assert all(least <= one for least, one in zip((1000, 2000, 3000, 4000), deadlines, strict=True))
