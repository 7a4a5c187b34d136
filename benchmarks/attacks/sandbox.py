"""A folder in which an attack is tried: its files are hashed before and after."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.common import tree_memory_mb

#: The command as it is installed: unlike `python -c`, it imports nothing from the current folder.
REELMILL = Path(sys.executable).with_name("reelmill")
#: A command that takes more memory than this is killed, to protect the machine.
_KILL_AT_MB = 6000
_WATCH_EVERY_S = 0.2
#: Larger files are compared by size, time and inode: the sparse ones claim terabytes.
_HASH_AT_MOST = 64 << 20
TRACEBACK = "Traceback (most recent call last)"


@dataclass
class Ran:
    """A finished command. `exit_code` is None if it was killed at its time limit."""

    exit_code: int | None
    stdout: str
    stderr: str
    seconds: float
    peak_mb: float = 0.0

    @property
    def text(self) -> str:
        return f"{self.stdout}\n{self.stderr}"

    @property
    def last_line(self) -> str:
        """The last line on stderr, or on stdout if stderr is empty."""
        lines = [line for line in (self.stderr.strip() or self.stdout.strip()).splitlines() if line]
        return lines[-1].strip() if lines else ""


@dataclass(frozen=True)
class _Entry:
    """The kind of a path, and what must stay the same."""

    kind: str
    content: str


@dataclass
class Command:
    """A command that is running, in a session of its own."""

    process: subprocess.Popen[str]
    began: float
    peak_mb: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._over.wait(_WATCH_EVERY_S):
            self.peak_mb = max(self.peak_mb, tree_memory_mb(self.process.pid))
            if self.peak_mb > _KILL_AT_MB:
                self.kill()

    def kill(self) -> None:
        """`kill -9` the command and everything it started, which is in other sessions."""
        children = self.children()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for child in children:
            with contextlib.suppress(psutil.Error):
                child.kill()

    def children(self) -> list[psutil.Process]:
        """The processes it started that are still running."""
        with contextlib.suppress(psutil.Error):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def wait_until(self, condition: Callable[[], object], seconds: float) -> bool:
        """Whether `condition` came true before the command ended and the time was over."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if condition():
                return True
            if self.process.poll() is not None:
                return bool(condition())
            time.sleep(0.005)
        return False

    def wait(self, seconds: float) -> Ran:
        code: int | None
        try:
            stdout, stderr = self.process.communicate(timeout=max(0.1, seconds))
            code = self.process.returncode
        except subprocess.TimeoutExpired:
            self.kill()
            stdout, stderr = self.process.communicate()
            code = None
        self._over.set()
        self.kill()  # processes that the command may have left behind
        seconds = time.monotonic() - self.began
        return Ran(code, stdout or "", stderr or "", seconds, self.peak_mb)


class Sandbox:
    """A fresh folder with a user's home in it, commands run there, and who wrote which file.

    Files that exist when a command starts and that no earlier command made belong to somebody else;
    `harmed` lists those that a command changed or removed.
    """

    def __init__(self, root: Path, home: Path | None = None, deadline: float = 60.0) -> None:
        """
        Args:
            home: the home folder of the user, copied; an empty one when not given.
            deadline: seconds for all commands together.
        """
        self.root = root
        self.home = root / "home"
        self.harmed: list[str] = []
        self.tracebacks = 0
        self._running = 0
        self._until = time.monotonic() + deadline
        self._foreign: dict[Path, _Entry] = {}
        self._ours: set[Path] = set()
        self._moving: set[Path] = set()
        root.mkdir(parents=True, exist_ok=True)
        if home is not None and home.exists():
            shutil.copytree(home, self.home, symlinks=True)
        else:
            self.home.mkdir()

    @property
    def canary(self) -> Path:
        """A file that only a program of the attacker's makes."""
        return self.root / "FOREIGN-PROGRAM-RAN"

    @property
    def seconds_left(self) -> float:
        return self._until - time.monotonic()

    def plant(self, path: Path | str, content: bytes | str = b"") -> Path:
        """Write a file that is not ours, also in the place of one that is."""
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        self._ours.discard(path)
        return path

    def program(self, path: Path | str, then: str = "exit 1") -> Path:
        """Plant an executable that leaves the canary."""
        script = self.plant(path, f"#!/bin/sh\n: > '{self.canary}'\n{then}\n")
        script.chmod(0o755)
        return script

    def copy(self, old: Path, new: Path) -> None:
        """Copy a folder as its owner would: files that are ours there are ours in the copy."""
        shutil.copytree(old, new, symlinks=True)
        inside = {path for path in self._ours if path.is_relative_to(old)}
        self._ours |= {new / path.relative_to(old) for path in inside}

    def move(self, old: Path, new: Path) -> None:
        """Rename a folder as its owner would."""
        new.parent.mkdir(parents=True, exist_ok=True)
        inside = {path for path in self._ours if path.is_relative_to(old)}
        old.rename(new)
        self._ours |= {new / path.relative_to(old) for path in inside}

    def moving(self, path: Path) -> None:
        """Do not compare this file, because the attacker changes it while commands run."""
        self._moving.add(path)

    def start(
        self,
        *arguments: object,
        cwd: Path | str = "",
        user: str = "home",
        environment: Mapping[str, str] | None = None,
        program: Sequence[str | Path] = (REELMILL,),
        **popen: object,
    ) -> Command:
        """Start `reelmill` with arguments, as the user with this home folder."""
        if not self._running:  # files that a command writes while another starts are ours
            self._take_stock()
        self._running += 1
        (self.root / user).mkdir(exist_ok=True)
        redirected = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **popen}
        process = subprocess.Popen(  # type: ignore[call-overload]
            [*program, *map(str, arguments)],
            cwd=self.root / cwd,
            env=self._environment(self.root / user) | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
            **redirected,
        )
        return Command(process, time.monotonic())

    def finish(self, command: Command, seconds: float | None = None) -> Ran:
        """Wait for a command, at most `seconds`, and compare the files that are not ours."""
        left = self.seconds_left if seconds is None else min(seconds, self.seconds_left)
        ran = command.wait(left)
        self._running -= 1
        assert "No such option" not in ran.text, ran.last_line
        self.tracebacks += TRACEBACK in ran.text
        self._compare()
        return ran

    def run(self, *arguments: object, seconds: float | None = None, **more: object) -> Ran:
        """`start` and `finish`."""
        return self.finish(self.start(*arguments, **more), seconds)  # type: ignore[arg-type]

    def told(self, text: str) -> str:
        """A message without this folder's own path, short enough for a table."""
        line = " ".join(text.replace(f"{self.root}/", "").replace(str(self.root), ".").split())
        printable = "".join(c if c.isprintable() else "?" for c in line)
        return printable if len(printable) <= 200 else f"{printable[:197]}..."

    def _environment(self, home: Path) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("REELMILL_", "XDG_", "PYTHON"))
        }
        return kept | {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
        }

    # -- whose files

    def _take_stock(self) -> None:
        """Record all present files that none of our commands made as somebody else's."""
        now = dict(_walk(self.root))
        self._foreign = {path: entry for path, entry in now.items() if path not in self._ours}

    def _compare(self) -> None:
        now = dict(_walk(self.root))
        for path, entry in self._foreign.items():
            if path in self._moving or now.get(path) == entry:
                continue
            what = "removed" if path not in now else "changed"
            self.harmed.append(f"{what} {path.relative_to(self.root)}")
        self._ours |= now.keys() - self._foreign.keys()


def _walk(root: Path) -> Iterator[tuple[Path, _Entry]]:
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):
                yield path, _entry(path)


def _entry(path: Path) -> _Entry:
    state = path.lstat()
    if stat.S_ISLNK(state.st_mode):
        return _Entry("link", os.readlink(path))  # noqa: PTH115 (the text, not a path)
    if stat.S_ISDIR(state.st_mode):
        return _Entry("folder", "")
    if not stat.S_ISREG(state.st_mode):
        return _Entry("special", str(state.st_mode))
    told = f"{state.st_size} {state.st_mtime_ns} {state.st_mode}"
    if state.st_size > _HASH_AT_MOST:
        return _Entry("file", f"{told} {state.st_ino}")
    return _Entry("file", f"{told} {hashlib.sha256(path.read_bytes()).hexdigest()}")


def text_below(folder: Path) -> str:
    """All text of the results in an output folder, without the cache."""
    found = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if inside[0] != ".cache" and path.suffix in (".json", ".txt", ".srt", ".vtt", ".tsv"):
            with contextlib.suppress(OSError):
                found.append(path.read_text(encoding="utf-8", errors="replace"))
    return "\n".join(found)
