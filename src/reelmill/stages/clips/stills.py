"""Take a still of each scene for the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from reelmill.artifacts import Persons, Picture, Span, Still
from reelmill.media.video.crop import Cropper, Frame, Window, planar_of
from reelmill.media.video.image import write_jpeg
from reelmill.media.video.reader import SAME_FRAME_SECONDS

#: If a video has more scenes than this, only the longest have stills.
MOST_STILLS = 240
#: Stills fit into this width and height.
_SIZE = (192, 108)
#: The still of a scene that no clip shows is taken this long after its beginning, s, unless the
#: scene is shorter.
_INTO = 0.5


@dataclass(frozen=True)
class Scene:
    """A scene and the time of its still, s."""

    start: float
    end: float
    time: float


def scenes_of(persons: Persons, shown: Sequence[Span]) -> list[Scene]:
    """The scenes that have stills, in order. Stretches in `shown` are preferred, because they are
    decoded anyway."""
    edges = [0.0, *persons.cuts, persons.picture.duration]
    spans = [Span(a, b) for a, b in pairwise(edges) if b > a]
    if len(spans) > MOST_STILLS:
        least = sorted((span.duration for span in spans), reverse=True)[MOST_STILLS - 1]
        spans = [span for span in spans if span.duration >= least][:MOST_STILLS]
    return [Scene(span.start, span.end, _moment(span, shown)) for span in spans]


def _moment(scene: Span, shown: Sequence[Span]) -> float:
    """The middle of the longest stretch of the scene that is shown in a clip."""
    inside = [
        (min(scene.end, span.end) - max(scene.start, span.start), max(scene.start, span.start))
        for span in shown
        if span.start < scene.end and span.end > scene.start
    ]
    length, start = max(inside, default=(0.0, 0.0))
    if length > 0:
        return start + length / 2
    return scene.start + min(_INTO, scene.duration / 2)


@dataclass
class StillTaker:
    """Takes the stills of `scenes` from frames given in order of time, and writes them into
    `folder`."""

    folder: Path
    mark: str
    picture: Picture
    scenes: Sequence[Scene]
    taken: list[Still] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._waiting = sorted(self.scenes, key=lambda scene: scene.time)
        width, height = self.picture.width, self.picture.height
        scale = min(_SIZE[0] / width, _SIZE[1] / height)
        across, down = (max(2, 2 * round(side * scale / 2)) for side in (width, height))
        self._cropper = Cropper(across, down, self.picture.rotation)

    def see(self, coded: Frame, time: float) -> None:
        """Look at a frame that is shown at `time`."""
        while self._waiting and time >= self._waiting[0].time - SAME_FRAME_SECONDS:
            scene = self._waiting.pop(0)
            if time < scene.end:
                self._take(coded, scene, time)

    def _take(self, coded: Frame, scene: Scene, time: float) -> None:
        whole = Window(0.0, 0.0, float(self.picture.width), float(self.picture.height))
        name = f"still-{self.mark}-{round(scene.start * 1000)}.jpg"
        write_jpeg(self.folder / name, self._cropper.crop(planar_of(coded), whole))
        self.taken.append(Still(scene.start, scene.end, time, name))
