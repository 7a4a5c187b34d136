from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from reelmill.core.garbage import (
    begin_without_collection,
    collect_from_now_on,
    no_collection,
)


def test_no_collection__an_error_inside__restores_collection() -> None:
    with pytest.raises(ValueError), no_collection():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()


def test_no_collection__collection_was_off__stays_off() -> None:
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_collection_resumes_after_the_start_and_leaves_what_was_there() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    try:
        begin_without_collection()
        assert not gc.isenabled()
        collect_from_now_on()
        assert gc.isenabled() and gc.get_freeze_count() > frozen
        collect_from_now_on()
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


_SCRIPT = """
import gc, sys
from reelmill.core.garbage import leave_garbage_at_exit

class Late:
    def __del__(self):
        print("collected")

late = Late()
late.itself = late
del late
{call}
gc.disable()
print("over")
"""


def _printed(call: str) -> list[str]:
    command = [sys.executable, "-c", _SCRIPT.format(call=call)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_garbage_is_left_at_exit() -> None:
    assert _printed("") == ["over", "collected"]
    assert _printed("leave_garbage_at_exit()") == ["over"]
