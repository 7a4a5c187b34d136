"""A call in a separate process returns its result, also in a script without a main guard."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reelmill.engine.process.call import call_alone
from reelmill.errors import CrashError


def test_a_call_returns_and_raises_what_the_function_does() -> None:
    assert call_alone(math.comb, 5, 2) == 10
    assert call_alone(os.getpid) != os.getpid()
    with pytest.raises(ValueError, match="math domain error"):
        call_alone(math.sqrt, -1)


def test_a_process_that_dies_raises_an_error_with_its_last_log_line() -> None:
    with pytest.raises(CrashError, match="exit code 7"):
        call_alone(os._exit, 7)


def test_a_script_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os; from reelmill.engine.process.call import call_alone\n"
        "print('begun'); call_alone(os.getcwd); print('done')\n"
    )
    done = subprocess.run(
        [sys.executable, script], check=True, capture_output=True, text=True, timeout=180
    )
    assert done.stdout == "begun\ndone\n"
