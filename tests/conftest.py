"""For all tests: nothing is remembered in, or read from, the home folder of whoever runs them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = os.environ.get("REELMILL_CACHE")
    os.environ["REELMILL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["REELMILL_CACHE"]
    else:
        os.environ["REELMILL_CACHE"] = before
