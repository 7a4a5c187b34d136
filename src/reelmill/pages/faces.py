"""The page of a video: who is on screen when, with a click to the clip. One file, no network."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote

from reelmill import __version__
from reelmill.artifacts import Clip, Person
from reelmill.core.palette import person_colour
from reelmill.core.printable import printable
from reelmill.export.faces.writers import FacesDocument, FacesWriter
from reelmill.pages.environment import template

#: A bar narrower than this share of the line cannot be seen, let alone clicked.
_LEAST_SHARE = 0.0004

_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_TICKS = 12


@dataclass(frozen=True)
class Bar:
    """A stretch of a person's line in percent of the video; `href` leads to the clip at `at` s,
    `length` s of it belong to the bar."""

    left: float
    width: float
    title: str
    href: str = ""
    at: float = 0.0
    length: float = 0.0


@dataclass(frozen=True)
class Line:
    """A person as the page shows it."""

    name: str
    letter: str
    colour: str
    picture: str
    seconds: str
    share: str
    seen: list[Bar]
    clips: list[Bar]
    links: list[tuple[str, str, str]]


class FacesPage(FacesWriter):
    """For people; links are relative to where the page lies (`folder` of the clips' paths)."""

    suffix = "faces.html"

    def __init__(self, name: str) -> None:
        self._name = PurePosixPath(name)

    def render(self, document: FacesDocument) -> str:
        duration = max(document.persons.picture.duration, 0.001)
        return template("faces.html").render(
            version=__version__,
            video=printable(document.source.name),
            picture=document.persons.picture,
            duration=clock(duration),
            lines=[
                self._line(number, person, document, duration)
                for number, person in enumerate(document.persons.persons)
            ],
            shared=self._shared(document.clips),
            clips=len(document.clips),
            cuts=[100 * cut / duration for cut in document.persons.cuts],
            ticks=[(100 * tick / duration, clock(tick)) for tick in _ticks(duration)],
            notes=document.persons.notes,
        )

    def _line(self, number: int, person: Person, document: FacesDocument, duration: float) -> Line:
        own = [clip for clip in document.clips if clip.persons == [person.label]]
        showing = [clip for clip in document.clips if person.label in clip.persons]
        data = document.thumbnails.get(person.label)
        return Line(
            name=printable(person.name or f"Person {person.label}"),
            letter=printable(person.shown_name[:1]),
            colour=person_colour(number),
            picture="" if data is None else base64.b64encode(data).decode("ascii"),
            seconds=clock(person.seconds),
            share=f"{person.share:.0%}",
            seen=_seen(person, duration),
            clips=[bar for clip in showing for bar in self._bars(clip, person, duration)],
            links=[(self._href(c), PurePosixPath(c.path).stem, clock(c.seconds)) for c in own],
        )

    def _bars(self, clip: Clip, person: Person, duration: float) -> list[Bar]:
        """Where a clip shows a person: all of it, or of one of several, when this one is seen."""
        bars, before = [], 0.0
        alone = len(clip.persons) == 1
        for span in clip.spans:
            seen = [(i.start, i.end) for i in person.intervals]
            for first, last in [(span.start, span.end)] if alone else seen:
                start, end = max(first, span.start), min(last, span.end)
                if (end - start) / duration >= _LEAST_SHARE:
                    name = PurePosixPath(clip.path).name
                    title = printable(f"{clock(start)} – {clock(end)}: {name}")
                    place = 100 * start / duration, 100 * (end - start) / duration
                    at = before + start - span.start
                    bars.append(Bar(*place, title, self._href(clip), at, end - start))
            before += span.duration
        return bars

    def _shared(self, clips: Sequence[Clip]) -> list[tuple[str, str, str]]:
        return [
            (self._href(clip), PurePosixPath(clip.path).name, clock(clip.seconds))
            for clip in clips
            if len(clip.persons) != 1
        ]

    def _href(self, clip: Clip) -> str:
        return quote(os.fsencode(os.path.relpath(clip.path, self._name.parent)))


def clock(seconds: float) -> str:
    """`m:ss`, or `h:mm:ss` from one hour on; tenths below ten seconds."""
    if seconds < 10 and seconds != int(seconds):
        return f"0:0{seconds:.1f}"
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute}:{second:02d}"


def _seen(person: Person, duration: float) -> list[Bar]:
    return [
        Bar(
            100 * interval.start / duration,
            100 * interval.duration / duration,
            f"{clock(interval.start)} – {clock(interval.end)}",
        )
        for interval in person.intervals
        if interval.duration / duration >= _LEAST_SHARE
    ]


def _ticks(duration: float) -> list[float]:
    step = next((s for s in _TICKS if duration / s <= _MOST_TICKS), _TICKS[-1])
    return [float(tick) for tick in range(0, int(duration) + 1, step) if tick <= 0.97 * duration]
