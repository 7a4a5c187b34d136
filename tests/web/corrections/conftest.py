"""What tests of corrections share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.web.corrections.kit import finished_folder


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a finished run, which tests copy."""
    return finished_folder(tmp_path_factory.mktemp("finished"))
