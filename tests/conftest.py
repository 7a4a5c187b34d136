"""For all tests: neither the home folder nor other programs on the machine have any effect."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from reelmill.core import gate
from reelmill.core.notices import heard_by

#: A busy machine is no reason for a property to fail.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def _bytecode(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Where no bytecode may be written, hundreds of commands would each compile all they import,
    which takes as long as what they do. They share bytecode outside the source folders."""
    if not sys.dont_write_bytecode or sys.pycache_prefix:
        return {}
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(shared / "bytecode")}


@pytest.fixture(scope="session", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    ours = {
        "REELMILL_CACHE": str(tmp_path_factory.mktemp("cache")),
        "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config")),
        "HF_HUB_OFFLINE": "1",
        "TORCH_HOME": str(tmp_path_factory.mktemp("torch")),
        "REELMILL_MEMORY_LIMIT": "100",  # what else runs on the machine is not being tested
        **_bytecode(tmp_path_factory),
    }
    gate.own(tmp_path_factory.getbasetemp())
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    yield
    for name, value in before.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value


@pytest.fixture
def announced() -> Iterator[list[str]]:
    """The notices announced during a test outside of runs."""
    lines: list[str] = []
    with heard_by(lines.append):
        yield lines
