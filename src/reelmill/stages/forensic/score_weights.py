"""The points and weights of scores, from the shipped file and one of the user's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from reelmill.core.toml import read_toml
from reelmill.errors import UsageError

SHIPPED = Path(__file__).parents[2] / "assets" / "score_weights.toml"
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
_Positive = Annotated[float, Field(ge=0)]
_Share = Annotated[float, Field(ge=0, le=1)]


@checked(frozen=True, config=_STRICT)
class Lowering:
    """How a finding counts less: the factor is 1 at `full` and `factor` at `least`."""

    full: float
    least: float
    factor: _Share

    def of(self, measured: float) -> float:
        """The factor for what was measured."""
        if self.full == self.least:
            return 1.0
        share = min(1.0, max(0.0, (measured - self.least) / (self.full - self.least)))
        return self.factor + (1 - self.factor) * share


@checked(frozen=True, config=_STRICT)
class CategoryWeight:
    """The points of a finding of a category, and the weight of its score in the overall one.

    `per_minutes`: in more speech than that, findings count by their frequency. `least_z`: episodes
    that are less unusual do not count.
    """

    points: _Positive
    weight: _Positive
    per_minutes: Annotated[float, Field(gt=0)] | None = None
    least_z: float | None = None


@checked(frozen=True, config=_STRICT)
class _File:
    least_speech: _Positive
    word_probability: Lowering
    overlap: Lowering
    noise: Lowering
    categories: dict[str, CategoryWeight]
    other: CategoryWeight


@dataclass(frozen=True)
class ScoreWeights:
    """Points and weights; `name` says from which file, with the start of its SHA-256."""

    name: str
    least_speech: float
    word_probability: Lowering
    overlap: Lowering
    noise: Lowering
    categories: tuple[tuple[str, CategoryWeight], ...]
    other: CategoryWeight

    def of(self, category: str) -> CategoryWeight:
        """What counts for a category."""
        return dict(self.categories).get(category, self.other)


def read_weights(path: Path | None = None) -> ScoreWeights:
    """The shipped weights, with those of the user's file in their place.

    Raises:
        UsageError: the file cannot be read, or a value is not valid; the message names both.
    """
    values = read_toml(SHIPPED)
    name = "shipped weights"
    digest = hashlib.sha256(SHIPPED.read_bytes())
    if path is not None:
        values = _merged(values, read_toml(path))
        name = path.name
        digest.update(path.read_bytes())
    try:
        file = TypeAdapter(_File).validate_python(values)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(map(str, problem["loc"]))
        raise UsageError(f"{path or SHIPPED}: {where}: {problem['msg']}") from error
    return ScoreWeights(
        f"{name} ({digest.hexdigest()[:12]})",
        file.least_speech,
        file.word_probability,
        file.overlap,
        file.noise,
        tuple(file.categories.items()),
        file.other,
    )


def _merged(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of both, entry by entry."""
    merged = dict(ours)
    for name, value in theirs.items():
        known = merged.get(name)
        both = isinstance(value, dict) and isinstance(known, dict)
        merged[name] = _merged(known, value) if both else value  # type: ignore[arg-type]
    return merged
