"""PlanClips: plan who is shown when, and where the camera looks."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reelmill.artifacts import (
    ClipPlan,
    Detections,
    Finding,
    Layout,
    Media,
    Person,
    PersonArrays,
    Persons,
    PlannedClip,
    Span,
    TileLayout,
    Tracks,
    read_persons,
)
from reelmill.core.atomic import write_bytes
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.errors import InputError
from reelmill.media.container import shown
from reelmill.media.video.frames import pixel_aspect as aspect_of
from reelmill.stages.clips.camera_path import Framing
from reelmill.stages.clips.tiled import tiled_path
from reelmill.stages.clips.trimming import chosen, in_clips, trimmed
from reelmill.stages.faces.sideways import how_to_turn

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Frames further apart than this, s, are not part of one movement.
_GAP_SECONDS = 0.5

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f<>:"/\\|?*]')


@dataclass(frozen=True)
class PlanClips(FileStage):
    """Plans the clips, and writes the windows beside the artifact.

    `width` and `height` are of a clip, or for `split` of both halves together; they do not matter
    for `overlay`. `clip_seconds`: length of `single` clips, 0 for one clip a person. `target`,
    `top`, `min_share`: as `trimming.chosen`. Raises InputError when nobody is to be shown.
    """

    name = "plan_clips"
    version = 3
    display_name = "Planning the clips"
    commands = ("faces",)
    needs = (Media, Detections, Tracks, Persons)
    produces = ClipPlan

    layout: Layout = "single"
    width: int = 250
    height: int = 250
    clip_seconds: float = 10.0
    target: str | None = None
    top: int | None = None
    min_share: float = 0.05
    face_share: float = 0.45

    def run(self, context: StageContext, inputs: Inputs) -> ClipPlan:
        persons = inputs[Persons]
        people = self._people(context.recording, inputs)
        arrays = read_persons(context.folder, persons)
        clips = self._clips(persons, people, arrays)
        layouts = inputs[Detections].layouts
        windows = self._windows(inputs[Media], persons, people, arrays, layouts)
        width, height = self.width, self.height
        if self.layout == "overlay":
            across = persons.picture.width * pixel_aspect(inputs[Media], persons)
            width, height = _even(round(across)), _even(persons.picture.height)
        problems = self._problems(len(people))
        file = _stored(context, windows)
        return ClipPlan(file, self.layout, width, height, clips, problems=problems)

    def _problems(self, people: int) -> list[Finding]:
        if self.layout != "split" or people > 1:
            return []
        text = "only one person is shown, in the whole picture instead of half of it"
        return [Finding("one person", text=text)]

    def _people(self, recording: Recording, inputs: Inputs) -> list[Person]:
        persons = inputs[Persons]
        if not persons.persons:
            raise InputError(f"{shown(recording.path)}: {_nobody(inputs)}")
        if self.layout == "overlay" and self.target is None:
            return persons.persons
        at_most = 2 if self.layout in ("dual", "split") else None
        people = chosen(persons.persons, self.target, self.top or at_most, self.min_share)
        if not people:
            there = ", ".join(
                f"{person.shown_name} ({person.share:.0%})" for person in persons.persons[:10]
            )
            wanted = f"--target {self.target}" if self.target else f"--min-share {self.min_share}"
            raise InputError(
                f"{shown(recording.path)}: nobody matches {wanted}; there are: {there}"
            )
        if self.layout == "split":
            people = people[:2]
        return people

    def _clips(
        self, persons: Persons, people: list[Person], arrays: PersonArrays
    ) -> list[PlannedClip]:
        if self.layout == "overlay":
            whole = _whole(persons)
            return [PlannedClip("overlay", [person.label for person in people], whole)]
        if self.layout == "split":
            spans = trimmed(people, persons.cuts)
            halves = sorted(people, key=lambda person: _place(person, arrays))
            return [PlannedClip("split", [person.label for person in halves], spans)]
        seconds = self.clip_seconds if self.layout == "single" else 0.0
        clips = []
        for name, person in zip(_file_names(people), people, strict=True):
            times = arrays.times[arrays.of(person)].tolist()
            parts = in_clips(trimmed([person], persons.cuts), seconds, times)
            for number, spans in enumerate(parts, start=1):
                numbered = name if seconds <= 0 else f"{name}-{number:03d}"
                clips.append(PlannedClip(numbered, [person.label], spans))
        return clips

    def _windows(
        self,
        media: Media,
        persons: Persons,
        people: list[Person],
        arrays: PersonArrays,
        layouts: list[TileLayout],
    ) -> npt.NDArray[np.float32]:
        import numpy as np

        windows = np.zeros((len(arrays.times), 4), np.float32)
        if self.layout == "overlay":
            return windows
        framing = Framing(self._aspect(media, persons, len(people)), self.face_share)
        picture = persons.picture
        for person in people:
            rows = arrays.of(person)
            times = arrays.times[rows]
            breaks = np.flatnonzero(np.diff(times) > _GAP_SECONDS) + 1
            at_cuts = np.searchsorted(times, np.asarray(persons.cuts) - 1e-4)
            windows[rows] = tiled_path(
                times,
                arrays.boxes[rows],
                [*breaks.tolist(), *at_cuts.tolist()],
                (picture.width, picture.height),
                framing,
                layouts,
            )
        return windows

    def _aspect(self, media: Media, persons: Persons, people: int) -> float:
        """The aspect ratio of a window in pixels of the original, which may not be square."""
        width = self.width / people if self.layout == "split" else self.width
        return width / self.height / pixel_aspect(media, persons)


def _nobody(inputs: Inputs) -> str:
    """The reason why no clip shows anybody."""
    if degrees := inputs[Detections].turned_by:
        return how_to_turn(degrees)
    if left_out := inputs[Tracks].left_out:
        reasons = "; ".join(finding.text for finding in left_out)
        return f"no other face was found in it, there is nothing to cut: {reasons}"
    return "no face was found in it; there is nothing to cut"


def pixel_aspect(media: Media, persons: Persons) -> float:
    """The aspect ratio of a pixel of the picture as shown."""
    track = next((t for t in media.video if t.index == persons.picture.track), None)
    return 1.0 if track is None else aspect_of(track)


def _whole(persons: Persons) -> list[Span]:
    return [Span(0.0, persons.picture.duration)]


def _place(person: Person, arrays: PersonArrays) -> float:
    """The usual horizontal position of a person."""
    boxes = arrays.boxes[arrays.of(person)]
    return float((boxes[:, 0] + boxes[:, 2] / 2).mean())


def _file_names(people: list[Person]) -> list[str]:
    """The file names of persons, all different on every file system."""
    names: list[str] = []
    for person in people:
        name = _NOT_IN_NAMES.sub("_", person.shown_name).strip(". ") or person.label
        if person.name is None:
            name = f"person {name}"
        if name.casefold() in {other.casefold() for other in names}:
            name = f"{name} ({person.label})"
        names.append(name)
    return names


def _stored(context: StageContext, windows: npt.NDArray[np.float32]) -> str:
    """Write the windows beside the artifact."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, windows=windows)
    write_bytes(context.path("windows.npz"), buffer.getvalue())
    return context.sidecar("windows.npz")


def _even(size: int) -> int:
    return max(2, size - size % 2)
