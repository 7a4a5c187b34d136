"""The closing lines of a run, for a terminal or a log."""

from __future__ import annotations

import os
from pathlib import Path

from reelmill.artifacts import Severity
from reelmill.core.printable import printable
from reelmill.engine.telemetry.metrics import FileOutcome, RunSummary, StageTotals
from reelmill.evidence import CUSTODY, MANIFEST
from reelmill.report import wording
from reelmill.report.figures import Figures, changed_originals, failures, figures, with_findings
from reelmill.report.files import FAILED_FILES, INDEX_PAGE, REPORT_PAGE

_MOST_FAILURES = 20
_MOST_WARNINGS = 5
#: Findings of these severities are counted.
_NOUNS: dict[Severity, str] = {"warning": "warning", "info": "note"}


def closing_lines(run: RunSummary, out: Path) -> list[str]:
    """How the run ended, what failed and why, and where the files are. Plain text without
    colours."""
    f = figures(run)
    _, sentence = wording.verdict(f.done, f.total, f.failed, run.stopped)
    lines = [f"{sentence}.", *_speed(f)]
    if run.stopped is not None:
        lines.append(f"  Stopped because: {run.stopped}. Run the same command again to continue.")
    for outcome in changed_originals(run):
        lines.append(f"  ORIGINAL CHANGED: {printable(outcome.path)}: {'; '.join(outcome.changed)}")
    lines += _failures(failures(run), run.stages)
    lines += _findings(run)
    lines += [f"  NOT WRITTEN: {printable(text)}" for text in run.unwritten]
    lines += [f"  Left out: {printable(text)}" for text in run.left_out]
    lines += _warnings([one for one in run.warnings if one != f"stopping: {run.stopped}"])
    return [*lines, *_places(f, run, out)]


def _speed(f: Figures) -> list[str]:
    parts = [f"time {wording.clock(f.seconds)}"]
    if f.speed is not None:
        length = f"{wording.clock(f.media_seconds)} of {f.medium}"
        parts.append(f"{length} at {wording.speed(f.speed)}")
    if f.seconds_per_recording is not None:
        parts.append(f"{wording.duration(f.seconds_per_recording)} per recording")
    if f.reused:
        parts.append(f"{f.reused:,} done earlier")
    if f.waiting:
        parts.append(f"{f.waiting:,} still to do")
    return ["  " + ", ".join(parts)]


def _findings(run: RunSummary) -> list[str]:
    """Lines about findings: recordings that are incomplete by name, the others counted."""
    lines = []
    grave = with_findings(run, "grave")
    for outcome in grave[:_MOST_FAILURES]:
        words = [wording.finding_words(one) for one in outcome.findings if one.severity == "grave"]
        lines.append(f"  NOT WHOLE {printable(outcome.path)}: {printable('; '.join(words))}")
    if len(grave) > _MOST_FAILURES:
        lines.append(f"  ... and {len(grave) - _MOST_FAILURES:,} more, see {FAILED_FILES}")
    for severity, noun in _NOUNS.items():
        if found := with_findings(run, severity):
            number = wording.count(sum(one.count(severity) for one in found), noun)
            recordings = wording.count(len(found), "recording")
            lines.append(f"  {number} about {recordings}, see {REPORT_PAGE}")
    return lines


def _failures(failed: list[FileOutcome], stages: list[StageTotals]) -> list[str]:
    lines = []
    for outcome in failed[:_MOST_FAILURES]:
        lines.append(f"  FAILED {printable(outcome.path)}")
        if failure := outcome.failure:
            tries = f", after {failure.tries} tries" if failure.tries > 1 else ""
            cause = without_path(failure.message, outcome.path)
            lines.append(
                f"    {wording.stage_words(failure.stage, stages)}{tries}: {printable(cause)}"
            )
    if len(failed) > _MOST_FAILURES:
        lines.append(f"  ... and {len(failed) - _MOST_FAILURES:,} more, see {FAILED_FILES}")
    return lines


def _warnings(warnings: list[str]) -> list[str]:
    lines = [f"  Warning: {printable(text)}" for text in warnings[:_MOST_WARNINGS]]
    if len(warnings) > _MOST_WARNINGS:
        lines.append(f"  ... and {len(warnings) - _MOST_WARNINGS:,} more warnings, in the report")
    return lines


def _places(f: Figures, run: RunSummary, out: Path) -> list[str]:
    folder = printable(os.fspath(out))
    lines = [f"  Results   {folder}"]
    if not any(text.startswith(INDEX_PAGE) for text in run.unwritten):
        lines.append(f"  Look at   {printable(os.fspath(out / INDEX_PAGE))}")
    if not any(text.startswith(REPORT_PAGE) for text in run.unwritten):
        lines.append(f"  Report    {printable(os.fspath(out / REPORT_PAGE))}")
    if f.failed or with_findings(run, "grave"):
        lines.append(f"  Failures  {printable(os.fspath(out / FAILED_FILES))}")
    if run.manifest_sha256 is not None:
        lines += [
            f"  Evidence  {printable(os.fspath(out / MANIFEST))} (check: reelmill verify {folder})",
            f"  SHA-256   {run.manifest_sha256} (of that file; keep a copy elsewhere)",
        ]
    if run.custody_head is not None:
        entries = wording.count(run.custody_entries, "entry")
        lines.append(f"  Custody   {run.custody_head} (head of {CUSTODY}, {entries})")
    return lines


def without_path(message: str, path: str) -> str:
    """A failure's message without the file name, which the line above already shows."""
    return message.removeprefix(f"{path}: ")
