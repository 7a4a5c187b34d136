"""The measured needs of models on this machine, kept from run to run."""

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
from reelmill.errors import NotOursError, reason

_SCHEMA = "reelmill.model_profiles/1"
#: How fast an earlier high figure is forgotten when later runs need less.
_FORGET = 0.9


@dataclass
class ModelProfile:
    """Memory in MB of one model worker, after loading and at most: of the device on a GPU, of the
    machine on the CPU. `per_cost`: MB per unit of padded cost, by stage. `paces`: seconds of a
    warm-up by number of threads, where measured."""

    loaded_mb: float
    peak_mb: float
    per_cost: dict[str, float] = field(default_factory=dict)
    paces: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.paces = {int(threads): s for threads, s in self.paces.items()}  # JSON keys are text


class ModelProfiles:
    """A small JSON file in the user's cache folder. Without a path, nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._known = self._read()
        self._seen: dict[str, ModelProfile] = {}
        self._largest: dict[tuple[str, str], float] = {}

    def of(self, spec: ModelSpec, device_kind: str) -> ModelProfile | None:
        """The profile measured in this run or an earlier one; None if the model never ran here."""
        key = _key(spec, device_kind)
        seen, known = self._seen.get(key), self._known.get(key)
        return known if seen is None else seen if known is None else _together(known, seen)

    def loaded(
        self, spec: ModelSpec, device_kind: str, mb: float, paces: Mapping[int, float] | None = None
    ) -> None:
        """A model worker has loaded the model, and perhaps measured the gain from threads."""
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
        """A model worker has inferred a batch: its peak memory, and the part of it that the batch
        took.

        The largest batch gives the best measure of a unit of cost, because most memory of a small
        batch is constant.
        """
        key = _key(spec, device_kind)
        seen = self._seen.setdefault(key, ModelProfile(mb, mb))
        seen.peak_mb = max(seen.peak_mb, mb)
        if padded_cost > self._largest.get((key, stage), 0.0):
            self._largest[key, stage] = padded_cost
            seen.per_cost[stage] = took_mb / padded_cost

    def save(self) -> str | None:
        """Save the measurements. Returns a reason if that is not possible, which does not affect
        the run."""
        if self._path is None or not self._seen:
            return None
        known = self._read()  # another run may have saved in the meantime
        for key, seen in self._seen.items():
            before = known.get(key)
            known[key] = seen if before is None else _together(before, seen)
        content = {"schema": _SCHEMA, "models": {key: asdict(one) for key, one in known.items()}}
        try:
            write_text(self._path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        except (OSError, NotOursError) as error:
            return (
                f"{self._path}: the memory that models were seen to need cannot be saved "
                f"({reason(error)})"
            )
        return None

    def _read(self) -> dict[str, ModelProfile]:
        """The measurements of earlier runs. A file that is missing or no longer ours counts as
        empty, and is rewritten."""
        if self._path is None:
            return {}
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            content = parse_json(self._path.read_text(encoding="utf-8"))
            if content["schema"] == _SCHEMA:
                return {key: ModelProfile(**one) for key, one in content["models"].items()}
        return {}


def _key(spec: ModelSpec, device_kind: str) -> str:
    """Different machines may share a home folder."""
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
