"""Exit codes of commands."""

from __future__ import annotations

from reelmill.engine.telemetry.metrics import RunSummary

EXIT_DONE, EXIT_SOME_FAILED, EXIT_USAGE, EXIT_STOPPED = 0, 1, 2, 3


def exit_code(summary: RunSummary) -> int:
    """The exit code of a run. An original that changed while it was read and an incomplete result
    count as failures."""
    if summary.stopped is not None:
        return EXIT_STOPPED
    if summary.count("failed") or summary.unwritten:
        return EXIT_SOME_FAILED
    if any(outcome.changed or outcome.count("grave") for outcome in summary.outcomes):
        return EXIT_SOME_FAILED
    return EXIT_DONE
