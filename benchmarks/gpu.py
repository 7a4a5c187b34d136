"""Everything that has to be measured on a GPU, in one run of at most 8 minutes.

    python -m benchmarks.gpu --json benchmarks/results/gpu.json
    python -m benchmarks.gpu --dry-run      # every section on a CPU, with tiny networks

Prepared for one H200; it has not been run on a GPU yet. Nothing is downloaded: Whisper large-v3 and
turbo are built with random weights, the other networks are shipped. A section that lacks something
reports it in a sentence. The JSON is written after each section, and a section that is cut short
keeps its results, so a run that ends early keeps its figures.

A machine without a network needs this folder and a folder of wheels. Fetch the wheels elsewhere,
for the machine's Python (here 3.12):

    python -m pip download --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
        --platform manylinux2014_x86_64 -d .wheels \
        ctranslate2==4.8.5 faster-whisper==1.2.1 'av<19' nvidia-cublas-cu12

The whole run is then one line, in this folder on the machine:

    python3 -m pip install -q --no-index --no-deps --target /tmp/site .wheels/*.whl &&
    PYTHONPATH=/tmp/site:src python3 -m benchmarks.gpu --json benchmarks/results/gpu.json

- The machine needs numpy, psutil, nvidia-ml-py, tokenizers, huggingface-hub, tqdm, pyyaml and
  onnxruntime; add to the wheels what it lacks. No CUDA toolkit and no cuDNN are needed.
- nvidia-cublas-cu12 is large (over 500 MB). It may be left out where NVIDIA's wheels of CUDA 13 are
  installed: CTranslate2 is then lent their cuBLAS under the name it asks for. It calls eight
  functions, which both have; NVIDIA promises nothing, so the JSON says which one was used.
- Speaker and face networks need onnxruntime-gpu (243 MB) in place of onnxruntime, and cuDNN 9: add
  onnxruntime-gpu to the wheels, and nvidia-cudnn-cu13 and nvidia-cufft where they are missing.
- Where little can be carried at a time, carry the wheels in parts (`split -b 40M`) to a folder that
  stays, and join them there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import reelmill
from benchmarks.gpu_device import Watch
from reelmill.models.runtimes import cublas

LIMIT_S = 470.0
_PACKAGES = ("ctranslate2", "faster-whisper", "onnxruntime", "onnxruntime-gpu", "numpy")
_NEWER_CUBLAS = "libcublas.so.13"
#: Seconds that a section gets to report its results before it is ended.
_GRACE_S = 3.0


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    if options.section:
        return _one_section(options)
    with tempfile.TemporaryDirectory(prefix="reelmill-gpu-", dir=options.work) as work:
        content = _all_sections(options, Path(work))
    failed = [name for name, told in content["sections"].items() if "failed" in told]
    print(f"failed: {', '.join(failed)}" if failed else "all sections have spoken or say why not")
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--json", type=Path, help="write the figures to this file, section by section"
    )
    parser.add_argument("--dry-run", action="store_true", help="run on the CPU with tiny networks")
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="run only these sections")
    parser.add_argument("--work", type=Path, help="folder for models and runs [temporary]")
    parser.add_argument("--section", help=argparse.SUPPRESS)
    parser.add_argument("--seconds", type=float, default=60.0, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


# -- all of them


def _all_sections(options: argparse.Namespace, work: Path) -> dict[str, Any]:
    from benchmarks.gpu_sections import SECTIONS

    ends = time.monotonic() + LIMIT_S
    content: dict[str, Any] = {"dry_run": options.dry_run, "machine": _machine(), "sections": {}}
    content["machine"]["cublas"] = _lend_libraries(work)
    for name, (_, budget) in SECTIONS.items():
        if options.only and name not in options.only:
            continue
        seconds = min(budget, ends - time.monotonic())
        print(f"{name} ...", flush=True)
        if seconds < 5:
            told: dict[str, Any] = {"skipped": "the time of the whole run was up"}
        else:
            told = _in_own_process(name, seconds, options.dry_run, work)
        content["sections"][name] = told
        print(json.dumps(told, indent=1, ensure_ascii=False), flush=True)
        if options.json:
            _write(options.json, content)
    return content


def _in_own_process(name: str, seconds: float, dry_run: bool, work: Path) -> dict[str, Any]:
    """The results of a section. Its process frees the device when it ends; a crash, or a call that
    never returns, loses only this section."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--section", name, "--work", str(work)]
    command += ["--seconds", f"{seconds - _GRACE_S:.1f}", *(["--dry-run"] if dry_run else [])]
    watch = Watch(every_s=0.25)
    began = time.monotonic()
    ended = ""
    with watch.watching():
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            _, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            _, errors = process.communicate()
            ended = f"was ended after {seconds:.0f} s, its time"
    file = work / f"{name}.json"
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if process.returncode and not ended:
        print(errors, file=sys.stderr, flush=True)
        lines = errors.strip().splitlines()
        told["failed"] = lines[-1] if lines else f"exit code {process.returncode}"
    if ended:
        told["cut"] = ended
    told["section_seconds"] = round(time.monotonic() - began, 1)
    told["nvml"] = watch.figures()
    return told


def _lend_libraries(work: Path) -> str:
    """Where cuBLAS comes from. NVIDIA's wheels are put on the library path of the sections where
    what we look for is not found, and CUDA 13's cuBLAS stands in for CUDA 12's."""
    found = cublas.find_cublas()
    if found.found:
        return found.detail
    folders = [Path(entry) / "nvidia" for entry in sys.path if entry]
    libraries = [folder for root in folders for folder in sorted(root.glob("*/lib"))]
    newer = [folder for folder in libraries if (folder / _NEWER_CUBLAS).is_file()]
    if not newer:
        return found.detail
    lent = work / "lent"
    lent.mkdir()
    (lent / cublas.LIBRARY).symlink_to(newer[0] / _NEWER_CUBLAS)
    paths = [str(lent), *map(str, libraries), os.environ.get("LD_LIBRARY_PATH", "")]
    os.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, paths))
    return f"{_NEWER_CUBLAS}, lent as {cublas.LIBRARY}"


def _write(path: Path, content: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def _machine() -> dict[str, Any]:
    """The package itself may run from its folder, without being installed."""
    versions: dict[str, str | None] = {"reelmill": reelmill.__version__}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return {"cores": os.cpu_count(), "python": platform.python_version(), **versions}


# -- one of them, in a process of its own


def _one_section(options: argparse.Namespace) -> int:
    from benchmarks.gpu_ask import DRY, FULL, Ask, Missing
    from benchmarks.gpu_sections import INNER, SECTIONS

    work, name = options.work, options.section
    told: dict[str, Any] = {}

    def tell(more: dict[str, Any]) -> None:
        """Write results to the disk at once, so that they are kept whatever happens later."""
        told.update(more)
        _write(work / f"{name}.json", told)

    ask = Ask(DRY if options.dry_run else FULL, work, time.monotonic() + options.seconds)
    section = INNER[name] if name in INNER else SECTIONS[name][0]
    try:
        section(ask, tell)
    except Missing as missing:
        tell({"skipped": str(missing)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
