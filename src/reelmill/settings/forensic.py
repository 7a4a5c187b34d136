"""Settings of `reelmill voice --forensic`: measurements and findings in sound and words."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from reelmill.settings.base import BaseFields, CommaSeparated, OneOrMany


class ForensicFields(BaseFields):
    """Settings that have an effect only with `forensic`."""

    forensic: bool = Field(
        False,
        description="measure voices (loudness, pitch, rate, pauses), find patterns of language "
        "and score what was found",
    )
    emotion_model: str | None = Field(
        None,
        description="audio classification model asked about each stretch of speech: folder or hub "
        "name",
    )
    text_classifier: str | None = Field(
        None,
        description="text classification model asked about each segment: folder or hub name",
    )
    score_weights: Path | None = Field(
        None, description="TOML file of points and weights of the scores; default: the shipped one"
    )
    patterns: OneOrMany = Field(
        (), description="pattern files (TOML) to search for besides the shipped ones"
    )
    pattern_languages: CommaSeparated = Field(
        (), description="languages to search for patterns; default: all that have pattern files"
    )
