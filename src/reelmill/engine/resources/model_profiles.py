"""What models were seen to need on this machine, remembered from run to run."""

from __future__ import annotations

import contextlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from reelmill.core.atomic import write_text
from reelmill.core.json_text import parse_json
from reelmill.engine.stage import ModelSpec
from reelmill.errors import NotOursError

_SCHEMA = "reelmill.model_profiles/1"
#: How fast a once high figure is forgotten when later runs need less.
_FORGET = 0.9


@dataclass
class ModelProfile:
    """Memory in MB of one model worker: just loaded, and the most it had. On a GPU the device's
    memory, on the CPU the machine's. `per_cost`: by stage, MB that one unit of padded cost needs.
    `paces`: seconds of a warm-up by number of threads, where that was measured."""

    loaded_mb: float
    peak_mb: float
    per_cost: dict[str, float] = field(default_factory=dict)
    paces: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.paces = {int(threads): s for threads, s in self.paces.items()}  # JSON has text


class ModelProfiles:
    """A small JSON file in the user's cache folder. Without a path nothing is remembered."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = self._read()
        self._seen: dict[str, ModelProfile] = {}
        self._largest: dict[tuple[str, str], float] = {}

    def of(self, spec: ModelSpec, device_kind: str) -> ModelProfile | None:
        """As seen in this run or an earlier one; None when it never ran here."""
        key = _key(spec, device_kind)
        seen, known = self._seen.get(key), self._known.get(key)
        return known if seen is None else seen if known is None else _together(known, seen)

    def loaded(
        self, spec: ModelSpec, device_kind: str, mb: float, paces: Mapping[int, float] | None = None
    ) -> None:
        """A model worker of it has loaded, and perhaps measured what threads bring."""
        seen = self._seen.setdefault(_key(spec, device_kind), ModelProfile(mb, mb))
        seen.loaded_mb = max(seen.loaded_mb, mb)
        seen.peak_mb = max(seen.peak_mb, mb)
        seen.paces.update(paces or {})

    def inferred(
        self,
        spec: ModelSpec,
        device_kind: str,
        stage: str,
        mb: float,
        *,
        padded_cost: float,
        took_mb: float,
    ) -> None:
        """A model worker of it has inferred a batch: what it had at most, and what the batch took
        of that.

        The largest batch tells best what a unit of cost takes: of a small one most is constant.
        """
        key = _key(spec, device_kind)
        seen = self._seen.setdefault(key, ModelProfile(mb, mb))
        seen.peak_mb = max(seen.peak_mb, mb)
        if padded_cost > self._largest.get((key, stage), 0.0):
            self._largest[key, stage] = padded_cost
            seen.per_cost[stage] = took_mb / padded_cost

    def save(self) -> str | None:
        """Write what was seen; a reason when that is not possible, which is no harm to a run."""
        if self._path is None or not self._seen:
            return None
        known = self._read()  # another run may have written meanwhile
        for key, seen in self._seen.items():
            before = known.get(key)
            known[key] = seen if before is None else _together(before, seen)
        content = {"schema": _SCHEMA, "models": {key: asdict(one) for key, one in known.items()}}
        try:
            write_text(self._path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        except (OSError, NotOursError) as error:
            return (
                f"{self._path}: the memory that models were seen to need cannot be saved ({error})"
            )
        return None

    def _read(self) -> dict[str, ModelProfile]:
        """What earlier runs saw; a file that is not there or no longer ours to read says nothing,
        and is written anew."""
        if self._path is None:
            return {}
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            content = parse_json(self._path.read_text(encoding="utf-8"))
            if content["schema"] == _SCHEMA:
                return {key: ModelProfile(**one) for key, one in content["models"].items()}
        return {}


def _key(spec: ModelSpec, device_kind: str) -> str:
    """A home folder may be shared by machines that differ."""
    return f"{platform.node()} {device_kind} {spec.name} {spec.identity}"


def _together(before: ModelProfile, seen: ModelProfile) -> ModelProfile:
    per_cost = dict(before.per_cost)
    for stage, mb in seen.per_cost.items():
        per_cost[stage] = mb
    return ModelProfile(
        seen.loaded_mb,
        max(seen.peak_mb, _FORGET * before.peak_mb),
        per_cost,
        before.paces | seen.paces,
    )
