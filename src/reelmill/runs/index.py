"""Keeps the index page of an output folder, over all runs and commands.

What is known of the recordings of earlier runs is kept in the cache, with the names of their
artifacts. The lines in which the page finds words are in files of their own: a recording is always
in the same one, so that a run rewrites only those files whose recordings have changed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from reelmill.artifacts import ReviewLine, ReviewPage
from reelmill.core import gate
from reelmill.core.atomic import write_bytes, write_pieces
from reelmill.core.keys import Seal
from reelmill.engine.execution.planning import Job, Keys, artifact_paths
from reelmill.engine.pipeline import Pipeline
from reelmill.engine.state.artifact_store import Stored, load
from reelmill.engine.telemetry.metrics import FileOutcome, RunSummary
from reelmill.errors import InputError
from reelmill.evidence.custody import head
from reelmill.pages.index import (
    INDEX_FILES,
    IndexFacts,
    IndexRow,
    State,
    index_pieces,
    lines_script,
)
from reelmill.pages.language import LANGUAGES, Wording, wording_in
from reelmill.report.files import INDEX_PAGE, PERFORMANCE_PAGE, REPORT_PAGE
from reelmill.report.wording import finding_words

_PURPOSE = "index of recordings"
#: Recordings in one file of lines, on average: the browser reads a file at a time.
_IN_A_FILE = 100
#: How a page's name ends.
_PAGES = (".html",)


@dataclass(frozen=True, slots=True)
class Entry:
    """A recording as the cache keeps it. `artifact`, `key` and `content` name the result with its
    lines, `page` is the SHA-256 of the page; empty where there is none."""

    row: IndexRow
    artifact: str = ""
    key: str = ""
    content: str = ""
    page: str = ""

    @property
    def stamp(self) -> str:
        """What changes when the recording's lines change."""
        return f"{self.row.id}\0{self.page}"

    def packed(self) -> bytes:
        """The values in few bytes, as `unpacked` takes them, for as long as the process lives."""
        values = [list(_fields(self.row).values()), *list(_fields(self).values())[1:]]
        return json.dumps(values, separators=(",", ":")).encode("ascii")

    @classmethod
    def unpacked(cls, packed: bytes) -> Entry:
        """The entry that was packed."""
        row, *more = json.loads(packed)
        return cls(IndexRow(*row), *more)

    def as_json(self) -> bytes:
        """The entry as the cache has it on disk."""
        values = {**_fields(self), "row": _fields(self.row)}
        return json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogateescape")


class _Entries:
    """Entries by the ids of their rows, packed: there may be very many."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._packed: dict[str, bytes] = {}
        self.add(entries)

    def add(self, entries: Iterable[Entry]) -> None:
        """Add entries, in place of those with the same ids."""
        self._packed.update((one.row.id, one.packed()) for one in entries)

    def get(self, row_id: str) -> Entry | None:
        """The entry with that id."""
        packed = self._packed.get(row_id)
        return None if packed is None else Entry.unpacked(packed)

    def keep(self, is_kept: Callable[[Entry], bool]) -> None:
        """Drop all others."""
        for row_id in [one.row.id for one in self if not is_kept(one)]:
            del self._packed[row_id]

    def __getitem__(self, row_id: str) -> Entry:
        return Entry.unpacked(self._packed[row_id])

    def __iter__(self) -> Iterator[Entry]:
        return map(Entry.unpacked, self._packed.values())

    def rows(self) -> Iterator[IndexRow]:
        """The rows by name, those of the same name by command."""
        by_command = sorted(self._packed, key=lambda one: one.partition("/")[0])
        for row_id in sorted(by_command, key=lambda one: one.partition("/")[2]):
            yield self[row_id].row


@dataclass
class _Kept:
    """What the cache keeps: entries, the digest of each file of lines, and the language of the
    page."""

    entries: _Entries = field(default_factory=_Entries)
    files: dict[str, str] = field(default_factory=dict)
    language: str = LANGUAGES[0]


@dataclass(frozen=True)
class _Index:
    """The index of an output folder: what is kept about it, and its files."""

    out: Path
    seal: Seal

    @property
    def cache(self) -> Path:
        return self.out / gate.CACHE

    def put(self, kept: _Kept, new: Iterable[Entry]) -> Iterator[Path]:
        """Write the page, and the files of lines that have changed. Yields all files, whether
        written or not.

        Raises:
            OSError: a file cannot be written.
        """
        entries = kept.entries
        entries.keep(self._is_there)
        entries.add(new)
        groups = _in_files(entries)
        digests = {name: _digest(entries, group) for name, group in groups.items()}
        for name, group in groups.items():
            path = self.out / INDEX_FILES / name
            if digests[name] != kept.files.get(name) or not path.is_file():
                self._write_lines(path, [entries[row_id] for row_id in group])
            yield path
        for name in kept.files.keys() - groups.keys():
            gate.remove(self.out / INDEX_FILES / name)
        self._write_page(entries, sorted(groups), wording_in(kept.language))
        yield self.out / INDEX_PAGE
        self._keep(_Kept(entries, digests, kept.language))

    def page(self, stored: Stored, kind: type[ReviewPage]) -> ReviewPage | None:
        """What the artifact of a page says; None where there is none that is whole."""
        if not stored.path.exists():
            return None
        try:
            page = load(stored, kind, self.seal)
        except InputError:  # of other content by now, or damaged: the next run makes it again
            return None
        assert isinstance(page, ReviewPage)
        return page

    def entry(self, row: IndexRow, stored: Stored, page: ReviewPage) -> Entry:
        """The entry of a recording that has a page."""
        row = replace(row, speakers=page.speakers, labels=page.labels, doubtful=page.doubtful)
        artifact = os.path.relpath(stored.path, self.cache)
        return Entry(row, artifact, stored.key, stored.recording, page.files[0].sha256)

    def read(self) -> _Kept:
        """What earlier runs kept; nothing if it is not there, not ours or of another version."""
        try:
            data = self._state.read_bytes()
            if not self.seal.is_signed(_PURPOSE, data):
                return _Kept()
            values = json.loads(data.decode("utf-8", "surrogateescape"))
            entries = _Entries(map(_entry, values["entries"]))
            language = values["language"] if values["language"] in LANGUAGES else LANGUAGES[0]
            return _Kept(entries, dict(values["files"]), language)
        except (OSError, ValueError, KeyError, TypeError):
            return _Kept()

    @property
    def _state(self) -> Path:
        return self.cache / "pages" / "index.json"

    def _keep(self, kept: _Kept) -> None:
        write_pieces(self._state, self.seal.signing(_PURPOSE, _as_json(kept)))

    def _write_page(self, entries: _Entries, files: list[str], say: Wording) -> None:
        links = [("report", REPORT_PAGE), ("performance", PERFORMANCE_PAGE)]
        there = [(say(f"index.{name}"), f) for name, f in links if (self.out / f).is_file()]
        last = head(self.out)
        facts = IndexFacts(self.out.name, files, there, None if last is None else last.sha256)
        write_pieces(self.out / INDEX_PAGE, index_pieces(entries.rows, facts, say))

    def _write_lines(self, path: Path, group: Sequence[Entry]) -> None:
        recordings = [(entry.row.id, lines) for entry in group if (lines := self._lines(entry))]
        number = int(path.stem.rpartition("-")[2])
        write_bytes(path, lines_script(number, recordings).encode("utf-8", "backslashreplace"))

    def _lines(self, entry: Entry) -> list[ReviewLine]:
        stored = Stored(self.cache / entry.artifact, entry.key, entry.content)
        kinds: list[type[ReviewPage]] = [ReviewPage, *ReviewPage.__subclasses__()]
        pages = (self.page(stored, kind) for kind in kinds)
        return next((page.lines for page in pages if page is not None), [])

    def _is_there(self, entry: Entry) -> bool:
        """Whether results of an earlier run still are where they were."""
        files = entry.row.outputs
        return not files or any(os.path.lexists(self.out / file) for file in files)


@dataclass(frozen=True)
class IndexKeeper:
    """Brings the index up to date at the end of a run. `seal` is the user's, `say` the wording of
    the page."""

    out: Path
    pipeline: Pipeline
    seal: Seal
    say: Wording

    def write(self, summary: RunSummary, jobs: Sequence[Job]) -> Iterator[Path]:
        """Write what has changed, and the page. Yields all its files, whether written or not.

        Raises:
            OSError: a file cannot be written.
        """
        index = _Index(self.out, self.seal)
        kept = replace(index.read(), language=self.say.language)
        yield from index.put(kept, self._of_run(index, jobs))

    def _of_run(self, index: _Index, jobs: Sequence[Job]) -> Iterator[Entry]:
        keys, kind = Keys(self.pipeline), _page_kind(self.pipeline)
        for job in jobs:
            row = _row(self.pipeline.name, job.outcome())
            stored = page = None
            if kind is not None:
                stored = artifact_paths(job, self.pipeline, keys, index.cache).get(kind)
            if kind is not None and stored is not None:
                page = index.page(stored, kind)
            yield Entry(row) if stored is None or page is None else index.entry(row, stored, page)


def refresh_index(
    out: Path, seal: Seal, row_id: str, stored: Stored, kind: type[ReviewPage]
) -> list[Path]:
    """Bring the index up to date after the page of a recording was made again outside of a run.

    Args:
        out: the output folder, open for writing.
        seal: the user's.
        row_id: `IndexRow.id` of the recording.
        stored: the artifact of its page.
        kind: the type of that artifact.

    Returns:
        The files of the index; none where it does not have the recording.

    Raises:
        OSError: a file cannot be written.
    """
    index = _Index(out, seal)
    kept = index.read()
    entry = kept.entries.get(row_id)
    page = index.page(stored, kind)
    if entry is None or page is None:
        return []
    return list(index.put(kept, [index.entry(entry.row, stored, page)]))


def _as_json(kept: _Kept) -> Iterator[bytes]:
    """What the cache keeps, one entry per line, without the end of the object."""
    about = json.dumps({"files": kept.files, "language": kept.language}, ensure_ascii=False)
    yield about.removesuffix("}").encode("utf-8", "surrogateescape")
    before = b', "entries": [\n'
    for entry in kept.entries:
        yield before + entry.as_json()
        before = b",\n"
    yield b"]" if before.startswith(b",\n") else before + b"]"


def _fields(one: Entry | IndexRow) -> dict[str, Any]:
    """The values of a dataclass as they are: `asdict` copies them."""
    return {field.name: getattr(one, field.name) for field in fields(one)}


def _entry(values: Mapping[str, Any]) -> Entry:
    return Entry(**{**values, "row": IndexRow(**values["row"])})


def _page_kind(pipeline: Pipeline) -> type[ReviewPage] | None:
    """The type of the pages that a pipeline makes."""
    kinds = (stage.produces for stage in pipeline.stages)
    return next((kind for kind in kinds if issubclass(kind, ReviewPage)), None)


def _row(command: str, outcome: FileOutcome) -> IndexRow:
    grave = [finding_words(one) for one in outcome.findings if one.severity == "grave"]
    problem = outcome.failure.message if outcome.failure is not None else "; ".join(grave)
    return IndexRow(
        command=command,
        name=outcome.name,
        file=os.path.basename(outcome.path),  # noqa: PTH119 (a name may end like a folder's)
        state=_state(outcome),
        page=next((path for path in outcome.outputs if path.endswith(_PAGES)), ""),
        seconds=outcome.media_seconds,
        language=outcome.language or "",
        problem=problem.removeprefix(f"{outcome.path}: "),
        warnings=outcome.count("warning") + outcome.count("grave"),
        outputs=list(outcome.outputs),
        changed=bool(outcome.changed),
    )


def _state(outcome: FileOutcome) -> State:
    if outcome.status != "done":
        return "failed" if outcome.status == "failed" else "waiting"
    if outcome.count("grave"):
        return "grave"
    return "warning" if outcome.count("warning") else "ok"


def _in_files(entries: _Entries) -> dict[str, list[str]]:
    """The ids of recordings with lines, by the file that has them. Twice as many files when they
    become too large: then every recording has another file, but that happens seldom."""
    with_lines = sorted(one.row.id for one in entries if one.artifact)
    count = 1
    while count * _IN_A_FILE < len(with_lines):
        count *= 2
    groups: dict[str, list[str]] = {f"lines-{at:04d}.js": [] for at in range(count)}
    for row_id in with_lines:
        digest = hashlib.sha256(os.fsencode(row_id)).digest()
        at = int.from_bytes(digest[:4], "big") % count
        groups[f"lines-{at:04d}.js"].append(row_id)
    return groups if with_lines else {}


def _digest(entries: _Entries, group: Sequence[str]) -> str:
    """Changes when the lines of a file change."""
    text = "\n".join(entries[row_id].stamp for row_id in group)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
