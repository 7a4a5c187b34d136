"""Writes the evidence and the reports of a run. The evidence comes first, and each file is
independent of the others."""

from __future__ import annotations

import contextlib
import importlib
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Protocol, TypeVar, overload

from reelmill.artifacts import ExportedFile
from reelmill.core import gate
from reelmill.core.written import Written as WrittenFile
from reelmill.core.written import digest_of
from reelmill.engine.execution.planning import Job
from reelmill.engine.telemetry.metrics import RunSummary
from reelmill.errors import InputError, describe
from reelmill.evidence.custody import CUSTODY, head
from reelmill.evidence.manifest import MANIFEST, manifest_sha256, read_manifest
from reelmill.evidence.record import EVIDENCE, OriginalRecord
from reelmill.evidence.write import Written, add_results, write_evidence
from reelmill.report.files import (
    FAILED_FILES,
    INDEX_PAGE,
    PEOPLE,
    PERFORMANCE_PAGE,
    PERFORMANCE_REPORT,
    REPORT_PAGE,
    SPEAKERS,
)
from reelmill.runs.custodian import Custodian

_T = TypeVar("_T")

#: The modules that are imported only to write reports.
_WRITERS = (
    "reelmill.pages.report",
    "reelmill.pages.performance",
    "reelmill.report.performance",
    "reelmill.report.measurements",
)
_REPORTS = (REPORT_PAGE, INDEX_PAGE, PERFORMANCE_PAGE, PERFORMANCE_REPORT, FAILED_FILES)
#: The files that a run writes besides the results of its recordings.
OUR_FILES = (*_REPORTS, EVIDENCE, MANIFEST)
#: Those that no other program's file may stand in the way of.
CHECKED = (*OUR_FILES, CUSTODY)
#: Names that no recording's results may have.
RESERVED = (*CHECKED, PEOPLE, SPEAKERS)


class PageWriter(Protocol):
    """Writes a page on a run, with the files that belong to it."""

    def write(self, summary: RunSummary, jobs: Sequence[Job]) -> Iterable[Path]:
        """Write them, and return all of them. Raises OSError."""


def get_ready() -> None:
    """Import what the reports take, and load their templates, before they are written. What does
    not work here will be told when they are."""
    with contextlib.suppress(Exception):
        from reelmill.pages.environment import load

        for module in _WRITERS:
            importlib.import_module(module)
        for name in (REPORT_PAGE, PERFORMANCE_PAGE, INDEX_PAGE):
            load(name)


def write_reports(
    out: Path,
    summary: RunSummary,
    jobs: Sequence[Job],
    written: Sequence[ExportedFile],
    custodian: Custodian | None = None,
    pages: Mapping[str, PageWriter] | None = None,
    *,
    anew: bool,
    is_over: bool = True,
    language: str = "en",
) -> None:
    """Write evidence and reports, and store in the summary the manifest's hash and the head of the
    custody log. The reports show the head as it is before they are entered there themselves.

    Without `anew`, nothing has changed since they were written, and only missing ones are written.
    `is_over`: the run ends now; otherwise the reports are on what it has done so far. `language` is
    that of the report page. `summary.unwritten` lists what could not be written; the results are
    there all the same.
    """
    if not anew and all((out / name).is_file() for name in OUR_FILES):
        summary.manifest_sha256 = manifest_sha256(out)
        _tell_head(out, summary)
        return
    if custodian is not None:
        custodian.exported(written)
        if is_over:
            custodian.ended(summary)
    for name in OUR_FILES:
        _attempt(summary, name, partial(_set_aside, out / name, summary))
    evidence = _attempt(summary, EVIDENCE, partial(_write_evidence, out, jobs, written))
    if evidence is not None:
        summary.warnings.extend(evidence.warnings)
        summary.manifest_sha256 = evidence.manifest_sha256
    _tell_head(out, summary)
    reports = [*_reports(out, summary, language), *_pages(summary, jobs, pages or {})]
    if custodian is not None:
        custodian.reports(reports)
        if custodian.unwritten is not None:
            summary.unwritten.append(f"{CUSTODY} could not be written: {custodian.unwritten}")
    if evidence is not None:
        added = _attempt(summary, MANIFEST, partial(add_results, out, evidence, reports))
        if added is not None:
            summary.warnings.extend(added.warnings)
            summary.manifest_sha256 = added.manifest_sha256
    _tell_head(out, summary)


def _tell_head(out: Path, summary: RunSummary) -> None:
    found = head(out)
    if found is not None:
        summary.custody_head, summary.custody_entries = found.sha256, found.entries


def adopt_reports(out: Path) -> None:
    """Add the reports of an adopted folder to the record of files we wrote: those that match its
    manifest, then the manifest and the evidence themselves, and the custody log in any case.

    Raises:
        OSError: they cannot be read, or that cannot be noted.
    """
    names: tuple[str, ...] = RESERVED
    try:
        listed = read_manifest(out)
    except InputError:
        listed, names = {}, (CUSTODY,)
    adopted = []
    for name in names:
        path = out / name
        if not path.is_file() or path.is_symlink():
            continue
        with path.open("rb") as file:
            sha256, size = digest_of(file.fileno())
        if name in (CUSTODY, EVIDENCE, MANIFEST) or listed.get(name) == sha256:
            adopted.append(WrittenFile(name, sha256, size))
    gate.adopt(out, adopted)


def was_ours(path: Path) -> bool:
    """Make way for a report. If ours was changed by somebody, it is set aside with a warning."""
    return gate.was_written(path) and not gate.is_original(path)


def _set_aside(path: Path, summary: RunSummary) -> None:
    """Rename a report that somebody changed, and add a warning."""
    if (why := gate.obstacle(path)) is not None and was_ours(path):
        kept = gate.set_aside(path)
        summary.warnings.append(f"{kept}: kept under this name ({why.partition(';')[0]})")


def _reports(out: Path, summary: RunSummary, language: str) -> Iterator[Path]:
    """The reports that were written."""
    from reelmill.pages.language import wording_in
    from reelmill.pages.report import write_page
    from reelmill.report.performance import write_failed_files, write_performance

    writers: dict[str, Callable[[Path, RunSummary], Path]] = {
        FAILED_FILES: write_failed_files,
        REPORT_PAGE: partial(write_page, say=wording_in(language)),
        PERFORMANCE_REPORT: write_performance,  # last, because it mentions the others
    }
    for name, write in writers.items():
        path = _attempt(summary, name, partial(write, out, summary))
        if path is not None:
            yield path


def _pages(
    summary: RunSummary, jobs: Sequence[Job], pages: Mapping[str, PageWriter]
) -> Iterator[Path]:
    """The files of further pages, which are written one after the other."""
    for name, page in pages.items():
        yield from _attempt(summary, name, partial(_all_of, page, summary, jobs)) or ()


def _all_of(page: PageWriter, summary: RunSummary, jobs: Sequence[Job]) -> list[Path]:
    return list(page.write(summary, jobs))


class _Seen(Sequence[OriginalRecord]):
    """What a run saw of the originals that it could read, each made when it is asked for."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self._read = array("L", (at for at, job in enumerate(jobs) if job.original.before))

    def __len__(self) -> int:
        return len(self._read)

    @overload
    def __getitem__(self, at: int) -> OriginalRecord: ...

    @overload
    def __getitem__(self, at: slice) -> list[OriginalRecord]: ...

    def __getitem__(self, at: int | slice) -> OriginalRecord | list[OriginalRecord]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(len(self)))]
        facts = self._jobs[self._read[at]].facts
        original = facts.original
        assert original.before is not None
        return OriginalRecord(
            original.path,
            original.before,
            original.hashed_at or 0.0,
            original.after,
            original.checked_at,
            facts.changed[0] if facts.changed and original.after is None else None,
        )


def _write_evidence(out: Path, jobs: Sequence[Job], written: Sequence[ExportedFile]) -> Written:
    return write_evidence(
        out,
        _Seen(jobs),
        chain(_exported(job for job in jobs if not job.reused), written),
        kept=_exported(job for job in jobs if job.reused),
        removed=(path for job in jobs for path in job.summary.removed),
        to_be_replaced=_REPORTS,
    )


def _exported(jobs: Iterable[Job]) -> Iterator[ExportedFile]:
    return (file for job in jobs for file in job.summary.exported)


def _attempt(summary: RunSummary, what: str, write: Callable[[], _T]) -> _T | None:
    try:
        return write()
    except Exception as error:  # noqa: BLE001 (one that fails must not cost the others)
        summary.unwritten.append(f"{what} could not be written: {describe(error)}")
        return None
