"""What Reelmill finds on this machine, and a one-line remedy for anything missing."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from reelmill.commands.exit_codes import EXIT_DONE, EXIT_SOME_FAILED
from reelmill.core import gate
from reelmill.core.cores import usable_cores
from reelmill.errors import ModelUnavailableError, reason

Status = Literal["ok", "warn", "fail"]

_MB = 1 << 20
_LITTLE_MEMORY_MB = 4_000
_LITTLE_DISK_MB = 2_000
_OLDEST_PYTHON = (3, 10)

#: Optional packages: module, purpose, how to install it.
_EXTRAS = (
    ("torch", "PyTorch, for pyannote.audio and WhisperX", "pip install torch"),
    ("whisperx", "the WhisperX engine", "see --python in docs/voice.md"),
    ("pyannote.audio", "the pyannote diarizer", "see --python in docs/voice.md"),
    ("docx", "docx export", 'pip install "reelmill[docx]"'),
)


@dataclass(frozen=True)
class Check:
    """One line of `reelmill doctor`. `remedy` is empty where there is nothing to do.

    `warn`: something optional is missing or scarce. `fail`: the program cannot do its work.
    """

    name: str
    status: Status
    found: str
    remedy: str = ""


def run_doctor(out: Path) -> int:
    """`reelmill doctor`; return 0 when no check failed."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    marks = {"ok": "[green]ok[/]", "warn": "[yellow]note[/]", "fail": "[red]FAIL[/]"}
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    checks = diagnose(out)
    for check in checks:
        remedy = f"\n-> {check.remedy}" if check.remedy else ""
        table.add_row(Text.from_markup(marks[check.status]), check.name, check.found + remedy)
    Console().print(table)
    return EXIT_SOME_FAILED if any(check.status == "fail" for check in checks) else EXIT_DONE


def diagnose(output: Path | None = None) -> list[Check]:
    """Check the machine. Changes nothing, loads no model and never raises.

    Args:
        output: the folder results would go to; by default `analysis-results` in the current folder.
    """
    folder = output if output is not None else Path("analysis-results")
    groups: list[Callable[[], list[Check]]] = [
        _python,
        _processor,
        _gpus,
        _ctranslate2,
        _onnxruntime,
        _models,
        _extras,
        _programs,
        lambda: _output(folder),
    ]
    return [check for group in groups for check in _guarded(group)]


def _guarded(group: Callable[[], list[Check]]) -> list[Check]:
    """Run a group of checks. A check that raises becomes a failed check itself."""
    try:
        return group()
    except Exception as error:  # noqa: BLE001
        name = getattr(group, "__name__", "check").strip("_<>")
        return [Check(name, "fail", reason(error), _REINSTALL)]


_REINSTALL = "pip install --force-reinstall reelmill"


def _python() -> list[Check]:
    version = platform.python_version()
    if sys.version_info[:2] < _OLDEST_PYTHON:
        return [Check("Python", "fail", version, "install Python 3.10 or newer")]
    return [Check("Python", "ok", f"{version} on {platform.platform(terse=True)}")]


def _processor() -> list[Check]:
    import psutil

    cores = usable_cores()
    memory = psutil.virtual_memory()
    free, total = memory.available // _MB, memory.total // _MB
    found = f"{free:,} MB of {total:,} MB free"
    scarce = free < _LITTLE_MEMORY_MB
    remedy = "close other programs, or use --model small and --workers 1" if scarce else ""
    return [
        Check("Cores", "ok", f"{cores} usable"),
        Check("Memory", "warn" if scarce else "ok", found, remedy),
    ]


def _gpus() -> list[Check]:
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        remedy = "if you have an NVIDIA GPU, install its driver; if not, there is nothing to do"
        return [Check("GPU", "warn", f"none ({error}); everything runs on the CPU", remedy)]
    try:
        driver = _text(pynvml.nvmlSystemGetDriverVersion())
        count = pynvml.nvmlDeviceGetCount()
        checks = [_gpu(index) for index in range(count)]
    finally:
        pynvml.nvmlShutdown()
    return [Check("GPU driver", "ok", f"NVIDIA {driver}, {count} device(s)"), *checks]


def _gpu(index: int) -> Check:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    name = _text(pynvml.nvmlDeviceGetName(handle))
    found = f"{name}, {memory.free // _MB:,} MB of {memory.total // _MB:,} MB free"
    if memory.used >= 0.9 * memory.total:
        remedy = "other programs fill its memory: close them, or Reelmill starts on the CPU"
        return Check(f"GPU {index}", "warn", found, remedy)
    return Check(f"GPU {index}", "ok", found)


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _ctranslate2() -> list[Check]:
    import ctranslate2

    from reelmill.models.runtimes.cublas import REMEDY, find_cublas

    version = ctranslate2.__version__
    devices = ctranslate2.get_cuda_device_count()
    checks = [Check("CTranslate2", "ok", f"{version}, sees {devices} CUDA device(s)")]
    cublas = find_cublas()
    if cublas.found:
        where = f"{cublas.path or ''} ({cublas.detail})".strip()
        checks.append(Check("cuBLAS", "ok", where))
    elif devices:
        checks.append(Check("cuBLAS", "fail", cublas.detail, REMEDY))
    else:
        checks.append(Check("cuBLAS", "ok", "not installed, and no GPU needs it"))
    return checks


def _onnxruntime() -> list[Check]:
    import ctranslate2

    from reelmill.models.runtimes.onnx import CUDA_REMEDY, knows_cuda

    found = _version("onnxruntime")
    if knows_cuda():
        return [Check("ONNX Runtime", "ok", f"{found}, built for CUDA")]
    if not ctranslate2.get_cuda_device_count():
        return [Check("ONNX Runtime", "ok", f"{found}, for the CPU")]
    slow = "for the CPU: faces and speakers are computed there"
    return [Check("ONNX Runtime", "warn", f"{found}, {slow}", CUDA_REMEDY)]


def _models() -> list[Check]:
    from reelmill.models.files import cache, hub

    try:
        cache.resolve("demo")
    except ModelUnavailableError as error:
        shipped = Check("Demo model", "fail", str(error), _REINSTALL)
    else:
        shipped = Check("Demo model", "ok", "shipped")
    cached = [entry for entry in cache.list_models() if entry.path and entry.name != "demo"]
    names = ", ".join(f"{entry.name} ({entry.size_mb:,.0f} MB)" for entry in cached)
    where = f"in {hub.models_folder()}"
    if cached:
        return [shipped, Check("Models", "ok", f"{names} {where}")]
    remedy = "the first run downloads one; to do so now: reelmill models pull large-v3"
    return [shipped, Check("Models", "warn", f"none {where}", remedy)]


def _extras() -> list[Check]:
    """Find the extras by their metadata without importing them: PyTorch would take seconds."""
    checks = []
    for module, purpose, remedy in _EXTRAS:
        top = module.partition(".")[0]
        if importlib.util.find_spec(top) is None or not _submodule_exists(module):
            found, advice = f"not installed; {purpose}", f"only if you want it: {remedy}"
        else:
            found, advice = f"{_version(module)}; {purpose}", ""
        checks.append(Check(f"Extra {module}", "ok" if not advice else "warn", found, advice))
    return checks


def _submodule_exists(module: str) -> bool:
    """Whether `a.b` exists on disk. Unlike `find_spec`, this does not import `a`."""
    top, _, rest = module.partition(".")
    spec = importlib.util.find_spec(top)
    folders = spec.submodule_search_locations if spec else None
    return not rest or any((Path(folder) / rest).exists() for folder in folders or [])


def _version(module: str) -> str:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return _named(importlib.metadata.distribution(module))
    # Reads the list of files of every distribution, which takes a quarter of a second.
    for name in importlib.metadata.packages_distributions().get(module.partition(".")[0], []):
        return _named(importlib.metadata.distribution(name))
    return "installed"


def _named(distribution: importlib.metadata.Distribution) -> str:
    return f"{distribution.metadata['Name']} {distribution.version}"


def _programs() -> list[Check]:
    espeak = shutil.which("espeak-ng")
    found = espeak or "not installed; only tests and benchmarks use it"
    remedy = "" if espeak else "needed only for tests and benchmarks: apt-get install espeak-ng"
    return [
        Check("FFmpeg", "ok", "included in PyAV; no program needed"),
        Check("espeak-ng", "ok" if espeak else "warn", found, remedy),
    ]


def _output(folder: Path) -> list[Check]:
    """Check that the results folder, or its nearest existing parent, can be written. Creates
    nothing."""
    existing = folder.absolute()
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    remedy = "choose another folder with -o, or change its permissions"
    try:
        gate.probe(existing)
    except OSError as error:
        return [Check("Output folder", "fail", f"{folder}: {error.strerror}", remedy)]
    free = shutil.disk_usage(existing).free // _MB
    scarce = free < _LITTLE_DISK_MB
    advice = "free some space, or choose another folder with -o" if scarce else ""
    return [
        Check("Output folder", "ok", f"{folder} is writable"),
        Check("Disk", "warn" if scarce else "ok", f"{free:,} MB free", advice),
    ]
