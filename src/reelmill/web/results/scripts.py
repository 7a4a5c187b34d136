"""Which scripts may run in pages of results: those that a version of Reelmill put there."""

from __future__ import annotations

import time

from reelmill import __version__
from reelmill.pages.scripts import earlier_scripts, hashes_in, script_hashes
from reelmill.web.store import Store


class KnownScripts:
    """The scripts of this version's pages, of all released ones before it, and of every version
    that this server was started with: pages of results outlive the version that wrote them.

    What a page says about its own scripts counts for nothing, so nothing that came into a page by a
    recording or a name can run.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: frozenset[str] = frozenset()

    def open(self) -> None:
        """Note this version's scripts for later versions, and read those of earlier ones."""
        self._store.many(
            "INSERT OR IGNORE INTO scripts VALUES (?, ?, ?)",
            [(script, __version__, time.time()) for script in script_hashes()],
        )
        noted = (row["hash"] for row in self._store.rows("SELECT hash FROM scripts"))
        released = (script for scripts in earlier_scripts().values() for script in scripts)
        self._known = frozenset((*noted, *released))

    def of(self, html: str) -> list[str]:
        """Those in a page that are known, as its policy names them."""
        return [f"'{script}'" for script in hashes_in(html) if script in self._known]
