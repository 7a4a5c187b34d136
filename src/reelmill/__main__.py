"""`python -m reelmill`."""

from __future__ import annotations

from reelmill.cli.main import main

if __name__ == "__main__":
    main()
