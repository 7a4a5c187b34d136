"""Clips: what is cut from a video, the pieces, and the written files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from zipfile import BadZipFile

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.names import PathBelow, PlainName
from reelmill.artifacts.speech import Span
from reelmill.artifacts.summary import ExportedFile, Finding, RecordingSummary
from reelmill.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: Layouts: single (clips of one person), dual (a video for each of two persons), split (both side
#: by side), overlay (the whole picture with boxes and names), follow (whoever speaks, in shots).
Layout = Literal["single", "dual", "split", "overlay", "follow"]

#: A run's report has at most this many links to clips. The video's own page has all of them.
_MOST_LINKS = 8


@dataclass
class Shot:
    """The picture shown for a stretch of the original, in seconds: one person, two, or the whole
    picture if `persons` (labels) is empty."""

    start: float
    end: float
    persons: list[str]


@dataclass
class PlannedClip:
    """One clip. `name` is the file name without suffix. `persons` are labels, in a split from left
    to right. `spans` are the parts of the original shown one after the other; the rest is trimmed.
    `size` (width, height) is given if it differs from the plan's. `shots` belong to a clip that
    follows the speaker."""

    name: PlainName
    persons: list[str]
    spans: list[Span]
    size: tuple[int, int] | None = None
    shots: list[Shot] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(span.duration for span in self.spans)


@dataclass
class CaptionWord:
    """A word of a caption: its time, its text as shown, and its line."""

    start: float
    end: float
    text: str
    line: int


@dataclass
class Caption:
    """A caption, shown from `start` to `end`, in seconds."""

    start: float
    end: float
    words: list[CaptionWord]


@dataclass
class ScreenCaptions(Artifact):
    """Captions to draw into the picture, in order and without overlap."""

    schema: ClassVar[str] = "screen_captions/1"
    captions: list[Caption]
    language: str


@dataclass
class ClipPlan(Artifact):
    """The clips of a video, with their `width` and `height`. The camera windows are in `file`;
    `problems` says what the clips cannot show.

    `file` holds the array `windows` (n, 4): x, y, width, height in pixels of the picture as shown,
    one row for each row of the persons' arrays (0 where a person is in no clip). For clips with
    shots it holds `ShotArrays`.
    """

    schema: ClassVar[str] = "clip_plan/1"
    file: PlainName
    layout: Layout
    width: int
    height: int
    clips: list[PlannedClip]
    problems: list[Finding] = field(default_factory=list)

    def sidecars(self) -> list[str]:
        return [self.file]

    def summary(self) -> RecordingSummary:
        return RecordingSummary(findings=self.problems)

    def size_of(self, clip: PlannedClip) -> tuple[int, int]:
        """Width and height of a clip."""
        return clip.size or (self.width, self.height)


@dataclass
class ShotArrays:
    """Arrays of a plan with shots: the camera windows of each pane of each shot.

    times: (n,) s. windows: (n, 4) x, y, width, height. offsets: (panes + 1,): those of pane i are
    rows offsets[i] up to offsets[i + 1]. panes: (panes, 2) number of the clip and of its shot;
    a shot of two people has two panes, one above the other, where one window cannot show both.
    fitted: (clips, 2) width and height of the whole picture in a clip that shows all of it.
    """

    times: npt.NDArray[np.float64]
    windows: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]
    panes: npt.NDArray[np.int64]
    fitted: npt.NDArray[np.int64]


def read_shots(folder: Path, plan: ClipPlan) -> ShotArrays:
    """The arrays beside a plan whose clips have shots. Raises InputError when damaged."""
    return ShotArrays(**_read(folder / plan.file, tuple(ShotArrays.__dataclass_fields__)))


def read_windows(folder: Path, plan: ClipPlan) -> npt.NDArray[np.float32]:
    """The camera windows beside a plan. Raises InputError when damaged."""
    windows: npt.NDArray[np.float32] = _read(folder / plan.file, ("windows",))["windows"]
    return windows


def _read(path: Path, names: Sequence[str]) -> dict[str, Any]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: np.asarray(stored[name]) for name in names}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(f"{path}: not readable arrays ({error}); remove it") from error


@dataclass
class ClipPiece:
    """A part of a clip's picture, shown from `ticks` (1/90,000 s) of the clip on."""

    clip: int
    file: PlainName
    ticks: int
    frames: int
    encoder: str


@dataclass
class Still:
    """A still of a scene from `start` to `end`, taken at `time`, in seconds. A JPEG file."""

    start: float
    end: float
    time: float
    file: PlainName


@dataclass
class Footage(Artifact):
    """The pictures and sounds of planned clips, not joined yet.

    `sounds` has a file for each clip, None where there is no audio. `thumbnails` are JPEG files by
    person's label, `stills` those of scenes in order. `corrupt` counts packets of the original that
    could not be decoded. `problems` says what the clips lack.
    """

    schema: ClassVar[str] = "footage/3"
    pieces: list[ClipPiece]
    sounds: list[PlainName | None]
    thumbnails: dict[str, PlainName]
    corrupt: int = 0
    problems: list[Finding] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)

    def sidecars(self) -> list[str]:
        files = [piece.file for piece in self.pieces]
        files += [sound for sound in self.sounds if sound is not None]
        return [*files, *self.thumbnails.values(), *(still.file for still in self.stills)]

    def summary(self) -> RecordingSummary:
        return RecordingSummary(findings=self.problems)


@dataclass
class Clip:
    """A written clip: `path` relative to the output folder; `spans` and `shots` as planned."""

    path: PathBelow
    persons: list[str]
    spans: list[Span]
    frames: int
    seconds: float
    has_sound: bool
    encoder: str
    shots: list[Shot] = field(default_factory=list)


@dataclass
class Clips(Artifact):
    """All files written about the persons of a video, with paths relative to the output folder.

    `documents` are the page and the data files, page first. `removed` are clips of an earlier plan
    that these replace.
    """

    schema: ClassVar[str] = "clips/1"
    clips: list[Clip]
    documents: list[ExportedFile]
    videos: list[ExportedFile]
    notes: list[str] = field(default_factory=list)
    removed: list[PathBelow] = field(default_factory=list)

    def summary(self) -> RecordingSummary:
        linked = [file.path for file in self.documents]
        if len(self.videos) + len(linked) <= _MOST_LINKS:
            linked += [file.path for file in self.videos]
        files = [*self.documents, *self.videos]
        return RecordingSummary(
            outputs=linked, exported=files, removed=list(self.removed), notes=self.notes
        )
