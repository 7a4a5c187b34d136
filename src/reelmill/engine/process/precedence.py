"""Let other processes go first."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

#: The priority of a session among others (Linux, where `sched_autogroup_enabled` is set).
_SESSION = Path("/proc/self/autogroup")


def go_after_others(steps: int) -> None:
    """Give this process less time than others where not all can run, by `steps` as of `nice`.

    Linux may compare sessions instead of processes (sched(7), "The autogroup feature"). Each worker
    process is a session of its own.
    """
    os.nice(steps)
    with contextlib.suppress(OSError), _SESSION.open("r+") as session:
        session.write(str(steps))
