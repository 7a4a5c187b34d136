"""A toy stage on a watched folder, in a process of its own, to be broken from outside.

`python -m tests.watch.toywatch IN OUT LOG`; ends with the exit code of the command.
"""

from __future__ import annotations

import sys
from pathlib import Path

from reelmill.commands.signals import stop_when_told, work_is_over


def main() -> int:
    stop_when_told()  # the rest takes a while to import
    from reelmill.commands.watch import Lines, watch_folders
    from reelmill.watch.options import WatchOptions
    from tests.watch.toy_task import toy_task

    folder, out, log = map(Path, sys.argv[1:4])
    settings = {"device": "cpu", "workers": 1}
    options = WatchOptions(folder=folder, out=out, settle=0.2, settings=settings)
    try:
        return watch_folders([options], Lines(sys.stderr), toy_task(log))
    finally:
        work_is_over()


if __name__ == "__main__":
    sys.exit(main())
