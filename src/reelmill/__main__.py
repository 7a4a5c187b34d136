"""`python -m reelmill`."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def _leave_out_the_current_folder() -> None:
    """`python -m` also imports from the current folder, where recordings and untrusted files may
    lie."""
    here = os.path.realpath(os.curdir)
    if Path(__file__).resolve().parents[1] != Path(here):
        sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != here]


if __name__ == "__main__":
    _leave_out_the_current_folder()
    from reelmill.cli.main import main

    main()
