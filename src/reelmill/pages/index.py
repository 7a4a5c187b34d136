"""`index.html`: all recordings of an output folder, whatever command they went through, and the
files beside it in which the page finds words."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from markupsafe import Markup

from reelmill import __version__
from reelmill.artifacts import ReviewLine
from reelmill.core.printable import printable
from reelmill.pages.embedded import embedded, json_of
from reelmill.pages.environment import template
from reelmill.pages.language import Wording, label_name
from reelmill.search.tokens import line_text

#: The folder beside the page with the lines of transcripts.
INDEX_FILES = "index_files"

#: `warning` and `grave`: done, with findings of that severity.
State = Literal["ok", "warning", "grave", "failed", "waiting"]

_SCRIPT_TEXTS = (
    "recording", "length", "speakers", "language", "status", "findings", "results",
    "sort", "shown", "hits", "more", "loading", "unavailable", "nothing", "changed",
    "state.ok", "state.warning", "state.grave", "state.failed", "state.waiting",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A recording in the index.

    Attributes:
        command: `voice`, `subtitle` or `faces`.
        name: of its results below the output folder.
        file: the original's file name.
        page: the page to open, below the output folder; empty where there is none.
        seconds: its length; None where it could not be read.
        problem: why it failed, or what is incomplete.
        labels: how many findings of stages there are, by label.
        warnings: how many findings say that something is missing, guessed or damaged.
        doubtful: how many words have a low probability.
        outputs: its files below the output folder.
        changed: whether the original has changed.
    """

    command: str
    name: str
    file: str
    state: State
    page: str = ""
    seconds: float | None = None
    language: str = ""
    problem: str = ""
    speakers: list[str] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    warnings: int = 0
    doubtful: int = 0
    outputs: list[str] = field(default_factory=list)
    changed: bool = False

    @property
    def id(self) -> str:
        """Names the recording among those of all commands."""
        return f"{self.command}/{self.name}"


@dataclass(frozen=True)
class IndexFacts:
    """The facts on the page besides its recordings.

    `line_files`: the names of the files with lines. `links`: label and file of other pages.
    `custody`: the hash of the last entry of the custody log.
    """

    folder: str
    line_files: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()
    custody: str | None = None


def render_index(rows: Sequence[IndexRow], facts: IndexFacts, say: Wording) -> str:
    """The page as HTML."""
    return "".join(index_pieces(lambda: rows, facts, say))


def index_pieces(
    rows: Callable[[], Iterable[IndexRow]], facts: IndexFacts, say: Wording
) -> Iterator[str]:
    """The page as HTML, piece by piece: there may be very many recordings. `rows` gives them, each
    time that it is called."""
    totals = _Totals()
    for row in rows():
        totals.add(row)
    return template("index.html").generate(
        say=say,
        version=__version__,
        facts=facts,
        folder=printable(facts.folder),
        total=totals.rows,
        failed=totals.failed,
        done=totals.done,
        seconds=totals.seconds,
        found=totals.found,
        data=_data(rows(), totals, facts, say),
    )


@dataclass
class _Totals:
    """What the page says of all rows together."""

    rows: int = 0
    failed: int = 0
    done: int = 0
    seconds: float = 0.0
    found: int = 0
    languages: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)

    def add(self, row: IndexRow) -> None:
        self.rows += 1
        self.failed += row.state == "failed"
        self.done += row.state in ("ok", "warning", "grave")
        self.seconds += row.seconds or 0.0
        self.found += sum(row.labels.values())
        self.labels.update(row.labels)
        if row.language:
            self.languages.add(row.language)


def _data(
    rows: Iterable[IndexRow], totals: _Totals, facts: IndexFacts, say: Wording
) -> Iterator[Markup]:
    """What the page's script lists, sorts and searches, as JSON: `rows`, and the rest."""
    before = '{"rows":['
    for row in rows:
        yield Markup(before) + embedded(_row(row, say))
        before = ","
    yield Markup("]," if totals.rows else '{"rows":[],') + embedded(_rest(totals, facts, say))[1:]


def _rest(totals: _Totals, facts: IndexFacts, say: Wording) -> dict[str, Any]:
    """What the page's script needs besides its rows."""
    return {
        "files": [f"{INDEX_FILES}/{name}" for name in facts.line_files],
        "languages": {code: say.get(f"language.{code}", code) for code in sorted(totals.languages)},
        "labels": {one: label_name(one, say) for one in sorted(totals.labels)},
        "wording": say.some("index", _SCRIPT_TEXTS),
    }


def _row(row: IndexRow, say: Wording) -> dict[str, Any]:
    """A row without what is empty: there may be ten thousand."""
    folder, _, _ = row.name.rpartition("/")
    values = {
        "id": printable(row.id),
        "c": row.command,
        "f": printable(row.file),
        "d": printable(folder),
        "s": row.state,
        "p": quote(os.fsencode(row.page)),
        "t": None if row.seconds is None else round(row.seconds, 1),
        "l": row.language,
        "e": printable(say.sentence(row.problem)),
        "w": [printable(name) for name in row.speakers],
        "k": row.labels,
        "n": row.warnings,
        "q": row.doubtful,
        "o": _links(row),
        "x": row.changed,
    }
    return {name: value for name, value in values.items() if value}


def _links(row: IndexRow) -> list[list[str]]:
    """Label and address of each result besides the page."""
    found = []
    for path in row.outputs:
        if path != row.page:
            known = path.startswith(f"{row.name}.")
            label = path[len(row.name) + 1 :] if known else path.rpartition("/")[2]
            found.append([printable(label), quote(os.fsencode(path))])
    return found


def lines_script(number: int, recordings: Sequence[tuple[str, Sequence[ReviewLine]]]) -> str:
    """A file with the lines of some recordings, by the `id` of their rows. It is a script, because
    a page opened from the disk may not read other files.

    The lines of all recordings stand in columns (starts, speakers, texts), because a browser reads
    a few long values many times faster than a list for each line. The last column is the text to
    search, a line for each: tokens are found here, so that the page has nothing to prepare.
    """
    entries: list[list[object]] = []
    starts: list[float | None] = []
    who: list[int] = []
    said: list[str] = []
    for name, lines in recordings:
        speakers = list(dict.fromkeys(line.speaker for line in lines if line.speaker))
        places = {speaker: at for at, speaker in enumerate(speakers)}
        entries.append([printable(name), [printable(one) for one in speakers], len(lines)])
        starts += [line.start for line in lines]
        who += [places.get(line.speaker or "", -1) for line in lines]
        said += [line.text.replace("\n", " ") for line in lines]
    searched = "\n".join(map(line_text, said))
    columns = [entries, starts, who, "\n".join(said), searched]
    return f"reelmillLines({number},{json_of(columns)});\n"
