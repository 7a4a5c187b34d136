"""Other virtual environments: which interpreter a library lives under, and in which version."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reelmill.errors import ModelUnavailableError

_OLDEST = (3, 10)
_SECONDS = 60

#: Asked of the interpreter itself: what is installed there is nobody else's business to guess.
_QUESTION = """
import importlib.metadata, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        pass
print(json.dumps([sys.version_info[:2], found]))
"""


@dataclass(frozen=True)
class Environment:
    """`python` is its interpreter, None for the one we run in; `versions` of the packages asked
    for that it has."""

    python: str | None
    versions: Mapping[str, str]

    @property
    def where(self) -> str:
        """For people."""
        return self.python or "this environment"

    @property
    def has_cuda(self) -> bool:
        """Whether its PyTorch can be expected to know GPUs: builds for the CPU say so."""
        return "+cpu" not in self.versions.get("torch", "")


def look(python: Path | None, packages: Sequence[str]) -> Environment:
    """What the environment of `python` (its interpreter or its folder) has of `packages`.

    Raises:
        ModelUnavailableError: there is no interpreter, or none that we can use.
    """
    if python is None:
        return Environment(None, _ours(packages))
    interpreter = _interpreter(python)
    command = [interpreter, "-E", "-c", _QUESTION, *packages]
    try:
        asked = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=True
        )
        version, versions = json.loads(asked.stdout)
    except (OSError, ValueError, TypeError, subprocess.SubprocessError) as error:
        raise ModelUnavailableError(
            f"--python {python}: cannot be run as a Python interpreter ({_cause(error)})"
        ) from error
    if tuple(version) < _OLDEST:
        raise ModelUnavailableError(
            f"--python {python}: is Python {'.'.join(map(str, version))}; "
            f"{'.'.join(map(str, _OLDEST))} or newer is needed"
        )
    return Environment(interpreter, versions)


def _interpreter(python: Path) -> str:
    """The file to run. Links stay: they are what makes an interpreter a virtual environment's."""
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
