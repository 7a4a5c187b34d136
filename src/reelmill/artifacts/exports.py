"""Files written for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from reelmill.artifacts.base import Artifact
from reelmill.artifacts.summary import ExportedFile, Finding, RecordingSummary


@dataclass
class Exports(Artifact):
    """The files written for people, paths relative to the output folder."""

    schema: ClassVar[str] = "exports/1"
    files: list[ExportedFile]
    #: What was not written, and why.
    findings: list[Finding] = field(default_factory=list)

    def summary(self) -> RecordingSummary:
        return RecordingSummary(
            outputs=[file.path for file in self.files],
            exported=list(self.files),
            findings=self.findings,
        )


@dataclass
class SubtitleFiles(Exports):
    """Subtitle files, one or more per language."""

    schema: ClassVar[str] = "subtitle-files/1"


@dataclass
class SubtitledVideos(Exports):
    """Copies of a video with its subtitles as tracks that players can switch on and off."""

    schema: ClassVar[str] = "subtitled-videos/1"


@dataclass
class BurnedVideos(Exports):
    """Copies of a video with its subtitles in the picture, one per language."""

    schema: ClassVar[str] = "burned-videos/1"
