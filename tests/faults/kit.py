"""Start runs that are to break, and examine what they leave behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

_ROOT = Path(__file__).resolve().parents[2]
_MARK = "REELMILL_TEST_RUN"
_PATIENCE_S = 180.0


class MarkedRun:
    """A run in a session of its own; all its processes carry a mark."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[object],
        errors: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.errors = errors
        with self.errors.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                cwd=_ROOT,
                env={**os.environ, _MARK: self.mark, **(environment or {})},
                stdout=subprocess.DEVNULL,
                stderr=file,
                start_new_session=True,
            )

    @property
    def stderr(self) -> str:
        return self.errors.read_text()

    def wait(self, timeout: float = _PATIENCE_S) -> int:
        """The exit code; a run that does not end is killed and fails the test."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running after {timeout} s:\n{self.stderr}") from None

    def wait_for(self, condition: Callable[[], object], timeout: float = 60.0) -> None:
        until = time.monotonic() + timeout
        while not condition():
            assert self.process.poll() is None, f"ended too early:\n{self.stderr}"
            assert time.monotonic() < until, f"did not come to it:\n{self.stderr}"
            time.sleep(0.01)

    def kill(self) -> None:
        """What `kill -9` and the kernel's out-of-memory killer do."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def tell(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def children(self, entry: str) -> list[psutil.Process]:
        """Its worker processes whose command line has `entry` in it."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    if any(entry in argument for argument in process.cmdline()):
                        found.append(process)
        return found

    def survivors(self, within: float = 10.0) -> list[int]:
        """Processes of the run that are still there after `within` seconds."""
        until = time.monotonic() + within
        while (left := _marked(self.mark)) and time.monotonic() < until:
            time.sleep(0.02)
        return left


class ToyRun(MarkedRun):
    """A run of the toy pipeline."""

    def __init__(
        self,
        folder: Path,
        out: Path,
        log: Path,
        delay: float = 0.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        log.touch()
        errors = log.with_name(f"{log.name}.stderr")
        super().__init__("tests.faults.toyrun", (folder, out, log, delay), errors, environment)


class RamHog:
    """A process that holds `mb` of memory until it is ended."""

    def __init__(self, mb: int) -> None:
        code = f"import sys; x = b'x' * ({mb} << 20); print(len(x), flush=True); sys.stdin.read()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


def _marked(mark: str) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(_MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def make_texts(folder: Path, recordings: int, seed: int) -> None:
    """Text files that pass for recordings; the same for the same seed."""
    choice = random.Random(seed)
    folder.mkdir(parents=True)
    for number in range(recordings):
        words = [f"w{choice.randrange(1000)}" for _ in range(choice.randrange(1, 12))]
        (folder / f"call{number:02d}.wav").write_text(" ".join(words))


def outputs(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in out.glob("*.up")}


def artifacts(out: Path) -> dict[str, tuple[int, int]]:
    """Every artifact that is there, with what changes when it is made again."""
    found = {}
    for path in (out / ".cache" / "artifacts").rglob("*.json"):
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            found[str(path)] = (stat.st_ino, stat.st_mtime_ns)
    return found


def leftovers(out: Path) -> list[str]:
    """Half-written files and spill files."""
    return [
        str(path)
        for path in out.rglob("*")
        if path.name.endswith(".reelmill-part") or ".spill" in path.name
    ]


def shared_memory() -> set[str]:
    folder = Path("/dev/shm")
    return {path.name for path in folder.glob("*") if path.is_file()}


@contextlib.contextmanager
def small_disk(at: Path, size: str, needed: bool = True) -> Iterator[Callable[[str], bool]]:
    """A tmpfs of `size` at `at`; yields how to remount it. Where mounting is not allowed a test is
    skipped or, when it is not `needed`, it is an ordinary folder."""
    at.mkdir(parents=True, exist_ok=True)
    if not _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at)):
        if not needed:
            yield lambda options: False
            return
        import pytest

        pytest.skip("mounting a tmpfs is not permitted here")
    try:
        yield lambda options: _mount("-o", f"remount,{options}", str(at))
    finally:
        subprocess.run(["umount", "-l", str(at)], check=False)


def _mount(*arguments: str) -> bool:
    try:
        finished = subprocess.run(["mount", *arguments], check=False, capture_output=True)
    except OSError:
        return False
    return finished.returncode == 0
