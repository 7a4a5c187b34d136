"""The console script: signals are heard before the rest of the program is imported."""

from __future__ import annotations

from reelmill.runs.signals import stop_when_told


def main() -> None:
    """The command `reelmill`. Ctrl-C while it is still starting is a stop as any other."""
    stop_when_told()
    from reelmill.cli import app as cli

    cli.main()
