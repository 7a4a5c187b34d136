"""For all tests: neither the home folder nor other programs on the machine have any effect."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from reelmill.core import gate
from reelmill.core.notices import heard_by

#: A busy machine is no reason for a property to fail.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    ours = {
        "REELMILL_CACHE": str(tmp_path_factory.mktemp("cache")),
        "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config")),
        "HF_HUB_OFFLINE": "1",
        "TORCH_HOME": str(tmp_path_factory.mktemp("torch")),
        "REELMILL_MEMORY_LIMIT": "100",  # what else runs on the machine is not being tested
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
