"""A run on a machine without a network."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import pytest

SAMPLE = Path(str(resources.files("reelmill") / "assets" / "samples" / "voicemail.wav"))
NO_NETWORK = ["unshare", "-rn"]
CLI = [sys.executable, "-c", "from reelmill.cli.app import main; main()"]
#: Our own retries of a download are told; a library that waits in silence is not.
_SOON = 120


def test_local_models_are_used_without_waiting_for_a_network(tmp_path: Path) -> None:
    # proves: G11
    if subprocess.run([*NO_NETWORK, "true"], check=False, capture_output=True).returncode:
        pytest.skip("a process may not be cut off from the network here")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("HF_")
    } | {"HF_HOME": str(tmp_path / "hub"), "REELMILL_CACHE": str(tmp_path / "cache")}
    began = time.monotonic()
    done = subprocess.run(
        [*NO_NETWORK, *CLI, "voice", str(SAMPLE), "-o", str(tmp_path / "out"), "--model", "demo"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in (0, 1), done.stderr
    assert time.monotonic() - began < _SOON
    assert (tmp_path / "out" / "voicemail.json").exists()
    assert "fetching" not in done.stdout + done.stderr
