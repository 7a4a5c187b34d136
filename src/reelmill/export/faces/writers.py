"""Persons of a video written for people and other programs, with one writer class per format."""

from __future__ import annotations

import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from reelmill import __version__
from reelmill.artifacts import (
    Clip,
    HeardPersons,
    Person,
    PersonArrays,
    Persons,
    Shot,
    Span,
    Still,
)
from reelmill.core.printable import plain_cell
from reelmill.export.formats import Formats
from reelmill.export.jsontext import json_text, number
from reelmill.export.source import Source, source_facts

SCHEMA = "reelmill.faces/1"

_NOTICE = (
    "Machine output. Faces may be missed, and people confused with one another. Check it against "
    "the video, which is identified by its hashes under `source`."
)


@dataclass(frozen=True)
class FacesDocument:
    """The persons of a video with their boxes and clips, and the video they come from.

    `thumbnails`: JPEG data by person's label; `stills`: scenes, each with its JPEG data.
    """

    persons: Persons
    arrays: PersonArrays
    source: Source
    clips: Sequence[Clip] = ()
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)
    stills: Sequence[tuple[Still, bytes]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


class FacesWriter(ABC):
    """Turns a document into one text file, whose name ends in `suffix`.

    The same document always gives the same text.
    """

    suffix: ClassVar[str]

    @abstractmethod
    def render(self, document: FacesDocument) -> str:
        """The whole content of the file, written as UTF-8."""


class FacesJson(FacesWriter):
    """Persons, when they are on screen, their clips, and their box in every frame: times in
    seconds, boxes as frame (from 0), time, x, y, width, height in pixels of the upright picture."""

    suffix = "faces.json"

    def render(self, document: FacesDocument) -> str:
        persons, arrays = document.persons, document.arrays
        head = {
            "schema": SCHEMA,
            "made_by": {"program": "reelmill", "version": __version__},
            "notice": _NOTICE,
            "source": source_facts(document.source),
            "picture": vars(persons.picture),
            "told_apart_by": persons.told_apart_by,
            "network": persons.network and vars(persons.network),
            "threshold": number(persons.threshold, 4),
            "notes": persons.notes,
            "cuts": [number(cut) for cut in persons.cuts],
            "settings": dict(document.settings),
            **_voices(persons),
            "clips": [_clip(clip) for clip in document.clips],
            "persons": [_person(person, arrays) for person in persons.persons],
        }
        text = json_text(head, indent=2)
        # A box a line: indented to one number a line they would be six times as long.
        for person in persons.persons:
            text = text.replace(f'"{_boxes_mark(person)}"', _boxes_text(person, arrays), 1)
        return text + "\n"


class FacesCsv(FacesWriter):
    """A row for each person and frame. A name that a spreadsheet would take for a formula is
    preceded by an apostrophe."""

    suffix = "faces.csv"

    def render(self, document: FacesDocument) -> str:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["person", "name", "frame", "time", "x", "y", "width", "height", "track"])
        arrays = document.arrays
        for person in document.persons.persons:
            tracks = arrays.tracks[arrays.of(person)].tolist()
            for row, track in zip(_rows(person, arrays), tracks, strict=True):
                table.writerow([person.label, plain_cell(person.name or ""), *row, track])
        return text.getvalue()


class FacesMot(FacesWriter):
    """The text of the MOT Challenge (Milan et al., MOT16, 2016, table 6): frame and id from 1,
    left, top, width, height, confidence, and three world coordinates that are not known."""

    suffix = "mot.txt"

    def render(self, document: FacesDocument) -> str:
        lines = []
        for identity, person in enumerate(document.persons.persons, start=1):
            for frame, _, *box in _rows(person, document.arrays):
                values = ",".join(f"{value:g}" for value in box)
                lines.append((frame, identity, f"{frame + 1},{identity},{values},1,-1,-1,-1"))
        return "".join(f"{line}\n" for _, _, line in sorted(lines))


_FORMATS: Formats[FacesWriter] = Formats(
    "faces format", {"json": FacesJson, "csv": FacesCsv, "mot": FacesMot}
)
#: The default formats.
FACES_FORMATS = tuple(_FORMATS.writers)
#: As `Formats.writer`.
faces_writer = _FORMATS.writer


def _clip(clip: Clip) -> dict[str, Any]:
    return {
        "file": clip.path,
        "persons": clip.persons,
        "seconds": number(clip.seconds),
        "frames": clip.frames,
        "sound": clip.has_sound,
        "shows": [[number(span.start), number(span.end)] for span in clip.spans],
        **({"shots": [_shot(shot) for shot in clip.shots]} if clip.shots else {}),
    }


def _shot(shot: Shot) -> dict[str, Any]:
    return {"start": number(shot.start), "end": number(shot.end), "persons": shot.persons}


def _person(person: Person, arrays: PersonArrays) -> dict[str, Any]:
    return {
        "label": person.label,
        "name": person.name,
        "seconds": number(person.seconds),
        "share": number(person.share, 4),
        "likeness": number(person.likeness, 4),
        "named_by": None if person.named_by is None else number(person.named_by, 4),
        "on_screen": [
            {"start": number(i.start), "end": number(i.end), "tracks": i.tracks}
            for i in person.intervals
        ],
        "speaking": _spans(person.speaking),
        "voices": person.voices,
        "heard": _spans(person.heard),
        "boxes": _boxes_mark(person),
    }


def _voices(persons: Persons) -> dict[str, Any]:
    """Voices that belong to no face, with their times."""
    if not isinstance(persons, HeardPersons) or not persons.diarizer:
        return {}
    unseen = [{"voice": one.label, "heard": _spans(one.heard)} for one in persons.unseen]
    return {"diarizer": persons.diarizer, "unseen_voices": unseen}


def _spans(spans: Sequence[Span] | None) -> list[list[Any]] | None:
    return None if spans is None else [[number(s.start), number(s.end)] for s in spans]


def _boxes_mark(person: Person) -> str:
    return f"\N{REPLACEMENT CHARACTER}boxes of {person.label}"


def _boxes_text(person: Person, arrays: PersonArrays) -> str:
    lines = (json.dumps(row, separators=(",", ":")) for row in _rows(person, arrays))
    inside = ",\n        ".join(lines)
    return f"[\n        {inside}\n      ]" if inside else "[]"


def _rows(person: Person, arrays: PersonArrays) -> Iterable[list[Any]]:
    """frame, time, x, y, width, height."""
    part = arrays.of(person)
    frames = arrays.frames[part].tolist()
    times = arrays.times[part].round(4).tolist()
    boxes = arrays.boxes[part].astype(float).round(1).tolist()
    for frame, time, box in zip(frames, times, boxes, strict=True):
        yield [frame, time, *box]
