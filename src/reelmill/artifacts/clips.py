"""Clips: what is to be cut out of a video, the pieces of it, and what was written."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal
from zipfile import BadZipFile

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.names import PathBelow, PlainName
from reelmill.artifacts.speech import Span
from reelmill.artifacts.summary import ExportedFile, Finding, RecordingSummary
from reelmill.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

#: One person a clip, in short clips; a video for each of two persons; both beside each other;
#: the whole picture with everybody's box and name.
Layout = Literal["single", "dual", "split", "overlay"]

#: More links than these in a run's report help nobody: the video's own page has them all.
_MOST_LINKS = 8


@dataclass
class PlannedClip:
    """One clip: `name` of its file without suffix; `persons` by label, those of a split from left
    to right; `spans` of the original that are shown one after the other, the rest is trimmed."""

    name: PlainName
    persons: list[str]
    spans: list[Span]

    @property
    def seconds(self) -> float:
        return sum(span.duration for span in self.spans)


@dataclass
class ClipPlan(Artifact):
    """The clips of a video. `width` and `height` of each; camera windows in `file`.

    `file` holds the array `windows` (n, 4): x, y, width, height in pixels of the picture as shown,
    for each row of the persons' arrays (0 where a person is in no clip).
    """

    schema: ClassVar[str] = "clip_plan/1"
    file: PlainName
    layout: Layout
    width: int
    height: int
    clips: list[PlannedClip]

    def sidecars(self) -> list[str]:
        return [self.file]


def read_windows(folder: Path, plan: ClipPlan) -> npt.NDArray[np.float32]:
    """The camera windows beside a plan. Raises InputError when damaged."""
    import numpy as np

    path = folder / plan.file
    try:
        with np.load(path, allow_pickle=False) as stored:
            return np.asarray(stored["windows"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise InputError(f"{path}: not readable arrays ({error}); remove it") from error


@dataclass
class ClipPiece:
    """A part of a clip's pictures: shown from `ticks` (1/90,000 s) of the clip on."""

    clip: int
    file: PlainName
    ticks: int
    frames: int
    encoder: str


@dataclass
class Footage(Artifact):
    """The pictures and sounds of planned clips, not yet put together.

    `sounds` has a file for each clip, None where there is no sound; `thumbnails` are JPEG files by
    person's label. `corrupt`: packets of the original that could not be decoded; `problems`: what
    the clips lack.
    """

    schema: ClassVar[str] = "footage/2"
    pieces: list[ClipPiece]
    sounds: list[PlainName | None]
    thumbnails: dict[str, PlainName]
    corrupt: int = 0
    problems: list[Finding] = field(default_factory=list)

    def sidecars(self) -> list[str]:
        files = [piece.file for piece in self.pieces]
        files += [sound for sound in self.sounds if sound is not None]
        return files + list(self.thumbnails.values())

    def summary(self) -> RecordingSummary:
        return RecordingSummary(findings=self.problems)


@dataclass
class Clip:
    """A written clip: `path` relative to the output folder; `spans` as planned."""

    path: PathBelow
    persons: list[str]
    spans: list[Span]
    frames: int
    seconds: float
    has_sound: bool
    encoder: str


@dataclass
class Clips(Artifact):
    """All that was written about the persons of a video, paths relative to the output folder.

    `documents` are the page and the data files, the page first; `removed` the clips of an earlier
    plan that stood in the place of these.
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
