"""The interface of export formats."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from reelmill.export.transcript.document import Document


class TranscriptWriter(ABC):
    """Turns a document into one file. `suffix` is the format's name and the file's ending.

    The same document always gives the same text: nothing depends on the time or the machine.
    """

    suffix: ClassVar[str]
    #: Whether sounds and unintelligible speech are always marked, regardless of settings.
    verbatim: ClassVar[bool] = False

    @abstractmethod
    def render(self, document: Document) -> str:
        """The whole content of the file, written as UTF-8."""

    def content(self, document: Document) -> bytes:
        """The bytes of the file. Formats that are not text override this."""
        return self.render(document).encode("utf-8", "surrogateescape")

    def check(self) -> None:  # noqa: B027 (most formats need nothing)
        """Raises UsageError if the format cannot be written here. Called before any work is
        done."""
