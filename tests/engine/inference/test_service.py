"""Items become outputs under a random schedule of faults, with scripted model workers.

In every case, each recording ends, finished or failed for its own reason, and every block of the
arena is freed exactly once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from reelmill.core.keys import Seal
from reelmill.engine.config import EngineConfig
from reelmill.engine.inference.run_inference import RunInference
from reelmill.engine.inference.service import InferenceService
from reelmill.engine.inference.stage_run import StageFailed, StageRun
from reelmill.engine.inference.told import Told
from reelmill.engine.process import cpu_worker, model_worker, model_worker_client
from reelmill.engine.process.arena import Allocator, Block
from reelmill.engine.process.client import Client
from reelmill.engine.process.cpu_worker import Keys
from reelmill.engine.process.model_worker import Inferred, ModelWorkerError
from reelmill.engine.stage import Device, Stage
from reelmill.errors import CrashError, Failure, ModelUnavailableError, TransientError
from tests.engine.toys import Read, ShoutModel, ShoutStage

PAGE = 4096
STAGES = (Read(), ShoutStage(ShoutModel()))
SHOUT = 1

#: What a scripted model worker does with a batch: outputs, or an exception to raise.
Act = Callable[[model_worker.Batch], Inferred | ModelWorkerError]


class ScriptedWorker:
    """Speaks as a model worker does, without a process."""

    loaded_mb = 10.0
    load_seconds = 0.0
    warm_up_seconds = None
    paces: ClassVar[dict[int, float]] = {}
    device_mb = None

    def __init__(self, act: Act, load: model_worker.Load, answering: asyncio.Event) -> None:
        self.device, self.spec = load.device, load.spec
        self._act = act
        self._answering = answering
        self._sent: list[model_worker.Batch] = []
        self.process = SimpleNamespace(send=self.send, receive=self.receive, pid=1)

    async def send(self, batch: model_worker.Batch) -> None:
        await asyncio.sleep(0)
        self._sent.append(batch)

    def can_infer(self, stages: Any) -> bool:
        return True

    async def update(self, stages: Any, clients: Any) -> None:
        await asyncio.sleep(0)

    async def receive(self, deadline: float) -> Inferred | ModelWorkerError:
        await asyncio.sleep(0)
        await self._answering.wait()
        return self._act(self._sent.pop(0))

    async def stop(self) -> None:
        await asyncio.sleep(0)


def outputs(batch: model_worker.Batch) -> Inferred:
    return Inferred(tuple((7, 5) for _ in batch.blocks), 0.0, 0.001, 10.0)


def out_of_memory() -> ModelWorkerError:
    return ModelWorkerError("resource", "out of memory", "")


class CheckedAllocator(Allocator):
    """Refuses to free blocks that are not allocated."""

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
    """An Inference with scripted model workers and recordings that are split by coroutines."""

    def __init__(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        act: Act,
        pages: int = 16,
        stages: Sequence[Stage] = STAGES,
        **config: Any,
    ) -> None:
        self.folder = folder
        self.fatal: list[str] = []
        self.warnings: list[str] = []
        self.batches: list[int] = []
        self.disk_full = 0
        self.start_errors: list[Exception] = []
        self.starts = self.starting = self.most_starting = 0
        #: While this is not set, model workers do not answer.
        self.answering = asyncio.Event()
        self.answering.set()
        self.allocator = CheckedAllocator(pages * PAGE)

        async def start(name: str, load: model_worker.Load, *_: Any, **__: Any) -> ScriptedWorker:
            self.starting += 1
            self.most_starting = max(self.most_starting, self.starting)
            await asyncio.sleep(0)
            self.starting -= 1
            self.starts += 1
            if self.start_errors:
                raise self.start_errors.pop(0)
            return ScriptedWorker(act, load, self.answering)

        monkeypatch.setattr(model_worker_client.ModelWorker, "start", start)
        settings = {"batch_size": 4, "max_batch": 4, "retry_waits": (0.0, 0.0, 0.0), **config}
        self.service = InferenceService(
            EngineConfig(folder, **settings), 0, self.allocator, folder, lambda: None
        )
        self.stages = stages
        self.inference = self.join()

    def join(self, **client: Any) -> RunInference:
        """A run on these model workers."""
        told = Told(
            batch=lambda done: self.batches.append(len(done.items)),
            fatal=self.fatal.append,
            disk_full=self._count_disk_full,
            warning=self.warnings.append,
        )
        return self.service.join(Client(self.stages, Keys(Seal(b"k" * 32)), **client), told)

    def _count_disk_full(self) -> None:
        self.disk_full += 1

    async def take_through(
        self, label: str, items: int, run: RunInference | None = None
    ) -> StageRun:
        """Do what a stage run does: split while there is room, wait, close."""
        run = run or self.inference
        stage_run = run.open(SHOUT, label, self.folder / f"{label}.spill")
        try:
            try:
                for index in range(items):
                    block = await self.inference.items.room(stage_run, PAGE * (1 + index % 3))
                    if block is None:
                        break
                    self.inference.items.add(
                        stage_run, cpu_worker.Sent(index, float(1 + index % 5), block)
                    )
            finally:
                self.inference.items.split_ended(stage_run, None if stage_run.closed else items)
            await stage_run.finished
        finally:
            self.inference.items.close(stage_run)
        return stage_run


def play(scene: Scene, do: Any) -> Any:
    async def body() -> Any:
        try:
            return await asyncio.wait_for(do, 120)
        finally:
            await scene.service.stop()

    return asyncio.run(body())


def scene_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Act, **config: Any) -> Scene:
    return Scene(tmp_path, monkeypatch, act, **config)


class LightModel(ShoutModel):
    @property
    def lightweight(self) -> bool:
        return True


class QuickModel(ShoutModel):
    @property
    def loads_quickly(self) -> bool:
        return True


@pytest.mark.parametrize("model", [LightModel(), QuickModel()])
def test_a_small_model_gets_another_worker_only_when_splitting_waits_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: ShoutModel
) -> None:
    # proves: G4
    cpus = (Device("cpu", 0), Device("cpu", 1))
    stages = (Read(), ShoutStage(model))
    scene = Scene(
        tmp_path, monkeypatch, outputs, stages=stages, devices=cpus, cores=2,
        model_workers_open=True,
    )  # fmt: skip
    replicas, items = scene.service.replicas, scene.service.items

    async def begins(looks: int, *, more_waits: bool = True) -> int:
        for _ in range(looks):
            replicas.reinforce(is_behind=items.were_behind(), more_waits=more_waits)
            for _ in range(200):  # so many steps of the loop, however fast it is
                await asyncio.sleep(0)
        return scene.starts

    async def go() -> list[int]:
        first = asyncio.create_task(scene.take_through("a", 3))
        await first
        quiet = await begins(5)  # nothing is split
        scene.answering.clear()
        second = asyncio.create_task(scene.take_through("b", 40))
        counts = [quiet, await begins(1), await begins(6, more_waits=False)]
        counts += [await begins(1), await begins(9)]
        scene.answering.set()
        await second
        return counts

    assert play(scene, go()) == [1, 1, 1, 2, 2]


def test_parts_that_no_process_splits_yet_do_not_hide_that_splitting_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long recording begins the stage runs of all its parts at once."""
    scene = scene_of(tmp_path, monkeypatch, outputs, cores=2)
    items = scene.service.items

    async def go() -> list[bool]:
        later = scene.inference.open(SHOUT, "part 2", scene.folder / "part 2.spill")
        scene.answering.clear()
        first = asyncio.create_task(scene.take_through("part 1", 40))
        for _ in range(200):
            await asyncio.sleep(0)
        behind = [items.were_behind()]
        scene.answering.set()
        await first
        items.were_behind()
        behind.append(items.were_behind())
        items.split_ended(later, 0)
        items.close(later)
        return behind

    assert play(scene, go()) == [True, False]


def test_models_that_keep_all_cores_busy_are_not_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_of(tmp_path, monkeypatch, outputs, cores=1)

    async def go() -> bool:
        scene.answering.clear()
        taken = asyncio.create_task(scene.take_through("a", 40))
        for _ in range(200):
            await asyncio.sleep(0)
        scene.service.items.were_behind()  # from before the model had its first batch
        behind = scene.service.items.were_behind()
        scene.answering.set()
        await taken
        return behind

    assert not play(scene, go())


def test_outputs_keep_the_order_of_the_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G2
    scene = scene_of(tmp_path, monkeypatch, outputs)
    stage_run = play(scene, scene.take_through("a", 11))
    assert stage_run.places.tolist() == [0, 7, 5] * 11
    assert sum(scene.batches) == 11 and len(scene.batches) < 11
    assert scene.allocator.out == set()


def test_an_empty_recording_is_finished_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_of(tmp_path, monkeypatch, outputs)
    stage_run = play(scene, scene.take_through("a", 0))
    assert stage_run.settled and len(stage_run.places) == 0


class Faults:
    """Random faults; marked items always cause the given fault."""

    def __init__(self, seed: int, poison: dict[str, str]) -> None:
        self._choice = random.Random(seed)
        self._poison = poison
        self._transient = 30

    def __call__(self, batch: model_worker.Batch) -> Inferred | ModelWorkerError:
        for spill_file in batch.spill_files:
            kind = self._poison.get(Path(spill_file).name.split(".")[0])
            if kind == "crash":
                raise CrashError("model-worker-0 killed by SIGSEGV")
            if kind is not None:
                return ModelWorkerError(kind, f"a case of {kind}", "")  # type: ignore[arg-type]
        if self._transient and self._choice.random() < 0.3:
            self._transient -= 1
            if len(batch.blocks) == 1:
                return outputs(batch)
            if self._choice.random() < 0.5:
                raise CrashError("model-worker-0 killed by SIGKILL")
            return out_of_memory()
        return outputs(batch)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("devices", [1, 2])
def test_any_schedule_of_faults_ends_with_a_result_for_every_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, devices: int
) -> None:
    # proves: G4 G10 G20
    kinds = ["crash", "input", "resource", "transient"]
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
            assert end.final == (poison[label] != "transient")
            assert label in end.failure.message
        else:
            assert isinstance(end, StageRun), f"{label} paid for another: {end!r}"
            assert len(end.places) == 3 * counts[label]
    assert scene.allocator.out == set() and scene.allocator.used == 0
    assert scene.inference.queued(SHOUT) == 0


def test_an_item_too_large_for_the_gpu_runs_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G4
    def act(batch: model_worker.Batch) -> Inferred | ModelWorkerError:
        is_big = any(Path(spill_file).name.startswith("big") for spill_file in batch.spill_files)
        on_gpu = Device("cpu") not in scene.inference.replicas.devices
        return out_of_memory() if is_big and on_gpu else outputs(batch)

    scene = scene_of(tmp_path, monkeypatch, act, devices=(Device("cuda"),))

    async def everybody() -> list[StageRun]:
        return await asyncio.gather(scene.take_through("big", 1), scene.take_through("other", 9))

    assert [len(stage_run.places) for stage_run in play(scene, everybody())] == [3, 27]
    assert any("continues on the CPU" in text for text in scene.warnings)


def test_out_of_memory_does_not_count_as_a_crash_of_the_item(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G4 G10
    told = iter(["memory", "memory", "death"])

    def act(batch: model_worker.Batch) -> Inferred | ModelWorkerError:
        what = next(told, None)
        if what == "death":
            raise CrashError("killed")
        return out_of_memory() if what else outputs(batch)

    scene = scene_of(tmp_path, monkeypatch, act)
    assert len(play(scene, scene.take_through("a", 1)).places) == 3


def test_spill_files_of_a_failed_recording_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G12
    async def late() -> None:
        stage_run = scene.inference.open(SHOUT, "a", tmp_path / "a.spill")
        block = await scene.inference.items.room(stage_run, PAGE)
        assert block is not None
        scene.inference.items.add(stage_run, cpu_worker.Sent(0, 1.0, block))
        while not scene.inference.busy:
            await asyncio.sleep(0)
        stage_run.fail(StageFailed(Failure("shout", "input", "bad"), final=True))
        scene.inference.items.close(stage_run)
        assert block in scene.allocator.out, "the model worker still reads it"
        while scene.inference.busy:
            await asyncio.sleep(0)

    def write(batch: model_worker.Batch) -> Inferred:
        for spill_file in batch.spill_files:
            Path(spill_file).write_bytes(b"too late")
        return outputs(batch)

    scene = scene_of(tmp_path, monkeypatch, write)
    play(scene, late())
    assert list(tmp_path.glob("*.spill*")) == []
    assert scene.allocator.out == set()


def test_each_try_has_separate_spill_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a model worker may still be writing for the first when the second is merged
    scene = scene_of(tmp_path, monkeypatch, outputs)

    async def twice() -> tuple[StageRun, StageRun]:
        return await scene.take_through("a", 3), await scene.take_through("a", 3)

    one, two = play(scene, twice())
    assert not set(one.spill_files) & set(two.spill_files)


def test_a_model_worker_that_dies_before_its_first_output_leaves_no_spill_file_to_be_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G10 G16
    two = (Device("cpu", 0), Device("cpu", 1))
    told: list[str] = []

    def first_dies(batch: model_worker.Batch) -> Inferred:
        told.append(Path(batch.spill_files[0]).suffix)
        if len(set(told)) == 1:
            raise CrashError("killed before it wrote anything")
        return outputs(batch)

    scene = scene_of(tmp_path, monkeypatch, first_dies, devices=two)
    stage_run = play(scene, scene.take_through("a", 1))
    assert [spill_file.suffix for spill_file in stage_run.spill_files] == [told[-1]]


def test_arena_room_is_granted_in_turn_and_refused_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G20
    scene = scene_of(tmp_path, monkeypatch, outputs, pages=4)

    async def wait() -> None:
        first, second = (
            scene.inference.open(SHOUT, label, tmp_path / label) for label in ("one", "two")
        )
        room = scene.inference.items.room
        block = await room(first, 3 * PAGE)
        large, small = room(first, 2 * PAGE), room(second, PAGE)
        await asyncio.sleep(0)
        assert not large.done() and not small.done(), "the small one does not overtake"
        assert not scene.inference.has_room()
        first.closed = True
        scene.inference.items.close(first)
        assert await large is None and await small is not None
        assert block is not None and block not in scene.allocator.out
        scene.inference.items.close(second)

    play(scene, wait())
    assert scene.allocator.out == set()


def test_nothing_waits_for_arena_room_once_the_run_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G12
    scene = scene_of(tmp_path, monkeypatch, outputs, pages=1)

    async def wait() -> None:
        stage_run = scene.inference.open(SHOUT, "one", tmp_path / "one")
        assert await scene.inference.items.room(stage_run, PAGE) is not None
        second = scene.inference.items.room(stage_run, PAGE)
        scene.inference.drain()
        assert await second is None
        assert await scene.inference.items.room(stage_run, PAGE) is None
        scene.inference.items.close(stage_run)

    play(scene, wait())


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_no_more_models_load_at_a_time_than_there_are_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    # proves: G9
    cpus = tuple(Device("cpu", at) for at in range(3))
    scene = scene_of(tmp_path, monkeypatch, outputs, devices=cpus, cores=cores)
    play(scene, scene.take_through("a", 20))
    assert scene.starts == 3 and scene.most_starting == min(cores, 3)


def test_a_failed_start_of_a_model_worker_is_retried_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G11
    scene = scene_of(tmp_path, monkeypatch, outputs)
    scene.start_errors = [TransientError("busy"), CrashError("killed")]
    play(scene, scene.take_through("a", 2))
    assert scene.starts == 3 and len(scene.warnings) == 2 and scene.fatal == []


def test_missing_weights_stop_the_run_at_once(
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


def test_a_full_disk_fails_no_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(batch: model_worker.Batch) -> ModelWorkerError:
        return ModelWorkerError("input", "no space left", "", disk_full=True)

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


def test_a_stage_with_large_items_gets_longer_deadlines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # proves: G10
    deadlines: list[float] = []
    receive = ScriptedWorker.receive

    async def noting(worker: ScriptedWorker, deadline: float) -> Inferred | ModelWorkerError:
        deadlines.append(deadline)
        return await receive(worker, deadline)

    monkeypatch.setattr(ScriptedWorker, "receive", noting)
    monkeypatch.setattr(ShoutStage, "timeout_per_cost", 1000.0)
    monkeypatch.setattr(ShoutStage, "max_batch_size", 1)
    scene = scene_of(tmp_path, monkeypatch, outputs)
    play(scene, scene.take_through("a", 4))  # of cost 1 to 4
    assert scene.batches == [1, 1, 1, 1]
    assert all(least <= one for least, one in zip((1000, 2000, 3000, 4000), deadlines, strict=True))


def test_runs_share_batches_and_a_full_disk_stops_only_the_run_whose_disk_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: list[int] = []

    def full_for_one(batch: model_worker.Batch) -> Inferred | ModelWorkerError:
        owners = {Path(spill_file).name[0] for spill_file in batch.spill_files}
        shared.append(len(owners))
        if "b" in owners:
            return ModelWorkerError("input", "no space left", "", disk_full=True)
        return outputs(batch)

    scene = scene_of(tmp_path, monkeypatch, full_for_one)
    other = scene.join()

    async def both() -> StageRun:
        scene.answering.clear()
        good = asyncio.create_task(scene.take_through("a", 6))
        bad = asyncio.create_task(scene.take_through("b", 6, other))
        for _ in range(200):
            await asyncio.sleep(0)
        scene.answering.set()
        while not scene.disk_full:
            await asyncio.sleep(0)
        other.drain()
        done = await good
        bad.cancel()
        await asyncio.gather(bad, return_exceptions=True)
        scene.service.leave(other)
        return done

    assert len(play(scene, both()).places) == 18
    assert max(shared) == 2 and scene.fatal == []
    assert scene.allocator.out == set()


def test_a_model_is_unloaded_when_no_run_needs_it_and_loaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_of(tmp_path, monkeypatch, outputs)
    client = scene.inference.owner.client

    async def go() -> list[Any]:
        with client.working():
            await scene.take_through("a", 2)
            needed = await scene.service.unload_idle()
        idle = await scene.service.unload_idle()
        await scene.take_through("b", 2)
        return [needed, idle, scene.starts]

    assert play(scene, go()) == [[], ["shouter"], 2]
