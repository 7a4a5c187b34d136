"""The wording of numbers, stages and causes in reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from reelmill.artifacts import Finding
from reelmill.engine.telemetry.metrics import StageTotals
from reelmill.errors import Kind

#: Steps of a run that are not stages.
_STEPS = {
    "identify": "Reading the file",
    "check": "Reading the file again",
    "engine": "Inside Reelmill",
}

_CAUSES: dict[Kind, str] = {
    "input": "The recording itself",
    "transient": "A temporary problem",
    "resource": "Memory ran out",
    "crash": "A process ended unexpectedly",
}

_ADVICE: dict[Kind, str] = {
    "input": (
        "Play the file in a media player. If it does not play, get a new copy from its source. "
        "Then run the same command again; finished recordings are not repeated."
    ),
    "transient": (
        "Check the disk, the network and what else is running, then run the same command again; "
        "finished recordings are not repeated."
    ),
    "resource": (
        "Close other programs or choose a smaller model (--model), then run the same command "
        "again; finished recordings are not repeated."
    ),
    "crash": (
        "Run the same command again; finished recordings are not repeated. If this recording "
        "fails again, report it with the log files in .cache/logs/."
    ),
}


def stage_words(name: str, stages: Iterable[StageTotals] = ()) -> str:
    """What a stage does, in plain words, or its own name if it has no title.

    Args:
        name: the stage's name, or that of a step which is no stage.
        stages: those of the run.
    """
    titles = {stage.name: stage.display_name for stage in stages if stage.display_name}
    return titles.get(name) or _STEPS.get(name) or name.replace("_", " ").capitalize()


def medium(pipeline: str) -> str:
    """The medium of a pipeline's recordings, for "12:30 of ..."."""
    return "video" if pipeline == "faces" else "sound"


def cause_words(kind: Kind) -> str:
    return _CAUSES.get(kind, str(kind))


def advice(kind: Kind) -> str:
    """Advice for people who are not programmers."""
    return _ADVICE.get(kind, _ADVICE["crash"])


NOT_WHOLE_ADVICE = (
    "The results cover what could be read. If the complete file exists at its source, get it and "
    "run the same command again."
)


def finding_words(finding: Finding) -> str:
    """A finding in one line, with its time: `at 01:02–01:05: no sound for 3.1 s`."""
    text = finding.text or finding.label
    if finding.start is None:
        return text
    return f"at {span(finding.start, finding.end)}: {text}"


def span(start: float, end: float | None) -> str:
    """`01:02–01:05`, or `01:02` where both are in the same second or there is no end."""
    first, last = clock(start), clock(end)
    return first if end is None or first == last else f"{first}–{last}"


def clock(seconds: float | None, *, hours: bool = False) -> str:
    """`mm:ss`, or `h:mm:ss` from one hour on and wherever `hours` asks for it."""
    if seconds is None:
        return "–"
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour or hours else f"{minute:02d}:{second:02d}"


def duration(seconds: float | None) -> str:
    """A short time with its unit: `0.04 s`, `2.4 s`, `12 s`, `03:20`."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds:.2f} s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 100 else clock(seconds)


def speed(times: float | None) -> str:
    """`13.8 × real time`."""
    return "–" if times is None else f"{significant(times)} × real time"


def significant(value: float) -> str:
    """Three significant digits: 0.52, 13.8, 1,304."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def percent(share: float | None) -> str:
    """A share from 0 to 1 as text. 0 % means nothing at all, and 100 % means everything."""
    if share is None:
        return "–"
    if 0 < share < 0.01:
        return "< 1 %"
    return f"{min(99, round(share * 100)) if share < 1 else 100} %"


def memory(megabytes: float | None) -> str:
    if megabytes is None:
        return "–"
    return f"{megabytes:,.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:,.1f} GB"


def count(number: int, noun: str) -> str:
    """`1 entry`, `2 entries`, `3 files`."""
    if number == 1:
        return f"{number} {noun}"
    if noun.endswith("y") and noun[-2:-1] not in set("aeiou"):
        return f"{number:,} {noun[:-1]}ies"
    return f"{number:,} {noun}s"


State = Literal["good", "attention", "stopped"]


def verdict(done: int, total: int, failed: int, stopped: str | None) -> tuple[State, str]:
    """How the run ended, in one sentence."""
    if total == 0:
        return "attention", "Nothing to do: no recordings were found"
    if stopped is not None:
        return "stopped", f"Stopped early: {done:,} of {count(total, 'recording')} done"
    if failed:
        return "attention", f"{done:,} of {count(total, 'recording')} done, {failed:,} failed"
    if total == 1:
        return "good", "The recording is done"
    return "good", f"All {total:,} recordings are done"
