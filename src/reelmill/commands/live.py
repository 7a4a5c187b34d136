"""A live table of a run on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from reelmill.commands.terminal import View, failure_text, headline, warning
from reelmill.core.printable import printable
from reelmill.engine.telemetry.events import Snapshot
from reelmill.engine.telemetry.metrics import FileOutcome, StageTotals
from reelmill.report.wording import count


class Moving(View):
    """Shows a live table with a row per stage, a headline, and failures above it."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def noted(self, text: str) -> None:
        self._live.console.print(Text(printable(text), style="dim"))

    def planned(self, recordings: int, reused: int) -> None:
        done = f", {reused} ended in an earlier run" if reused else ""
        self._live.console.print(Text(f"{count(recordings, 'recording')}{done}"))

    def finished(self, outcome: FileOutcome) -> None:
        if outcome.failure is not None:
            self._print(f"failed: {failure_text(outcome)}", "red")
        for change in outcome.changed:
            self._print(f"ORIGINAL CHANGED: {outcome.path}: {change}", "bold red")

    def warned(self, text: str) -> None:
        self._print(warning(text), "yellow")

    def moved(self, snapshot: Snapshot) -> None:
        self._live.update(Group(_stage_table(snapshot), Text(headline(snapshot), style="bold")))

    def _print(self, text: str, style: str) -> None:
        self._live.console.print(Text(printable(text), style=style))


def _stage_table(snapshot: Snapshot) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("stage", style="cyan")
    for title in ("done", "failed", "items", "waiting", "items/s"):
        table.add_column(title, justify="right")
    for stage in snapshot.stages:
        waiting = snapshot.queued_items.get(stage.name)
        table.add_row(
            stage.name,
            str(stage.done + stage.reused),
            Text(str(stage.failed), style="red" if stage.failed else "dim"),
            str(stage.items or ""),
            "" if waiting is None else str(waiting),
            _rate(stage, snapshot.seconds),
        )
    return table


def _rate(stage: StageTotals, now: float) -> str:
    if not stage.items or stage.first_at is None or now <= stage.first_at:
        return ""
    return f"{stage.items / (now - stage.first_at):.1f}"


@contextmanager
def moving() -> Iterator[View]:
    """The live table on standard error, until the end of the block."""
    console = Console(stderr=True)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield Moving(live)
