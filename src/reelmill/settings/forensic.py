"""Settings of `reelmill voice --forensic`: measurements and findings in sound and words."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from reelmill.settings.base import BaseFields


class ForensicFields(BaseFields):
    """Settings that have an effect only with `forensic`."""

    forensic: bool = Field(
        False,
        description="measure voices (loudness, pitch, rate, pauses), find patterns of language "
        "and score what was found",
    )
    score_weights: Path | None = Field(
        None, description="TOML file of points and weights of the scores; default: the shipped one"
    )
