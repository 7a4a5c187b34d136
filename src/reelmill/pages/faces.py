"""The page of a video: who is seen and heard when; a click plays the moment. One file."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from reelmill import __version__
from reelmill.artifacts import Clip, HeardPersons, HeardVoice, OnScreen, Person, Span, Still
from reelmill.core.palette import person_colour
from reelmill.core.printable import printable
from reelmill.export.faces.writers import FacesDocument, FacesWriter
from reelmill.pages.environment import template
from reelmill.pages.language import Wording, wording_in
from reelmill.report import wording

#: A bar narrower than this share of the line cannot be seen, let alone clicked.
_LEAST_SHARE = 0.0004

_TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_TICKS = 12

#: The colour of voices without a face.
_NOBODY = "#8a9299"


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
    """A person, or a voice without a face (no `label`), as the page shows it.

    `speaks` is when the person is seen to speak, `heard` when the voice speaks without that.
    """

    label: str
    name: str
    letter: str
    colour: str
    picture: str
    facts: list[str]
    seen: list[Bar]
    clips: list[Bar]
    speaks: list[Bar]
    heard: list[Bar]
    links: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Scene:
    """A scene's still, JPEG in base64, and when the scene begins, s and as text."""

    picture: str
    start: float
    title: str


class FacesPage(FacesWriter):
    """The page for people. Links are relative to the page's own place."""

    suffix = "faces.html"

    def __init__(self, name: str, say: Wording | None = None) -> None:
        self._name, self._say = PurePosixPath(name), say or wording_in("en")

    def render(self, document: FacesDocument) -> str:
        duration = max(document.persons.picture.duration, 0.001)
        persons = document.persons
        unseen = persons.unseen if isinstance(persons, HeardPersons) else []
        lines = [
            self._line(number, person, document, duration)
            for number, person in enumerate(persons.persons)
        ]
        listened = any(person.speaking is not None for person in persons.persons)
        return template("faces.html").render(
            version=__version__,
            say=self._say,
            home="../" * len(self._name.parent.parts),
            video=printable(document.source.name),
            picture=document.persons.picture,
            duration=wording.clock(duration),
            seconds=duration,
            people=len(lines),
            lines=[*lines, *(_voice(voice, duration, self._say) for voice in unseen)],
            listened=listened,
            scenes=[_scene(still, data) for still, data in document.stills],
            source={"sha256": document.source.sha256, "name": document.source.name},
            playable=[self._playable(clip) for clip in document.clips],
            shared=self._shared(document.clips),
            clips=len(document.clips),
            cuts=[100 * cut / duration for cut in document.persons.cuts],
            ticks=[(100 * tick / duration, wording.clock(tick)) for tick in _ticks(duration)],
            notes=list(map(self._say.sentence, document.persons.notes)),
        )

    def _line(self, number: int, person: Person, document: FacesDocument, duration: float) -> Line:
        label = person.label
        own = [clip for clip in document.clips if clip.persons == [person.label]]
        showing = [clip for clip in document.clips if person.label in clip.persons]
        data = document.thumbnails.get(person.label)
        say, share = self._say, f"{person.share:.0%}"
        facts = [say("faces.seen_for", time=wording.duration(person.seconds), share=share)]
        if person.speaking:
            spoken = sum(span.duration for span in person.speaking)
            facts.append(say("faces.speaking_for", time=wording.duration(spoken)))
        return Line(
            label=label,
            name=printable(person.name or say("faces.person", label=label)),
            letter=printable(person.shown_name[:1]),
            colour=person_colour(number),
            picture="" if data is None else base64.b64encode(data).decode("ascii"),
            facts=facts,
            seen=_marked(person.intervals, duration, say("faces.seen")),
            speaks=_marked(person.speaking or [], duration, say("faces.speaks")),
            heard=_marked(person.heard or [], duration, say("faces.heard")),
            clips=[bar for clip in showing for bar in self._bars(clip, person, duration)],
            links=[
                (self._href(clip), PurePosixPath(clip.path).stem, wording.duration(clip.seconds))
                for clip in own
            ],
        )

    def _bars(self, clip: Clip, person: Person, duration: float) -> list[Bar]:
        """Where a clip shows a person: all of it, or in a clip of several persons, when this one is
        seen."""
        bars, before = [], 0.0
        alone = len(clip.persons) == 1
        seen = [(i.start, i.end) for i in person.intervals]
        if clip.shots:
            shots = [shot for shot in clip.shots if person.label in shot.persons]
            seen = [(shot.start, shot.end) for shot in shots]
        for span in clip.spans:
            for first, last in [(span.start, span.end)] if alone else seen:
                start, end = max(first, span.start), min(last, span.end)
                if (end - start) / duration >= _LEAST_SHARE:
                    name = PurePosixPath(clip.path).name
                    title = printable(f"{wording.span(start, end)}: {name}")
                    place = 100 * start / duration, 100 * (end - start) / duration
                    at = before + start - span.start
                    bars.append(Bar(*place, title, self._href(clip), at, end - start))
            before += span.duration
        return bars

    def _playable(self, clip: Clip) -> dict[str, Any]:
        """The data with which the page plays a moment of the video: the clip that shows it."""
        spans = [[span.start, span.end] for span in clip.spans]
        return {"file": self._href(clip), "persons": clip.persons, "spans": spans}

    def _shared(self, clips: Sequence[Clip]) -> list[tuple[str, str, str]]:
        return [
            (self._href(clip), PurePosixPath(clip.path).name, wording.duration(clip.seconds))
            for clip in clips
            if len(clip.persons) != 1
        ]

    def _href(self, clip: Clip) -> str:
        return quote(os.fsencode(os.path.relpath(clip.path, self._name.parent)))


def _marked(spans: Sequence[Span | OnScreen], duration: float, what: str) -> list[Bar]:
    return [
        Bar(
            100 * span.start / duration,
            100 * span.duration / duration,
            f"{wording.span(span.start, span.end)}: {what}",
        )
        for span in spans
        if span.duration / duration >= _LEAST_SHARE
    ]


def _voice(voice: HeardVoice, duration: float, say: Wording) -> Line:
    """A voice that goes with no face."""
    seconds = sum(span.duration for span in voice.heard)
    return Line(
        label="",
        name=printable(voice.shown_name),
        letter="♪",
        colour=_NOBODY,
        picture="",
        facts=[say("faces.heard_for", time=wording.duration(seconds))],
        seen=[],
        clips=[],
        speaks=[],
        heard=_marked(voice.heard, duration, say("faces.not_seen")),
        links=[],
    )


def _scene(still: Still, data: bytes) -> Scene:
    picture = base64.b64encode(data).decode("ascii")
    return Scene(picture, still.start, wording.span(still.start, still.end))


def _ticks(duration: float) -> list[float]:
    step = next((s for s in _TICKS if duration / s <= _MOST_TICKS), _TICKS[-1])
    return [float(tick) for tick in range(0, int(duration) + 1, step) if tick <= 0.97 * duration]
