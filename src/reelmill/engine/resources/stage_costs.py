"""How long stages work on a second of recording, measured on this machine and kept from run to run.

From this a submitter estimates how much work a recording is, before it gives it to anybody.
"""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path

from reelmill.core.atomic import write_text
from reelmill.core.json_text import parse_json
from reelmill.errors import NotOursError, reason

_SCHEMA = "reelmill.stage_costs/1"
#: How much a new measurement counts against what was known.
_NEW_SHARE = 0.5
#: Less than this much recording measures start-up rather than work.
_LEAST_MEDIA_S = 1.0
#: The most stages that are remembered. Those measured last stay.
_MOST = 500


class StageCosts:
    """Seconds of work per second of recording by stage, as its digest: another version, setting or
    model costs something else. A small JSON file in the user's cache folder."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rates = self._read()

    def rate(self, digests: Iterable[str]) -> float | None:
        """Seconds of work per second of recording in all of these stages that were measured; None
        if none was."""
        known = [self._rates[_key(one)] for one in digests if _key(one) in self._rates]
        return sum(known) if known else None

    def learn(self, seconds: Mapping[str, float], media_seconds: float) -> None:
        """Remember how long stages worked on `media_seconds` of recordings."""
        if media_seconds < _LEAST_MEDIA_S:
            return
        for digest, worked in seconds.items():
            rate, key = worked / media_seconds, _key(digest)
            before = self._rates.pop(key, rate)
            self._rates[key] = before + _NEW_SHARE * (rate - before)

    def save(self) -> str | None:
        """Save what was learned. Returns a reason if that is not possible, which does no harm."""
        kept = dict(list((self._read() | self._rates).items())[-_MOST:])
        try:
            write_text(self._path, json.dumps({"schema": _SCHEMA, "rates": kept}, indent=1) + "\n")
        except (OSError, NotOursError) as error:
            return f"{self._path}: what stages cost cannot be saved ({reason(error)})"
        return None

    def _read(self) -> dict[str, float]:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            content = parse_json(self._path.read_text(encoding="utf-8"))
            if content["schema"] == _SCHEMA:
                return {str(key): float(rate) for key, rate in content["rates"].items()}
        return {}


def _key(digest: str) -> str:
    """Different machines may share a home folder."""
    return f"{platform.node()} {digest}"
