"""Faults inside a run's processes, at the n-th batch, task or start: a schedule in a folder.

The coordinator's process gets the folder (`REELMILL_TEST_FAULTS`) and starts its worker processes
through this module, which then calls the real ones. Any model worker of any stage can thus be made
to fail in any way, including those of a real command. No stage and no engine module knows of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from reelmill.engine.process import cpu_pool as pool
from reelmill.engine.process import cpu_worker, early, model_worker, model_worker_client
from reelmill.engine.process import handle as process
from reelmill.engine.process.channel import Channel
from reelmill.errors import TransientError

FOLDER = "REELMILL_TEST_FAULTS"
#: What is counted besides the batches of each stage (by its name) and of all (``""``).
TASK, START = "task", "start"


@dataclass(frozen=True)
class Fault:
    """`kind` (of `KINDS`) happens at the `at`-th batch, counted from 1 through all model workers.

    `of`: a stage's name, "" for the batches of any; `TASK` for a CPU worker's tasks, where only
    what ends or delays a process makes sense; `START` for the loading of a model.
    """

    kind: str
    at: int
    of: str = ""
    seconds: float = 0.5


# -- what can happen


def _ctranslate2(fault: Fault) -> None:
    raise RuntimeError("CUDA failed with error out of memory")


def _onnxruntime(fault: Fault) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

    raise RuntimeException(
        "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running "
        "Conv node. Name:'conv1' Status Message: bfc_arena.cc:376 AllocateRawInternal Available "
        "memory of 103809024 is smaller than requested bytes of 1610612736"
    )


def _pytorch(fault: Fault) -> None:
    try:
        from torch import OutOfMemoryError  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        OutOfMemoryError = type("OutOfMemoryError", (RuntimeError,), {})  # noqa: N806
    raise OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB. GPU 0 has 99.00 MiB")


def _memory(fault: Fault) -> None:
    raise MemoryError


def _device(fault: Fault) -> None:
    raise RuntimeError("CUDA error: device-side assert triggered")


def _error(fault: Fault) -> None:
    raise ValueError("an error nobody foresaw")


def _busy(fault: Fault) -> None:
    raise TransientError("the device is busy")


def _disk(fault: Fault) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def _kill(fault: Fault) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _segfault(fault: Fault) -> None:
    ctypes.string_at(0)


def _exit(fault: Fault) -> None:
    os._exit(3)


def _hang(fault: Fault) -> None:
    time.sleep(3600)


def _slow(fault: Fault) -> None:
    time.sleep(fault.seconds)


OUT_OF_MEMORY: Mapping[str, Callable[[Fault], None]] = {
    "ctranslate2": _ctranslate2,
    "onnxruntime": _onnxruntime,
    "pytorch": _pytorch,
    "memory": _memory,
}
ENDS: Mapping[str, Callable[[Fault], None]] = {
    "kill": _kill,
    "segfault": _segfault,
    "exit": _exit,
    "hang": _hang,
    "slow": _slow,
}
KINDS: Mapping[str, Callable[[Fault], None]] = {
    **OUT_OF_MEMORY,
    **ENDS,
    "device": _device,
    "error": _error,
    "busy": _busy,
    "disk": _disk,
}


# -- the folder with the schedule


def schedule(
    folder: Path,
    faults: Sequence[Fault],
    intervals: Mapping[str, float] | None = None,
    **config: Any,
) -> dict[str, str]:
    """Write the faults planned for a run; returns the environment that causes them.

    `config`: changes to the engine's configuration (deadlines, waits); `intervals`: to those of it.
    """
    folder.mkdir(parents=True)
    content = {
        "faults": [asdict(fault) for fault in faults],
        "config": config,
        "intervals": dict(intervals or {}),
    }
    (folder / "schedule.json").write_text(json.dumps(content))
    return {FOLDER: str(folder)}


def struck(folder: Path) -> list[Fault]:
    """The faults that did happen."""
    path = folder / "struck"
    lines = path.read_text().splitlines() if path.exists() else []
    return [Fault(**json.loads(line)) for line in lines]


def strike(folder: Path, what: str) -> None:
    """Count one more of `what`, over all processes; do what is scheduled for it."""
    content = json.loads((folder / "schedule.json").read_text())
    count = {what: _count(folder, what)}
    if what not in (TASK, START):
        count[""] = _count(folder, "")
    for fault in (Fault(**one) for one in content["faults"]):
        if count.get(fault.of) == fault.at:
            with (folder / "struck").open("a") as file:
                file.write(json.dumps(asdict(fault)) + "\n")
            KINDS[fault.kind](fault)


def _count(folder: Path, what: str) -> int:
    """How many there have been, this one included."""
    with (folder / f"count-{what}").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write("one\n")
        file.flush()
        file.seek(0)
        return len(file.readlines())


# -- in the worker processes


class _Struck:
    """A channel on which faults happen before a message is given out."""

    def __init__(self, channel: Channel, folder: Path, what: str | None, first: Any) -> None:
        self._channel = channel
        self._folder = folder
        self._what = what
        self._first = first
        self.send = channel.send

    @property
    def arena(self) -> Any:
        return self._channel.arena

    def receive(self) -> Any:
        first, self._first = self._first, None
        if first is not None:
            return first
        message = self._channel.receive()
        if self._what is not None and isinstance(message, cpu_worker.Order):
            strike(self._folder, self._what)
        return message


def serve_model_worker(channel: Channel) -> None:
    """A model worker whose stages and model fail as scheduled."""
    folder, load = Path(os.environ[FOLDER]), channel.receive()
    for stage in load.stages.values():
        object.__setattr__(stage, "infer", _struck_before(folder, stage.name, stage.infer))
    object.__setattr__(load.spec, "load", _struck_before(folder, START, load.spec.load))
    model_worker.serve(_Struck(channel, folder, None, load))  # type: ignore[arg-type]


def serve_worker(channel: Channel) -> None:
    """A CPU worker that fails as scheduled."""
    cpu_worker.serve(_Struck(channel, Path(os.environ[FOLDER]), TASK, None))  # type: ignore[arg-type]


def _struck_before(folder: Path, what: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def struck_call(*arguments: Any) -> Any:
        strike(folder, what)
        return call(*arguments)

    return struck_call


# -- in the coordinator's process


_INSTEAD = {
    "reelmill.engine.process.model_worker:serve": "tests.faults.faults:serve_model_worker",
    "reelmill.engine.process.cpu_worker:serve": "tests.faults.faults:serve_worker",
}


class _StartedHere(process.WorkerProcess):
    """Worker processes that begin in this module."""

    @classmethod
    async def start(
        cls, name: str, entry: str, *rest: Any, **options: Any
    ) -> process.WorkerProcess:
        return await process.WorkerProcess.start(name, _INSTEAD[entry], *rest, **options)


@contextlib.contextmanager
def going_wrong() -> Iterator[None]:
    """Plan the faults of the environment for this process's run; without it, do nothing. File
    descriptors that are open at the end and were not before are listed in the file
    `descriptors`."""
    name = os.environ.get(FOLDER)
    if name is None:
        yield
        return
    folder, before = Path(name), set(_descriptors())
    _install(folder)
    yield
    left = [text for number, text in _descriptors().items() if number not in before]
    (folder / "descriptors").write_text("\n".join(left))


def _descriptors() -> dict[int, str]:
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the folder itself, listed while it was open
            found[int(path.name)] = str(path.readlink())
    return found


def _install(folder: Path) -> None:
    from reelmill.runs import run as runner

    content = json.loads((folder / "schedule.json").read_text())
    early.ENTRY = _INSTEAD[early.ENTRY]
    model_worker_client.WorkerProcess = pool.WorkerProcess = _StartedHere  # type: ignore[misc,assignment]
    make = runner.engine_config

    def changed(*arguments: Any) -> Any:
        changes = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in content["config"].items()
        }
        config = make(*arguments)
        intervals = replace(config.intervals, **content["intervals"])
        return replace(config, intervals=intervals, **changes)

    runner.engine_config = changed
