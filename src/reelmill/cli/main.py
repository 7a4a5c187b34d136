"""The console script: streams and signals first, then the rest of the program is imported."""

from __future__ import annotations

import os
import sys

from reelmill.cli.streams import hold_streams
from reelmill.commands.signals import stop_when_told


def main() -> None:
    """Run the command `reelmill`. Ctrl-C during start-up stops it like later ones do, and no error
    shows a traceback."""
    hold_streams()
    stop_when_told()
    # NumPy would begin with a thread for each core, and these wait busily. This process computes
    # little, and workers are told their own number.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from reelmill.cli import app as cli
        from reelmill.cli.internal_error import show_no_traceback

        show_no_traceback()
        cli.main()
    except Exception as error:  # noqa: BLE001 (last resort: report any error)
        from reelmill.cli.internal_error import report_internal_error

        sys.exit(report_internal_error(error))
