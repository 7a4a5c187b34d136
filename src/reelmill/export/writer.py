"""The contract of an export format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from reelmill.export.document import Document


class TranscriptWriter(ABC):
    """Turns a document into one text file. `suffix` is the format's name and the file's ending.

    The same document always gives the same text: nothing of the moment or the machine.
    """

    suffix: ClassVar[str]

    @abstractmethod
    def render(self, document: Document) -> str:
        """The whole content of the file, written as UTF-8."""
