"""Reads and changes the corrections of recordings, one person after the other."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from reelmill.artifacts.corrections import Edit
from reelmill.errors import FolderBusyError, InputError, NotOursError, UsageError
from reelmill.report.wording import clock
from reelmill.runs.case_folder import open_case
from reelmill.runs.correcting import Desk, checked, open_desk, save_layer
from reelmill.runs.remake import finished_recording
from reelmill.stages.transcript.layers import layer_path, read_layer
from reelmill.web.corrections.models import Change, Correction, Corrections, Operation
from reelmill.web.errors import Refused

#: Seconds after which a folder that is in use may be free again.
_BUSY_S = 5


@dataclass(frozen=True)
class Place:
    """A recording of a run: the output folder, and the name of its results."""

    out: Path
    name: str

    @property
    def layer(self) -> Path:
        """Where its corrections are."""
        return layer_path(self.out, self.name)

    @property
    def page_time(self) -> int:
        """When the page was written, in microseconds since 1970, which scripts count exactly."""
        try:
            return os.stat(self.out / f"{self.name}.html").st_mtime_ns // 1000
        except OSError:
            return 0


class Desks:
    """The corrections of all recordings of a server. Each method may be called in any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._folders: defaultdict[Path, threading.Lock] = defaultdict(threading.Lock)

    def read(self, place: Place, person: str) -> Corrections:
        """All corrections so far. While a change is being written, waits for its files.

        Raises:
            Refused: they are not ours, or damaged.
        """
        with self._alone(place.out):
            try:
                layer = read_layer(place.layer) if place.layer.exists() else None
            except InputError as error:
                raise Refused(409, "not_ours", str(error)) from error
            version, page = version_of(place), place.page_time
        edits = () if layer is None else layer.edits
        return Corrections(
            version=version,
            page=page,
            person=person,
            corrections=[_shown(number, edit) for number, edit in enumerate(edits, 1)],
        )

    def change(self, place: Place, change: Change, person: str) -> Corrections:
        """Make corrections, or take one back, and write all files of the recording anew.

        Raises:
            Refused: somebody else changed the text since that version; a correction does not fit;
                the folder is in use. Nothing is changed then.
        """
        with self._alone(place.out), _refusing():
            if change.version != version_of(place):
                raise _changed(place)
            with open_case(place.out) as case:
                desk = open_desk(finished_recording(case.out, place.name), person)
                kept, facts = _undone(desk, change.undo) if change.undo else _made(desk, change)
                files = save_layer(case, desk, kept, facts)
        now = self.read(place, person)
        return now.model_copy(update={"files": [file.path for file in files]})

    @contextlib.contextmanager
    def _alone(self, out: Path) -> Iterator[None]:
        with self._guard:
            lock = self._folders[out]
        with lock:
            yield


def version_of(place: Place) -> str:
    """Changes whenever the corrections do."""
    try:
        return hashlib.sha256(place.layer.read_bytes()).hexdigest()[:20]
    except OSError:
        return "none"


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """Say as answers of the server what cannot be done."""
    try:
        yield
    except FolderBusyError as error:
        raise Refused(423, "busy", str(error), retry_after=_BUSY_S) from error
    except UsageError as error:
        raise Refused(422, "unfit", str(error)) from error
    except (InputError, NotOursError) as error:
        raise Refused(409, "not_ours", str(error)) from error
    except OSError as error:
        raise Refused(507, "not_written", f"not saved: {error.strerror or error}") from error


def _changed(place: Place) -> Refused:
    """What to tell the second of two people."""
    with contextlib.suppress(InputError, IndexError, OSError):
        last = read_layer(place.layer).edits[-1]
        return Refused(
            409,
            "changed",
            f"{last.by} changed the text meanwhile ({clock(last.start)}); nothing is lost: look at "
            "it and save again",
        )
    return Refused(409, "changed", "the text was changed meanwhile; look at it and save again")


def _made(desk: Desk, change: Change) -> tuple[list[Edit], dict[str, Any]]:
    """The layer with new edits, and what the custody log says about them."""
    if not change.edits:
        raise Refused(422, "nothing", "name corrections, or one to take back")
    edits: list[Edit] = []
    before = desk
    for wanted in change.edits:
        edit = edit_of(desk, wanted)
        fitting, unfit = checked(desk, [edit])
        if unfit:
            raise UsageError(f"{clock(edit.start)}: “{edit.was}” is not there")
        edits += fitting
        layer = replace(desk.layer, edits=[*desk.layer.edits, *fitting])
        desk = Desk(desk.finished, layer, desk.by)
    return [*before.layer.edits, *edits], {"edits": [asdict(edit) for edit in edits]}


def _undone(desk: Desk, number: int) -> tuple[list[Edit], dict[str, Any]]:
    """The layer without an edit, and what the custody log says about it.

    Raises:
        Refused: later corrections need it.
    """
    edits = desk.layer.edits
    if number > len(edits):
        raise Refused(409, "changed", "this correction is not there any more")
    kept = [*edits[: number - 1], *edits[number:]]
    left = Desk(desk.finished, replace(desk.layer, edits=kept), desk.by)
    if len(left.unfit) > len(desk.unfit):
        raise Refused(409, "needed", "a later correction builds on this one: take that back first")
    return kept, {"undone": [asdict(edits[number - 1])]}


def edit_of(desk: Desk, wanted: Operation) -> Edit:
    """The edit that a person means.

    Raises:
        UsageError: it does not fit the text.
    """
    match wanted.kind:
        case "words":
            return desk.rewritten(wanted.start, wanted.end, wanted.was, wanted.now)
        case "speaker":
            return replace(
                desk.speaker(wanted.start, wanted.end, wanted.now), was=desk.label(wanted.was)
            )
        case "name":
            return replace(desk.name(f"{wanted.was}={wanted.now}"), now=desk.label(wanted.now))
        case "split":
            return desk.split(wanted.start, wanted.now or None)
    return desk.merge(wanted.start, wanted.end)


def _shown(number: int, edit: Edit) -> Correction:
    return Correction(number=number, **asdict(edit))
