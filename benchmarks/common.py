"""Shared code of benchmarks: measure time and memory of whole commands, and report the result."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

#: The command as users run it, of the interpreter that runs the benchmark.
REELMILL = (sys.executable, "-c", "from reelmill.cli.main import main; main()")
_MB = 1 << 20
#: A sample takes about 20 ms, which slows down the measured command.
_SAMPLE_EVERY_S = 0.5


@dataclass
class Measured:
    """A command as a whole: wall and CPU seconds of it and its worker processes, peak memory in
    MB."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    exit_code: int


def measure(command: Sequence[str], environment: dict[str, str] | None = None) -> Measured:
    """Run a command; its output goes to ours only when it fails.

    It uses compiled modules, as users' commands do, even if the environment forbids writing them,
    because compiling them in each process takes longer than loading them.

    Memory is the proportional set size (PSS) of the whole process tree, so that shared pages
    count once.
    """
    before = os.times()
    began = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_as_users_have_it() | (environment or {}),
        text=True,
    )
    peak = _Peak(process.pid)
    output, _ = process.communicate()
    seconds = time.monotonic() - began
    after = os.times()
    if process.returncode not in (0, 1):
        print(output)
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return Measured(seconds, cpu, peak.stop(), process.returncode)


def measure_reelmill(*arguments: str) -> Measured:
    """`measure` of our command; ends the benchmark when it did not do all."""
    measured = measure([*REELMILL, *arguments])
    if measured.exit_code:
        raise SystemExit(f"reelmill {arguments[0]}: exit code {measured.exit_code}")
    return measured


def _as_users_have_it() -> dict[str, str]:
    return {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class _Peak:
    """Watches the memory of a process tree from a thread."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak_mb = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_EVERY_S):
            self._peak_mb = max(self._peak_mb, tree_memory_mb(self._pid))

    def stop(self) -> float:
        self._ended.set()
        self._thread.join()
        return self._peak_mb


def tree_memory_mb(pid: int) -> float:
    """PSS of a process and all its descendants, in MB."""
    total = 0.0
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().pss / _MB
    return total


def machine() -> dict[str, Any]:
    """The machine that the figures were measured on."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / (1 << 30)),
        "processor": _processor(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("reelmill", "ctranslate2", "faster-whisper")},
    }


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table; the keys of the first are the columns."""
    table = Table(title=title)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "what" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console(width=160).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def told_command(module: str) -> str:
    """The command as given, for publication: paths of this machine are replaced by the names of
    their options.

    Args:
        module: such as `benchmarks.faces`.
    """
    told: list[str] = []
    for argument in sys.argv[1:]:
        if Path(argument).is_absolute():
            option = told[-1].lstrip("-") if told else "path"
            told.append(option.upper().replace("-", "_"))
        else:
            told.append(argument)
    return shlex.join(["python", "-m", module, *told])


def write_result(path: Path | None, content: dict[str, Any]) -> None:
    """Write figures as JSON, with the machine they come from."""
    if path is not None:
        text = json.dumps({"machine": machine(), **content}, indent=1, ensure_ascii=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
