"""Compose what a clip shows of a frame: a person, two halves, or everything with names."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from reelmill.artifacts import (
    ClipPlan,
    Person,
    PersonArrays,
    Persons,
    PlannedClip,
    Shot,
    ShotArrays,
)
from reelmill.core.palette import person_colour
from reelmill.media.video.captions import Captioner
from reelmill.media.video.crop import Cropper, Fitter, Frame, Window, above, beside, black, dimmed
from reelmill.media.video.overlay import Marker

if TYPE_CHECKING:
    Floats = npt.NDArray[np.floating]

_SAME_SECONDS = 1e-4


class Compositor(Protocol):
    """Composes a clip's picture from a frame (in 4:2:0, as coded) that is shown at `time`."""

    def see(self, frame: Frame, time: float) -> Frame: ...


def compositor_of(
    clip: PlannedClip,
    plan: ClipPlan,
    persons: Persons,
    arrays: PersonArrays,
    windows: npt.NDArray[np.float32] | ShotArrays,
) -> Compositor:
    """The compositor of a planned clip."""
    people = {person.label: person for person in persons.persons}
    turn = persons.picture.rotation
    if plan.layout == "overlay":
        rows = [
            (number, person, arrays.of(person)) for number, person in enumerate(people.values())
        ]
        seen = [
            _Seen(person.shown_name, person_colour(number), arrays.times[part], arrays.boxes[part])
            for number, person, part in rows
            if person.label in clip.persons
        ]
        size = persons.picture.width, persons.picture.height
        return Marked(
            Cropper(plan.width, plan.height, turn), Marker(plan.width, plan.height), size, seen
        )
    if plan.layout == "follow":
        assert isinstance(windows, ShotArrays)
        return _following(clip, plan, turn, windows)
    assert not isinstance(windows, ShotArrays)
    halves = len(clip.persons) if plan.layout == "split" else 1
    follows = [
        _follow(people[label], arrays, windows, persons.cuts, _cropper(plan, halves, n, turn))
        for n, label in enumerate(clip.persons)
    ]
    if plan.layout == "split":
        return Halves(follows)
    return follows[0]


def _seen(clip: PlannedClip, persons: Persons, arrays: PersonArrays) -> list[_Seen]:
    found = []
    for number, person in enumerate(persons.persons):
        if person.label in clip.persons:
            rows, colour = arrays.of(person), person_colour(number)
            found.append(_Seen(person.shown_name, colour, arrays.times[rows], arrays.boxes[rows]))
    return found


def _cropper(plan: ClipPlan, halves: int, number: int, turn: int) -> Cropper:
    width = plan.width // halves
    width -= width % 2
    # The last one gets the remainder.
    last = plan.width - width * (halves - 1)
    return Cropper(last if number == halves - 1 else width, plan.height, turn)


def _follow(
    person: Person,
    arrays: PersonArrays,
    windows: npt.NDArray[np.float32],
    cuts: Sequence[float],
    cropper: Cropper,
) -> Follow:
    rows = arrays.of(person)
    seen = [(interval.start, interval.end) for interval in person.intervals]
    path = Path(arrays.times[rows], windows[rows].astype(float), cuts)
    return Follow(cropper, path, seen)


@dataclass
class Path:
    """Rows of numbers over time, interpolated between two rows of the same scene."""

    times: npt.NDArray[np.float64]
    rows: npt.NDArray[np.float64]
    cuts: Sequence[float] = ()
    _listed: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self._listed = self.times.tolist()

    def at(self, time: float) -> npt.NDArray[np.float64]:
        after = bisect_right(self._listed, time + _SAME_SECONDS)
        before = max(0, after - 1)
        if after >= len(self._listed) or time - self._listed[before] <= _SAME_SECONDS:
            return np.asarray(self.rows[before])
        first, second = self._listed[before], self._listed[after]
        if second <= first or time < first:
            return np.asarray(self.rows[before])
        cut = bisect_right(self.cuts, first + _SAME_SECONDS)
        if cut < len(self.cuts) and self.cuts[cut] <= second + _SAME_SECONDS:
            row = after if time >= self.cuts[cut] - _SAME_SECONDS else before
            return np.asarray(self.rows[row])
        share = (time - first) / (second - first)
        return np.asarray(self.rows[before] * (1 - share) + self.rows[after] * share)


@dataclass
class Follow:
    """The camera on one person; `seen`: the stretches of time in which the person is on screen."""

    cropper: Cropper
    path: Path
    seen: Sequence[tuple[float, float]]

    def see(self, frame: Frame, time: float) -> Frame:
        return self.cropper.crop(frame, Window(*self.path.at(time).tolist()))

    def present(self, time: float) -> bool:
        last = self.last_seen(time)
        return last is not None and time < last - _SAME_SECONDS

    def last_seen(self, time: float) -> float | None:
        """The end of the last appearance that began by `time`; None if there was none yet."""
        position = bisect_right(self.seen, (time + _SAME_SECONDS, float("inf"))) - 1
        return self.seen[position][1] if position >= 0 else None


@dataclass
class Halves:
    """Two persons beside each other. A person out of sight is shown as last seen, dimmed."""

    people: Sequence[Follow]
    _last: dict[int, Frame] = field(default_factory=dict, init=False)

    def see(self, frame: Frame, time: float) -> Frame:
        parts = []
        for number, person in enumerate(self.people):
            if person.present(time):
                part = person.see(frame, time)
                self._last[number] = part
            else:
                part = self._away(number, person)
            parts.append(part)
        return beside(parts) if len(parts) > 1 else parts[0]

    def earlier(self, time: float) -> list[tuple[int, float]]:
        """The persons out of sight at `time` who were seen before: number, and end of the last
        appearance."""
        away = [
            (number, person.last_seen(time))
            for number, person in enumerate(self.people)
            if not person.present(time)
        ]
        return [(number, last) for number, last in away if last is not None]

    def remember(self, number: int, frame: Frame, time: float) -> None:
        """Keep a frame from before the first one as the last in which a person was seen."""
        self._last[number] = self.people[number].see(frame, time)

    def _away(self, number: int, person: Follow) -> Frame:
        key = -1 - number  # the dimmed picture, made once per absence
        last = self._last.pop(number, None)
        if last is not None:
            self._last[key] = dimmed(last)
        if key not in self._last:
            self._last[key] = black(person.cropper.width, person.cropper.height)
        return self._last[key]


@dataclass
class _Seen:
    name: str
    colour: str
    times: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float32]

    def at(self, time: float) -> tuple[float, float, float, float] | None:
        row = int(np.searchsorted(self.times, time - _SAME_SECONDS))
        if row >= len(self.times) or self.times[row] > time + _SAME_SECONDS:
            return None
        x, y, width, height = self.boxes[row].tolist()
        return x, y, width, height


@dataclass
class Marked:
    """The whole picture with everybody's box and name; `size` is the picture's before scaling."""

    cropper: Cropper
    marker: Marker
    size: tuple[int, int]
    people: Sequence[_Seen]

    def see(self, frame: Frame, time: float) -> Frame:
        copy = self.cropper.crop(frame, Window(0.0, 0.0, *map(float, self.size)))
        across = self.marker.width / self.size[0]
        for person in self.people:
            box = person.at(time)
            if box is not None:
                x, y, width, height = box
                scaled = (x * across, y, width * across, height)
                self.marker.mark(copy, scaled, person.name, person.colour)
        return copy


@dataclass
class Captioned:
    """The picture of another compositor with captions."""

    compositor: Compositor
    captioner: Captioner

    def see(self, frame: Frame, time: float) -> Frame:
        picture = self.compositor.see(frame, time)
        self.captioner.draw(picture, time)
        return picture


@dataclass
class Following:
    """The active speaker: the panes of each of `shots`, or the whole picture if a shot has none."""

    shots: Sequence[Shot]
    panes: Sequence[Sequence[tuple[Cropper, Path]]]
    whole: Fitter
    _starts: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self._starts = [shot.start for shot in self.shots]

    def see(self, frame: Frame, time: float) -> Frame:
        panes = self.panes[max(0, bisect_right(self._starts, time + _SAME_SECONDS) - 1)]
        if not panes:
            return self.whole.fit(frame)
        seen = [cropper.crop(frame, Window(*path.at(time).tolist())) for cropper, path in panes]
        return above(seen) if len(seen) > 1 else seen[0]


def _following(clip: PlannedClip, plan: ClipPlan, turn: int, arrays: ShotArrays) -> Following:
    width, height = plan.size_of(clip)
    number = next(n for n, one in enumerate(plan.clips) if one.name == clip.name)
    of_shot: dict[int, list[int]] = {}
    for pane, (owner, shot) in enumerate(arrays.panes.tolist()):
        if owner == number:
            of_shot.setdefault(shot, []).append(pane)
    panes: list[list[tuple[Cropper, Path]]] = [[] for _ in clip.shots]
    for shot, numbers in of_shot.items():
        tall = height // len(numbers)
        for pane in numbers:
            rows = slice(int(arrays.offsets[pane]), int(arrays.offsets[pane + 1]))
            path = Path(arrays.times[rows], arrays.windows[rows].astype(float))
            panes[shot].append((Cropper(width, tall, turn), path))
    across, down = arrays.fitted[number].tolist()
    return Following(clip.shots, panes, Fitter(width, height, (across, down), turn))


def thumbnail_window(person: Person, width: int, height: int, pixel: float = 1.0) -> Window:
    """The window of a person's thumbnail: the face with some room around it. `pixel`: the width of
    a pixel to its height, in the picture of `width` x `height`."""
    face = person.thumbnail
    side = min(1.7 * max(face.width * pixel, face.height), width * pixel, height)
    x = face.x + face.width / 2 - side / pixel / 2
    y = face.y + face.height / 2 - side / 2
    return Window(x, y, side / pixel, side)
