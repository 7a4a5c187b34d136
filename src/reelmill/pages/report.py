"""`report.html`: a run on one page for people, as a single file that needs no network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reelmill.artifacts import Finding
from reelmill.core.atomic import write_pieces
from reelmill.core.printable import printable
from reelmill.engine.telemetry.metrics import (
    FileOutcome,
    ModelWorkerTotals,
    RunSummary,
    StageTotals,
)
from reelmill.export.transcript.json_writer import is_demo
from reelmill.pages.environment import template
from reelmill.pages.language import Wording, wording_in
from reelmill.report import wording
from reelmill.report.excerpt import excerpt
from reelmill.report.figures import changed_originals, failures, figures, notes_of_all, on_gpu
from reelmill.report.files import REPORT_PAGE

#: With more recordings than this, the page leaves out first words, to stay fast and small.
MOST_EXCERPTS = 500
#: More entries than this would not help a reader. The JSON files have all of them.
_MOST_FAILURES = 200
_MOST_WARNINGS = 50
_MOST_NOTES = 50


@dataclass(frozen=True)
class Link:
    label: str
    href: str


@dataclass(frozen=True)
class Row:
    """A recording as a row of the table. `status` is the engine's word, `state` the reader's."""

    name: str
    folder: str
    status: str
    state: str
    length: str
    seconds: str
    language: str
    words: str
    notes: list[str]
    links: list[Link]


@dataclass(frozen=True)
class _Rows:
    """The rows of the table, made when they are written: there may be very many."""

    outcomes: Sequence[FileOutcome]
    order: Sequence[int]
    row: Callable[[FileOutcome], Row]

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[Row]:
        return (self.row(self.outcomes[at]) for at in self.order)


@dataclass(frozen=True)
class Trouble:
    name: str
    folder: str
    stage: str
    cause: str
    message: str
    tries: str
    advice: str


@dataclass(frozen=True)
class StageRow:
    """A stage, with the widths of its bars in percent of the longest stage."""

    name: str
    own_name: str
    totals: StageTotals
    cpu: str
    model: str
    cpu_width: float
    model_width: float
    rate: str


def write_page(out: Path, run: RunSummary, say: Wording | None = None) -> Path:
    """Write `report.html` into `out`, with links to the results that lie there.

    Args:
        out: the output folder.
        run: what was done.
        say: the wording; English by default.

    Raises:
        OSError: it cannot be written.
    """
    path = out / REPORT_PAGE
    write_pieces(path, template("report.html").generate(**_values(run, out, say)))
    return path


def render_page(run: RunSummary, out: Path, say: Wording | None = None) -> str:
    """Render the page. First words are read from the text exports below `out`."""
    return template("report.html").render(**_values(run, out, say))


def _values(run: RunSummary, out: Path, say: Wording | None) -> dict[str, Any]:
    """What the page shows."""
    f, say = figures(run), say or wording_in("en")
    state, sentence = wording.verdict(f.done, f.total, f.failed, run.stopped)
    changed, failed = changed_originals(run), failures(run)
    with_words = len(run.outcomes) <= MOST_EXCERPTS
    shared, of_all = _shared_folder(run.outcomes), notes_of_all(run)
    paths = [one.path for one in run.outcomes]
    order = sorted(range(len(paths)), key=paths.__getitem__)
    said = "\n".join([*run.notes, *of_all])
    return {
        "version": run.version,
        "say": say,
        "run": run,
        "f": f,
        "state": "attention" if changed and state == "good" else state,
        "sentence": say.sentence(sentence),
        "rows": _Rows(
            run.outcomes, order, lambda one: _row(one, out, shared, with_words, said, say)
        ),
        "shared": printable(shared),
        "with_words": with_words,
        "troubles": [_trouble(outcome, run.stages, say) for outcome in failed[:_MOST_FAILURES]],
        "more_troubles": max(0, len(failed) - _MOST_FAILURES),
        "changed": [(_split(o.path), o.changed) for o in changed],
        "warnings": run.warnings[:_MOST_WARNINGS],
        "more_warnings": max(0, len(run.warnings) - _MOST_WARNINGS),
        "notes": run.notes[:_MOST_NOTES],
        "more_notes": max(0, len(run.notes) - _MOST_NOTES),
        "of_all": of_all,
        "stages": _stage_rows(run.stages, say),
        "model_workers": [_worker_row(worker) for worker in run.model_workers],
        "demo": any(is_demo(model) for model in run.models.values()),
    }


def _shared_folder(outcomes: Iterable[FileOutcome]) -> str:
    """The deepest folder that contains all recordings, shown once above the table instead of in
    every row."""
    folders = {os.path.split(outcome.path)[0] for outcome in outcomes}
    try:
        return os.path.commonpath(folders) if folders else ""
    except ValueError:  # relative and absolute paths together
        return ""


def _row(
    outcome: FileOutcome, out: Path, shared: str, with_words: bool, said: str, say: Wording
) -> Row:
    """`said` has the notes that are shown elsewhere on the page."""
    folder, name = os.path.split(outcome.path)
    below = os.path.relpath(folder, shared) if shared and folder else folder
    return Row(
        name=printable(name),
        folder="" if below == "." else printable(below),
        status=outcome.status,
        state=say(f"report.state.{_state(outcome)}"),
        length=wording.clock(outcome.media_seconds),
        seconds="–" if outcome.reused else wording.duration(outcome.seconds or None),
        language=say.get(f"language.{outcome.language}", outcome.language or "–"),
        words=excerpt(out, outcome.outputs) if with_words else "",
        notes=[
            *(_finding(one, say) for one in outcome.findings),
            *(say.sentence(note) for note in outcome.notes if note not in said),
        ],
        links=[_link(path, outcome.name) for path in outcome.outputs],
    )


def _finding(finding: Finding, say: Wording) -> str:
    text = say.sentence(finding.text or finding.label)
    if finding.start is None:
        return text
    return say("report.at", span=wording.span(finding.start, finding.end), text=text)


def _state(outcome: FileOutcome) -> str:
    if outcome.status == "done" and outcome.reused:
        return "earlier"
    if outcome.status == "done" and outcome.count("grave"):
        return "grave"
    if outcome.status == "done" and outcome.count("warning"):
        return "warning"
    return outcome.status


def _link(path: str, name: str) -> Link:
    """A link that works from the file system for any file name. Its label distinguishes it from the
    other results of the recording `name`: `ko.srt`, or a clip's own name."""
    folder, file = os.path.split(path)
    if folder != os.path.dirname(name):  # noqa: PTH120 (a result's name may end like a folder's)
        label = os.path.splitext(file)[0]  # noqa: PTH122
    else:
        known = path.startswith(f"{name}.")
        label = path[len(name) + 1 :] if known else file.rpartition(".")[2]
    return Link(printable(label), quote(os.fsencode(path)))


def _split(path: str) -> tuple[str, str]:
    folder, name = os.path.split(path)
    return printable(folder), printable(name)


def _trouble(outcome: FileOutcome, stages: list[StageTotals], say: Wording) -> Trouble:
    folder, name = _split(outcome.path)
    failure = outcome.failure
    if failure is None:
        return Trouble(name, folder, "", say.sentence(wording.cause_words("crash")), "", "", "")
    return Trouble(
        name=name,
        folder=folder,
        stage=say.sentence(wording.stage_words(failure.stage, stages)),
        cause=say.sentence(wording.cause_words(failure.kind)),
        message=say.sentence(failure.message.removeprefix(f"{outcome.path}: ")),
        tries=say.count("report.tries", failure.tries),
        advice=say.sentence(wording.advice(failure.kind)),
    )


def _stage_rows(stages: list[StageTotals], say: Wording) -> list[StageRow]:
    longest = max((stage.cpu_seconds + stage.model_seconds for stage in stages), default=0.0)
    scale = 100 / longest if longest > 0 else 0.0
    return [
        StageRow(
            name=say.sentence(wording.stage_words(stage.name, [stage])),
            own_name=stage.name,
            totals=stage,
            cpu=wording.duration(stage.cpu_seconds or None),
            model=wording.duration(stage.model_seconds or None),
            cpu_width=round(stage.cpu_seconds * scale, 2),
            model_width=round(stage.model_seconds * scale, 2),
            rate=_rate(stage),
        )
        for stage in stages
    ]


def _rate(stage: StageTotals) -> str:
    if stage.model_seconds <= 0 or not stage.items:
        return "–"
    return wording.significant(stage.items / stage.model_seconds)


def _worker_row(worker: ModelWorkerTotals) -> dict[str, Any]:
    share = worker.busy_share
    return {
        "worker": worker,
        "gpu": on_gpu(worker),
        "busy": wording.percent(share),
        "width": round((share or 0.0) * 100, 1),
    }
