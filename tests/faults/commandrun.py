"""A real command in a process with planned faults.

`python -m tests.faults.commandrun voice …`; ends with the command's exit code.
"""

from __future__ import annotations

import sys

from reelmill.commands.signals import stop_when_told

if __name__ == "__main__":
    stop_when_told()  # the rest takes a while to import
    from reelmill.cli.main import main
    from tests.faults.faults import going_wrong

    code: str | int | None = 0
    with going_wrong():
        try:
            main()
        except SystemExit as end:
            code = end.code
    sys.exit(code)
