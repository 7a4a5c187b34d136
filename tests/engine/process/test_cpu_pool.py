"""The CPU pool: order of work, dead workers, stops; no worker is lost."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from reelmill.core.keys import Seal
from reelmill.core.recording import FileState, Recording, read_state
from reelmill.engine.process import cpu_pool, cpu_worker
from reelmill.engine.process.arena import Arena, Block, create_memory
from reelmill.engine.process.client import Client
from reelmill.engine.process.cpu_pool import CpuPool, RunPool
from reelmill.errors import CrashError, NotBegunError
from tests.engine.toys import Read, ShoutModel, ShoutStage, WordItem

SEAL = Seal(b"k" * 32)
STATE = FileState("ab" * 32, "cd" * 16, 1, 1)


class Bench:
    """A pool, its memory, and tasks for it."""

    def __init__(self, folder: Path, size: int, **options: Any) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.log.touch()
        self.memory = create_memory(1 << 20)
        stages = (Read(self.log), ShoutStage(ShoutModel(), self.log))
        keys = cpu_worker.Keys(SEAL, b"spill")
        self.processes = CpuPool(size, self.memory, folder, **options)
        self.client = Client(stages, keys)
        self.pool = self.processes.join(self.client)

    def task(self, text: str, kind: type = cpu_worker.Run, **more: Any) -> Any:
        path = self.folder / f"{len(list(self.folder.glob('*.txt')))}.txt"
        path.write_text(text)
        recording = Recording(path, path.stem, self.folder, STATE)
        target = self.folder / f"{path.stem}.json"
        return kind(0, recording, (), "key", target, **more)

    def read(self, text: str, priority: int = 0, **more: Any) -> Awaitable[Any]:
        return self.pool.run(self.task(text), priority, **more)


def on_bench(
    folder: Path, do: Callable[[Bench], Awaitable[None]], size: int = 1, **options: Any
) -> None:
    async def body() -> None:
        bench = Bench(folder, size, **options)
        try:
            await asyncio.wait_for(do(bench), 180)
        finally:
            pids = bench.processes.pids
            await bench.processes.close()
            os.close(bench.memory)
            assert not any(psutil.pid_exists(pid) for pid in pids)
        assert bench.pool.busy == 0

    asyncio.run(body())


def test_a_worker_runs_one_task_after_the_other(tmp_path: Path) -> None:
    # proves: G1
    async def do(bench: Bench) -> None:
        for text in ("a", "b c"):
            assert isinstance(await bench.read(text), cpu_worker.Made)
        assert len(bench.processes.pids) == 1

    on_bench(tmp_path, do)


def test_prestarted_workers_do_not_exceed_the_limit(tmp_path: Path) -> None:
    async def begin(bench: Bench) -> None:
        await bench.pool.begin(1)
        await bench.pool.begin(5)
        ahead = set(bench.processes.pids)
        assert len(ahead) == 2
        await asyncio.gather(*(bench.read(text) for text in ("one", "two", "three")))
        assert set(bench.processes.pids) == ahead

    on_bench(tmp_path, begin, size=2)


def test_the_most_urgent_task_goes_first(tmp_path: Path) -> None:
    # proves: G1
    async def do(bench: Bench) -> None:
        await asyncio.gather(*(bench.read(f"w{p}", p) for p in (0, 3, 1, -5, 2)))
        order = [line.split()[1] for line in bench.log.read_text().splitlines()]
        assert order == ["0.txt", "3.txt", "2.txt", "4.txt", "1.txt"]

    on_bench(tmp_path, do)


def test_a_task_that_has_to_wait_lets_others_pass_and_starts_later(tmp_path: Path) -> None:
    # proves: G20
    async def do(bench: Bench) -> None:
        may = False
        held = asyncio.create_task(bench.read("held", -9, may_start=lambda: may))
        await asyncio.sleep(0)
        await bench.read("other")
        assert not held.done() and bench.pool.busy == 0
        may = True
        bench.pool.wake()
        assert isinstance(await held, cpu_worker.Made)

    on_bench(tmp_path, do)


def test_a_failed_task_does_not_end_its_worker(tmp_path: Path) -> None:
    # proves: G8
    async def do(bench: Bench) -> None:
        answer = await bench.read("unreadable")
        assert isinstance(answer, cpu_worker.Failed) and answer.kind == "input"
        pids = bench.processes.pids
        assert isinstance(await bench.read("fine"), cpu_worker.Made)
        assert bench.processes.pids == pids

    on_bench(tmp_path, do)


def test_a_full_disk_is_distinguished_from_other_errors(tmp_path: Path) -> None:
    async def do(bench: Bench) -> None:
        answer = await bench.read("diskfull")
        assert isinstance(answer, cpu_worker.Failed) and answer.disk_full

    on_bench(tmp_path, do)


def test_a_dead_worker_fails_only_one_task(tmp_path: Path) -> None:
    # proves: G10
    async def do(bench: Bench) -> None:
        with pytest.raises(CrashError, match="SIGKILL"):
            await bench.read("killworker")
        assert isinstance(await bench.read("fine"), cpu_worker.Made)

    on_bench(tmp_path, do)


def test_workers_that_die_while_idle_fail_no_task(tmp_path: Path) -> None:
    # proves: G10
    async def do(bench: Bench) -> None:
        await asyncio.gather(bench.read("a"), bench.read("b"))
        workers = [psutil.Process(pid) for pid in bench.processes.pids]
        for worker in workers:
            worker.kill()
        while any(worker.is_running() and not is_dead(worker) for worker in workers):
            await asyncio.sleep(0.01)
        for _ in range(3):
            assert isinstance(await bench.read("fine"), cpu_worker.Made)
        assert len(bench.processes.pids) <= 2

    on_bench(tmp_path, do, size=2)


def is_dead(worker: psutil.Process) -> bool:
    try:
        # The system gives it up when its last thread has ended.
        return worker.status() == psutil.STATUS_ZOMBIE and worker.num_threads() <= 1
    except psutil.NoSuchProcess:
        return True


def is_stopped(worker: psutil.Process) -> bool:
    """Whether each thread of it is."""
    threads = Path(f"/proc/{worker.pid}/task").iterdir()
    return all((one / "stat").read_text().rpartition(")")[2].split()[0] == "T" for one in threads)


def test_a_task_whose_worker_dies_before_it_began_is_not_blamed(tmp_path: Path) -> None:
    # proves: G10
    async def do(bench: Bench) -> None:
        await bench.read("a")
        worker = psutil.Process(bench.processes.pids[0])
        worker.suspend()
        while not is_stopped(worker):  # until then it may still read what it is sent
            await asyncio.sleep(0.01)
        task = asyncio.create_task(bench.read("b"))
        await asyncio.sleep(0.1)
        worker.kill()
        with pytest.raises(NotBegunError, match="SIGKILL"):
            await task
        assert isinstance(await bench.read("fine"), cpu_worker.Made)

    on_bench(tmp_path, do)


def test_a_hanging_task_is_ended_at_its_deadline(tmp_path: Path) -> None:
    # proves: G10
    async def do(bench: Bench) -> None:
        await bench.read("warm")
        os.mkfifo(bench.folder / "fifo")
        stuck = bench.task("x")
        stuck = cpu_worker.Run(**{**vars(stuck), "sources": ()})
        psutil.Process(bench.processes.pids[0]).suspend()
        with pytest.raises(
            CrashError, match=r"1\.txt: worker-1 made no progress on it.*--stall-timeout"
        ):
            await bench.pool.run(stuck, 0, stall=0.3)

    on_bench(tmp_path, do)


def test_a_cancelled_task_frees_its_slot(tmp_path: Path) -> None:
    # proves: G12
    async def do(bench: Bench) -> None:
        await bench.read("warm")
        psutil.Process(bench.processes.pids[0]).suspend()
        running = asyncio.create_task(bench.read("a"))
        waiting = asyncio.create_task(bench.read("b"))
        await asyncio.sleep(0.1)
        for task in (running, waiting):
            task.cancel()
        await asyncio.gather(running, waiting, return_exceptions=True)
        assert bench.pool.busy == 0
        assert isinstance(await bench.read("c"), cpu_worker.Made)

    on_bench(tmp_path, do)


def test_a_drained_pool_starts_nothing(tmp_path: Path) -> None:
    # proves: G12
    async def do(bench: Bench) -> None:
        bench.pool.drain()
        task = asyncio.create_task(bench.read("never"))
        await asyncio.sleep(0.1)
        assert not task.done() and bench.pool.busy == 0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert bench.log.read_text() == ""

    on_bench(tmp_path, do)


def _split_task(bench: Bench, words: str) -> cpu_worker.Split:
    from reelmill.engine.state import artifact_store as store
    from tests.engine.toys import Words

    read = bench.task(words)
    store.save(read.target, Read(), "key", read.recording, Words(words.split()), SEAL)
    source = store.Stored(read.target, "key", read.recording.id)
    folder = bench.folder / "not" / "yet" / "there"
    return cpu_worker.Split(1, read.recording, (source,), "key", folder / "shout.json")


def test_a_split_sends_its_items_through_the_arena(tmp_path: Path) -> None:
    # proves: G20
    async def do(bench: Bench) -> None:
        arena, sent = Arena(bench.memory), list[cpu_worker.Sent]()

        def room(size: int) -> asyncio.Future[Block | None]:
            future: asyncio.Future[Block | None] = asyncio.get_running_loop().create_future()
            future.set_result(Block(len(sent) * 8192, 8192))
            return future

        answer = await bench.pool.run(
            _split_task(bench, "one three"), 0, room=room, on_item=sent.append
        )
        assert isinstance(answer, cpu_worker.Made) and answer.items == 2
        assert [(item.index, item.cost) for item in sent] == [(0, 3.0), (1, 5.0)]
        items: list[WordItem] = [arena.read(item.block) for item in sent]
        assert [item.text for item in items] == ["one", "three"]
        assert (tmp_path / "not" / "yet" / "there").is_dir(), "model workers spill file there"

    on_bench(tmp_path, do)


def test_a_split_without_arena_room_stops(tmp_path: Path) -> None:
    # proves: G12
    async def do(bench: Bench) -> None:
        def none(size: int) -> asyncio.Future[Block | None]:
            future: asyncio.Future[Block | None] = asyncio.get_running_loop().create_future()
            future.set_result(None)
            return future

        task = _split_task(bench, "one two")
        answer = await bench.pool.run(task, 0, room=none, on_item=lambda _: None)
        assert isinstance(answer, cpu_worker.Made) and answer.stopped

    on_bench(tmp_path, do)


def test_an_internal_error_during_a_split_leaves_the_pool_usable(tmp_path: Path) -> None:
    async def do(bench: Bench) -> None:
        def broken(size: int) -> asyncio.Future[Block | None]:
            raise LookupError("a fault of ours")

        with pytest.raises(LookupError):
            task = _split_task(bench, "one two")
            await bench.pool.run(task, 0, room=broken, on_item=lambda _: None)
        assert isinstance(await bench.read("fine"), cpu_worker.Made)
        assert len(bench.processes.pids) == 1

    on_bench(tmp_path, do)


def test_a_task_without_progress_is_ended_and_a_long_one_is_not(tmp_path: Path) -> None:
    # proves: G10
    async def do(bench: Bench) -> None:
        await bench.read("warm")
        long = "step " * 18
        assert isinstance(await bench.read(long, stall=3.0), cpu_worker.Made), "3.6 s, but in steps"
        began = time.monotonic()
        with pytest.raises(CrashError, match=r"\.txt: worker-1 made no progress on it for \d s"):
            await bench.read("silent", stall=1.5)
        assert time.monotonic() - began < 30  # it would be silent for a minute
        assert isinstance(await bench.read("next", stall=30.0), cpu_worker.Made)

    on_bench(tmp_path, do)


def test_a_task_beyond_its_memory_limit_fails_only_its_recording(tmp_path: Path) -> None:
    # proves: G7 G8
    async def do(bench: Bench) -> None:
        failed = await bench.read("hungry")
        assert (
            isinstance(failed, cpu_worker.Failed)
            and failed.kind == "input"
            and not failed.permanent
        )
        assert "0.txt: needs more than the 600 MB" in failed.message
        assert "--worker-memory" in failed.message
        assert bench.processes.pids == [], "its memory is given back with the process"
        assert isinstance(await bench.read("next"), cpu_worker.Made)

    on_bench(tmp_path, do, memory_mb=600)


def test_hashing_a_huge_file_does_not_delay_other_tasks(tmp_path: Path) -> None:
    # proves: G1 G8
    huge, large = tmp_path / "huge.wav", tmp_path / "large.wav"
    with huge.open("wb") as file:
        file.truncate(1 << 40)
    with large.open("wb") as file:
        file.truncate(150 << 20)
    (tmp_path / "small.wav").write_bytes(b"small")

    async def do(bench: Bench) -> None:
        endless = asyncio.create_task(bench.pool.identify(huge, 1 << 40, 0, 30.0))
        await asyncio.sleep(0.3)
        sliced = asyncio.create_task(bench.pool.identify(large, cpu_pool.LARGE_FILE_BYTES, 0, 30.0))
        small = await bench.pool.identify(tmp_path / "small.wav", 5, 0, 30.0)
        assert isinstance(small, cpu_worker.Made) and small.state == read_state(
            tmp_path / "small.wav"
        )
        assert isinstance(await bench.read("task"), cpu_worker.Made)
        made = await sliced  # between slices of the huge one
        assert isinstance(made, cpu_worker.Made) and made.state == read_state(large)
        assert not endless.done()
        endless.cancel()
        with pytest.raises(asyncio.CancelledError):
            await endless

    on_bench(tmp_path, do, slice_bytes=64 << 20)


def test_hashing_restarts_after_its_process_is_lost(tmp_path: Path) -> None:
    # proves: G10
    path = tmp_path / "a.wav"
    path.write_bytes(os.urandom(5 << 19))
    task = cpu_worker.Identify(path, hashed=12345, most=1 << 20)
    made = cpu_worker._identify(task, 0.0)
    assert (made.state, made.hashed) == (None, 1 << 20)
    while made.state is None:
        made = cpu_worker._identify(replace(task, hashed=made.hashed), 0.0)
    assert made.state == read_state(path)


class Sharing:
    """A pool of one worker that is busy, and the tasks of several runs that wait for it."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.order: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []

    def run(self, name: str, priority: int = 0, tasks: int = 1) -> RunPool:
        client = Client(self._bench.client.stages, self._bench.client.keys, priority=priority)
        pool = self._bench.processes.join(client)
        self._tasks += [asyncio.create_task(self._task(name, pool)) for _ in range(tasks)]
        return pool

    async def _task(self, name: str, pool: RunPool) -> None:
        assert isinstance(await pool.run(self._bench.task(name), 0), cpu_worker.Made)
        self.order.append(name)

    async def all(self) -> str:
        await asyncio.gather(*self._tasks)
        return "".join(self.order)


def test_runs_of_the_same_priority_take_turns(tmp_path: Path) -> None:
    async def do(bench: Bench) -> None:
        sharing = Sharing(bench)
        sharing.run("a", tasks=6)
        await asyncio.sleep(0)
        sharing.run("b", tasks=3)
        order = await sharing.all()
        assert order[0] == "a" and order.rindex("b") <= 6, "each second task is one of b's"
        assert len(bench.processes.pids) == 1, "one process knows both runs"

    on_bench(tmp_path, do)


def test_a_run_of_higher_priority_goes_first_but_not_for_ever(tmp_path: Path) -> None:
    async def do(bench: Bench) -> None:
        sharing = Sharing(bench)
        sharing.run("l", tasks=2)
        await asyncio.sleep(0)
        sharing.run("h", priority=1, tasks=10)
        order = await sharing.all()
        assert order.startswith("lhhhhhh") and order.index("l", 1) == 7, "the eighth task"

    on_bench(tmp_path, do)


def test_a_paused_run_and_one_that_ends_start_nothing(tmp_path: Path) -> None:
    async def do(bench: Bench) -> None:
        sharing = Sharing(bench)
        await bench.read("first")
        paused, other = sharing.run("p"), sharing.run("o")
        paused.pause(True)
        await asyncio.sleep(0)
        while not sharing.order:
            await asyncio.sleep(0.01)
        assert sharing.order == ["o"] and paused.busy == 0
        other.close()
        paused.pause(False)
        assert await sharing.all() == "op"

    on_bench(tmp_path, do)


def test_a_split_that_waits_for_room_does_not_keep_other_runs_waiting(tmp_path: Path) -> None:
    async def do(bench: Bench) -> None:
        room: asyncio.Future[Block | None] = asyncio.get_running_loop().create_future()
        split = asyncio.create_task(
            bench.pool.run(
                _split_task(bench, "one"), 0, room=lambda size: room, on_item=lambda item: None
            )
        )
        while not bench.pool.blocked:
            await asyncio.sleep(0.01)
        own = asyncio.create_task(bench.read("of the same run"))
        sharing = Sharing(bench)
        sharing.run("o", tasks=2)
        assert await sharing.all() == "oo" and not own.done()
        room.set_result(None)
        assert isinstance(await split, cpu_worker.Made)
        assert isinstance(await own, cpu_worker.Made)
        assert len(bench.processes.pids) == 1, "the other process is not kept"

    on_bench(tmp_path, do)
