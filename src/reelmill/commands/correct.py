"""`reelmill correct`: correct words, speakers and turns. The machine's text stays."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from reelmill.artifacts.corrections import Edit, TranslationEdit
from reelmill.artifacts.edited_words import EditedSegment
from reelmill.commands.exit_codes import EXIT_DONE, EXIT_SOME_FAILED
from reelmill.commands.find import seconds
from reelmill.core import gate
from reelmill.core.json_text import parse_json
from reelmill.core.keys import user_key
from reelmill.core.printable import printable
from reelmill.engine.state.adoption import DATABASE
from reelmill.engine.state.run_db import Ledger
from reelmill.errors import UsageError
from reelmill.export.names import named
from reelmill.report.wording import clock, count
from reelmill.runs.case_folder import CaseFolder, open_case
from reelmill.runs.correcting import Desk, checked, open_desk, save_layer
from reelmill.runs.correcting_subtitles import (
    SubtitleDesk,
    facts_of,
    fitting,
    open_subtitle_desk,
    save_subtitles,
)
from reelmill.runs.remake import Finished, finished_recording


@dataclass(frozen=True)
class Wanted:
    """The requested corrections; the names are those of the options."""

    at: str | None = None
    to: str | None = None
    segment: int | None = None
    was: str | None = None
    text: str | None = None
    speaker: str | None = None
    name: list[str] | None = None
    merge: bool = False
    split: bool = False
    from_file: Path | None = None
    subtitles: str | None = None
    undo: int = 0
    by: str | None = None
    dry_run: bool = False
    show: bool = False
    show_machine: bool = False


_SUBTITLES = (
    "its subtitles still have the former text: run your `reelmill subtitle` command again, which "
    "makes those of corrected recordings anew"
)


def run_correct(target: Path, wanted: Wanted) -> int:
    """`reelmill correct`.

    Args:
        target: a recording: the output folder and the name of its results, or one of its files.
        wanted: what to correct, or to show.

    Returns:
        The exit code: 1 when some corrections did not fit.

    Raises:
        UsageError: no such recording, or a correction that does not fit.
        InputError: a file cannot be read.
    """
    out, name = found_target(target)
    with open_case(out) as case:
        finished = finished_recording(case.out, name)
        if wanted.subtitles is not None:
            return _correct_subtitles(case, finished, wanted, wanted.subtitles)
        desk = open_desk(finished, wanted.by)
        _tell_unfit(desk)
        if wanted.show or wanted.show_machine:
            for text in _shown(desk, machine=wanted.show_machine):
                print(printable(text))
        if wanted.undo:
            kept, undone = desk.layer.edits[: -wanted.undo], desk.layer.edits[-wanted.undo :]
            unfit: list[Edit] = []
            facts = {"undone": [asdict(edit) for edit in undone]}
            changed = undone
        else:
            edits, left = _edits(desk, wanted)
            for text in left:
                print(printable(f"not applied: {text}"), file=sys.stderr)
            changed, unfit = checked(desk, edits)
            kept = [*desk.layer.edits, *changed]
            facts = {"edits": [asdict(edit) for edit in changed]}
        for edit in changed:
            print(printable(f"{'undone: ' if wanted.undo else ''}{words_of(edit)}"))
        if unfit and wanted.from_file is None:
            raise UsageError(f"{words_of(unfit[0])}: does not fit the text at this time")
        for edit in unfit:
            print(printable(f"does not fit the text: {words_of(edit)}"), file=sys.stderr)
        if changed and not wanted.dry_run:
            files = save_layer(case, desk, kept, facts)
            print(f"{count(len(files), 'file')} written")
            if desk.finished.has_subtitles:
                print(_SUBTITLES)
    return EXIT_SOME_FAILED if unfit else EXIT_DONE


def _correct_subtitles(case: CaseFolder, finished: Finished, wanted: Wanted, language: str) -> int:
    """Correct the subtitles in one language, or show them. Returns the exit code."""
    desk = open_subtitle_desk(finished, language, wanted.by)
    for edit in desk.unfit:
        print(printable(f"no longer fits: {_words_of_translation(edit)}"), file=sys.stderr)
    if wanted.show:
        for number, edit in enumerate(desk.edits, 1):
            print(printable(f"{number:>4}  {edit.at}  {edit.by}  {_words_of_translation(edit)}"))
    if wanted.show_machine:
        for sentence, translated in desk.shown():
            print(printable(f"{clock(sentence.start)}  {translated.text}"))
            if translated.machine is not None:
                print(printable(f"         machine: {translated.machine}"))
    unfit: list[TranslationEdit] = []
    if wanted.undo:
        kept, changed = desk.edits[: -wanted.undo], desk.edits[-wanted.undo :]
    else:
        edits, left = _translation_edits(desk, wanted)
        for text in left:
            print(printable(f"not applied: {text}"), file=sys.stderr)
        changed, unfit = fitting(desk, edits)
        kept = [*desk.edits, *changed]
    for edit in changed:
        undone = "undone: " if wanted.undo else ""
        print(printable(f"{undone}{_words_of_translation(edit)}"))
    for edit in unfit:
        print(printable(f"does not fit: {_words_of_translation(edit)}"), file=sys.stderr)
    if changed and not wanted.dry_run:
        files = save_subtitles(case, desk, kept, facts_of(changed, undone=bool(wanted.undo)))
        print(f"{count(len(files), 'file')} written")
    return EXIT_SOME_FAILED if unfit else EXIT_DONE


def _translation_edits(
    desk: SubtitleDesk, wanted: Wanted
) -> tuple[list[TranslationEdit], list[str]]:
    """The requested edits of subtitles, and the parts of a file that were not applied."""
    if wanted.speaker is not None or wanted.name or wanted.merge or wanted.split:
        raise UsageError("--subtitles: subtitles have text alone; correct speakers without it")
    if wanted.from_file is not None:
        return desk.imported(wanted.from_file)
    if wanted.text is None:
        return [], []
    if wanted.at is None:
        raise UsageError("say where: --at TIME, when the subtitle is shown")
    return desk.at(seconds(wanted.at), wanted.was, wanted.text), []


def _words_of_translation(edit: TranslationEdit) -> str:
    return f"{clock(edit.start)} {edit.language} “{edit.was}” → “{edit.now}”"


def found_target(target: Path) -> tuple[Path, str]:
    """The output folder and the recording's name of a path.

    Raises:
        UsageError: the path is in no folder of results, or names no recording there.
    """
    full = target.absolute()
    for out in full.parents:
        database = out / gate.CACHE / DATABASE
        if not database.is_file():
            continue
        with (
            gate.output(out, "", []),
            contextlib.closing(Ledger(database, user_key().seal)) as ledger,
        ):
            names = {original.name for original in ledger.originals().values()}
        path = full.relative_to(out).as_posix()
        fitting = [one for one in names if path == one or path.startswith(f"{one}.")]
        if fitting:
            return out, max(fitting, key=len)
        raise UsageError(f"{target}: no recording with this name in {out}")
    raise UsageError(f"{target}: not in a folder of results; give OUT/NAME")


def words_of(edit: Edit) -> str:
    """An edit in words."""
    at = clock(edit.start)
    match edit.kind:
        case "words":
            return f"{at} “{edit.was}” → “{edit.now}”"
        case "name":
            return f"{edit.was} is called {edit.now}"
        case "speaker":
            return f"{at}–{clock(edit.end)} {edit.was} → {edit.now}"
        case "merge":
            return f"{at}–{clock(edit.end)} is one turn"
    return f"{at} another turn begins{f', of {edit.now}' if edit.now else ''}"


def _edits(desk: Desk, wanted: Wanted) -> tuple[list[Edit], list[str]]:
    """The requested edits, and the parts of a file that were not applied."""
    if wanted.from_file is not None:
        return desk.imported(wanted.from_file)
    edits = [desk.name(text) for text in wanted.name or ()]
    start, end = _times(desk, wanted)
    needs = wanted.text is not None or wanted.speaker is not None or wanted.merge or wanted.split
    if needs and start is None:
        raise UsageError("say where: --at TIME, or --segment N")
    if start is not None:
        edits += _edits_at(desk, wanted, start, end)
    return edits, []


def _edits_at(desk: Desk, wanted: Wanted, start: float, end: float | None) -> Iterator[Edit]:
    if wanted.merge:
        if end is None:
            raise UsageError("--merge needs the end: --to TIME")
        yield desk.merge(start, end)
    if wanted.split:
        yield desk.split(start, wanted.speaker)
    elif wanted.speaker is not None:
        yield desk.speaker(start, end, wanted.speaker)
    if wanted.text is not None:
        yield desk.words(start, end, wanted.was, wanted.text)


def _times(desk: Desk, wanted: Wanted) -> tuple[float | None, float | None]:
    end = None if wanted.to is None else seconds(wanted.to)
    if wanted.segment is None:
        return (None if wanted.at is None else seconds(wanted.at)), end
    path = desk.finished.out / f"{desk.finished.recording.name}.json"
    try:
        found = parse_json(path.read_bytes())["segments"][wanted.segment]
        middle = (float(found["start"]) + float(found["end"])) / 2
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(f"--segment {wanted.segment}: not in {path}; use --at") from error
    return middle, end


def _tell_unfit(desk: Desk) -> None:
    if desk.layer.machine != desk.finished.transcript_key and desk.layer.edits:
        print(
            "The machine's text was made anew since the last correction; corrections are found "
            "again by their times.",
            file=sys.stderr,
        )
    for edit in desk.unfit:
        print(printable(f"no longer fits: {words_of(edit)}"), file=sys.stderr)


def _shown(desk: Desk, *, machine: bool) -> Iterator[str]:
    """All corrections, or the text with the machine's beside it."""
    if not machine:
        for number, edit in enumerate(desk.layer.edits, 1):
            yield f"{number:>4}  {edit.at}  {edit.by}  {words_of(edit)}"
        return
    for segment in named(desk.now, desk.names).segments:
        yield f"{clock(segment.start)}  {segment.speaker or ''}: {segment.text.strip()}"
        if isinstance(segment, EditedSegment):
            who = segment.machine_speaker or segment.speaker or ""
            text = segment.text.strip() if segment.machine is None else segment.machine
            yield f"         machine: {who}: {text}"
