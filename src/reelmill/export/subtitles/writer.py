"""The interface of subtitle formats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from reelmill.artifacts import SubtitleTrack
from reelmill.export.subtitles.document import SubtitleDocument


class SubtitleWriter(ABC):
    """Turns subtitles into text files, written as UTF-8.

    `name` is what a user calls the format. The same document always gives the same text.
    """

    name: ClassVar[str]

    @abstractmethod
    def files(self, document: SubtitleDocument) -> dict[str, str]:
        """The files: suffix after the recording's name (without the dot), and content."""

    @abstractmethod
    def suffixes(self, languages: Sequence[str]) -> list[str]:
        """The suffixes of `files` for subtitles in these languages."""


class TrackWriter(SubtitleWriter):
    """A format that holds one language: one file per language, with the language in its suffix."""

    def files(self, document: SubtitleDocument) -> dict[str, str]:
        return {
            f"{track.language}.{self.name}": self.render(document, track)
            for track in document.subtitles.tracks
        }

    def suffixes(self, languages: Sequence[str]) -> list[str]:
        return [f"{language}.{self.name}" for language in languages]

    @abstractmethod
    def render(self, document: SubtitleDocument, track: SubtitleTrack) -> str:
        """The content of the file for one language."""
