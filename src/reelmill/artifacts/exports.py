"""What was written for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from reelmill.artifacts.base import Artifact, PathBelow


@dataclass
class ExportedFile:
    path: PathBelow
    sha256: str
    size: int


@dataclass
class Exports(Artifact):
    """The files written for people, paths relative to the output folder."""

    schema: ClassVar[str] = "exports/1"
    files: list[ExportedFile]

    def facts(self) -> dict[str, Any]:
        return {
            "outputs": [file.path for file in self.files],
            "exported": [[file.path, file.sha256, file.size] for file in self.files],
        }


@dataclass
class SubtitleFiles(Exports):
    """Subtitles as files, one or more a language."""

    schema: ClassVar[str] = "subtitle-files/1"


@dataclass
class SubtitledVideos(Exports):
    """Copies of a video with its subtitles as tracks that a player can switch on and off."""

    schema: ClassVar[str] = "subtitled-videos/1"


@dataclass
class BurnedVideos(Exports):
    """Copies of a video with its subtitles in the picture, one a language."""

    schema: ClassVar[str] = "burned-videos/1"
