"""The exchange of workers that share a recording: files below the output folder that all see."""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from reelmill.core import gate
from reelmill.core.atomic import write_bytes
from reelmill.core.keys import Seal
from reelmill.engine.state import artifact_store as store
from reelmill.errors import NotOursError
from reelmill.runs.gathered import bring
from reelmill.scale.claims import Claims

#: The folder of portions, below the cache of the output folder.
PORTIONS = "portions"
_PORTION = re.compile(r"[\w-]+-[0-9a-f]{16}\.\d+\.portion")


@dataclass
class FolderExchange:
    """An `Exchange` of one worker's run.

    Attributes:
        shared: the cache of the output folder, open for writing while a shard is in work.
        own: the cache of the worker's own folder.
        claims: of this worker's portions, and of nothing else.
        seal: of the key that workers share.
    """

    shared: Path
    own: Path
    claims: Claims
    seal: Seal
    _originals: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def share(self, originals: Iterable[str]) -> None:
        """From now on, other workers may be working on these recordings too."""
        self._originals.update(map(os.path.abspath, originals))

    @property
    def is_used(self) -> bool:
        """Whether a recording was shared."""
        return bool(self._originals)

    def renew(self) -> None:
        """Give a sign of life for what was taken."""
        with self._guard, contextlib.suppress(OSError, NotOursError):
            self.claims.renew()

    # -- for the engine: see `Exchange`

    def shares(self, original: Path) -> bool:
        """See `Exchange`."""
        return os.path.abspath(original) in self._originals

    def take(self, what: str) -> bool:
        """See `Exchange`. Where nothing can be claimed, this worker makes it."""
        with self._guard:
            try:
                return self.claims.take(what)
            except (OSError, NotOursError):
                return True

    def give_back(self, what: str) -> None:
        """See `Exchange`."""
        with self._guard, contextlib.suppress(OSError, NotOursError):
            self.claims.release(what)

    def fetch(self, recording: str, name: str) -> bytes | None:
        """See `Exchange`."""
        try:
            return self._portion(recording, name).read_bytes()
        except OSError:
            return None

    def offer(self, recording: str, name: str, data: bytes) -> None:
        """See `Exchange`."""
        with contextlib.suppress(OSError, NotOursError):
            write_bytes(self._portion(recording, name), data, durable=False)

    def bring(self, artifact: Path) -> bool:
        """See `Exchange`."""
        there = store.artifacts(self.shared) / artifact.relative_to(store.artifacts(self.own))
        with contextlib.suppress(OSError, NotOursError):
            return there.exists() and bool(bring(there, artifact, self.seal))
        return False

    def hand_over(self, artifact: Path) -> None:
        """See `Exchange`."""
        there = store.artifacts(self.shared) / artifact.relative_to(store.artifacts(self.own))
        with contextlib.suppress(OSError, NotOursError):
            bring(artifact, there, self.seal)

    def _portion(self, recording: str, name: str) -> Path:
        return self.shared / PORTIONS / recording[:24] / name


def remove_portions(shared: Path) -> None:
    """Remove all portions, when all recordings are done.

    Args:
        shared: the cache of the output folder, open for writing.
    """
    gate.sweep(shared / PORTIONS, _PORTION, deep=True)
