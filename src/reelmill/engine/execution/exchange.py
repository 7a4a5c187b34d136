"""What engines that work on the same recording give each other."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class Exchange(Protocol):
    """Where engines find what others have made of a recording that they share, and who makes what.

    All methods may be called from any thread, and take as long as the file system does. What cannot
    be read or written counts as not there: then each engine makes it itself.
    """

    def shares(self, original: Path) -> bool:
        """Whether other engines may be working on a recording too."""

    def take(self, what: str) -> bool:
        """Claim a portion of a stage's work. Returns whether this engine has it now; nobody else
        has it then, unless this engine gives no sign of life.
        """

    def give_back(self, what: str) -> None:
        """Give back what was taken: it is done, or somebody else is to do it."""

    def fetch(self, recording: str, name: str) -> bytes | None:
        """What an engine offered.

        Args:
            recording: the SHA-256 of its content.
            name: of what was offered.
        """

    def offer(self, recording: str, name: str, data: bytes) -> None:
        """Let other engines have something. The arguments are as for `fetch`."""

    def bring(self, artifact: Path) -> bool:
        """Bring a stage's result with the files beside it into this engine's folder, if another
        engine has handed it over. Returns whether it is there now.

        Args:
            artifact: where this engine looks for it.
        """

    def hand_over(self, artifact: Path) -> None:
        """Let other engines have a stage's result, with the files beside it."""
