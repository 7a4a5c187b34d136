"""Other virtual environments: the interpreter that has a library, the library's version, and
whether it can be imported."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.core.atomic import write_text
from reelmill.core.json_text import parse_json
from reelmill.core.paths import user_cache
from reelmill.errors import ModelUnavailableError

_OLDEST = (3, 10)
_SECONDS = 60
#: An import may read gigabytes of libraries, perhaps from a network disk.
_IMPORT_SECONDS = 300
#: The file in the user's cache that records which imports succeeded.
_REMEMBERED = "environments.json"
#: `python -c` imports from the current folder, where recordings and untrusted files may lie.
_NOWHERE = "/"

#: Run by the other interpreter itself, which knows best what is installed there.
_QUESTION = """
import importlib.metadata, json, os, sys, sysconfig
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
packages = sysconfig.get_path("purelib")
changed = os.stat(packages).st_mtime_ns if os.path.exists(packages) else 0
print(json.dumps([sys.version_info[:2], found, changed]))
"""


@dataclass(frozen=True)
class Environment:
    """`python` is the interpreter, None for the current one. `versions` are those of the requested
    packages it has. `changed` is when a package was last installed or removed there, in ns."""

    python: str | None
    versions: Mapping[str, str]
    changed: int = 0

    @property
    def where(self) -> str:
        """The environment's name for people."""
        return self.python or "this environment"

    @property
    def has_cuda(self) -> bool:
        """Whether its PyTorch is expected to support GPUs. CPU builds have a version that says
        so."""
        return "+cpu" not in self.versions.get("torch", "")


def look(python: Path | None, packages: Sequence[str]) -> Environment:
    """Which of `packages` the environment of `python` (its interpreter or its folder) has.

    Raises:
        ModelUnavailableError: there is no interpreter, or none that we can use.
    """
    if python is None:
        changed = os.stat(sysconfig.get_path("purelib")).st_mtime_ns
        return Environment(None, _ours(packages), changed)
    interpreter = _interpreter(python)
    command = [interpreter, "-E", "-c", _QUESTION, *packages]
    try:
        asked = subprocess.run(
            command, cwd=_NOWHERE, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
        version, versions, changed = json.loads(asked.stdout)
    except (OSError, ValueError, TypeError, subprocess.SubprocessError) as error:
        raise ModelUnavailableError(
            f"--python {python}: cannot be run as a Python interpreter ({_cause(error)})"
        ) from error
    if tuple(version) < _OLDEST:
        raise ModelUnavailableError(
            f"--python {python}: is Python {'.'.join(map(str, version))}; "
            f"{'.'.join(map(str, _OLDEST))} or newer is needed"
        )
    return Environment(interpreter, versions, changed)


def try_import(found: Environment, module: str) -> None:
    """Import a module with an environment's interpreter, in a separate process.

    This takes seconds. After a success it is not repeated until a package is installed or removed
    there.

    Raises:
        ModelUnavailableError: it cannot be imported, and why.
    """
    key, remembered = f"{found.where} {module}", user_cache() / _REMEMBERED
    known = _read(remembered)
    if known.get(key) == found.changed:
        return
    command = [found.python or sys.executable, "-E", "-c", f"import {module}"]
    try:
        subprocess.run(
            command,
            cwd=_NOWHERE,
            capture_output=True,
            text=True,
            timeout=_IMPORT_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ModelUnavailableError(
            f"{module} is in {found.where}, but cannot be imported ({_cause(error)}); reinstall "
            "it there"
        ) from error
    with contextlib.suppress(OSError):  # in that case the import is tried again next time
        write_text(remembered, json.dumps({**known, key: found.changed}, indent=1) + "\n")


def _read(path: Path) -> dict[str, int]:
    with contextlib.suppress(OSError, ValueError):
        content = parse_json(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    return {}


def _interpreter(python: Path) -> str:
    """The interpreter to run. Links are kept, because they mark the interpreter as a virtual
    environment's."""
    given = Path(os.path.abspath(python.expanduser()))
    for path in (given, given / "bin" / "python"):
        if path.is_file():
            return str(path)
    raise ModelUnavailableError(
        f"--python {python}: there is no interpreter; give a virtual environment's folder or the "
        "bin/python in it"
    )


def _ours(packages: Sequence[str]) -> dict[str, str]:
    found = {}
    for name in packages:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _cause(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError) and error.stderr:
        return str(error.stderr).strip().splitlines()[-1]
    return " ".join(str(error).split())
