"""The log of requests that were refused."""

from __future__ import annotations

import json
import logging
import threading
import time
from pathlib import Path
from typing import Any

from reelmill.core import gate
from reelmill.core.printable import printable

_log = logging.getLogger("reelmill.web")
#: Bytes after which a new file begins; the one before is kept.
_LARGEST = 8 << 20


class RefusalLog:
    """One line of JSON for each refused request: when, from where, who, what, and why. Query
    strings are left out, because they may hold a token."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "refused.jsonl"
        self._mutex = threading.Lock()

    def note(self, **facts: Any) -> None:
        """Add a line. A full disk does not keep the server from refusing."""
        facts = {
            name: printable(value)[:500] if isinstance(value, str) else value
            for name, value in facts.items()
            if value not in ("", None)
        }
        _log.warning("refused: %s", json.dumps(facts, ensure_ascii=False))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        line = json.dumps({"at": stamp, **facts}, ensure_ascii=False) + "\n"
        with self._mutex:
            try:
                with gate.append(self.path, 0o600) as file:
                    file.write(line.encode("utf-8", "backslashreplace"))
                    size = file.tell()
                if size > _LARGEST:
                    gate.settle(self.path, self.path.with_suffix(".1.jsonl"))
            except OSError as error:
                _log.error("%s: cannot be written: %s", self.path, error)
