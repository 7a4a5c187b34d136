"""Settings of translation and of subtitles' looks: those of `reelmill subtitle`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from reelmill.settings.base import BaseFields, CommaSeparated


class SubtitleFields(BaseFields):
    """How lines are laid out goes for the captions of `reelmill voice` too."""

    to: CommaSeparated = Field(("ko",), min_length=1, description="languages to translate into")
    translator: str | None = Field(
        None, description="name, hub name, local folder or `demo`; by free memory when not given"
    )
    translation_beam: int = Field(4, ge=1, description="hypotheses kept while translating")
    glossary: Path | None = Field(
        None, description="file of names and terms with the translations they are to have"
    )
    subtitle_formats: CommaSeparated = Field(
        ("srt", "vtt", "ass", "smi", "json"), description="subtitle files written"
    )
    bilingual: bool = Field(False, description="the original's lines below the translation")
    mux: bool = Field(False, description="also a copy of each video with subtitle tracks")
    burn: bool = Field(False, description="also a copy with the subtitles in the picture")
    style: str = Field("", description="look in ass files and burned pictures: font=...,size=60")
    chars_per_line: int | None = Field(
        None, ge=4, description="by language when not given: 42; Korean 18, Japanese 16"
    )
    lines: int = Field(2, ge=1, le=4, description="lines of a subtitle or caption")
    reading_speed: float | None = Field(
        None, gt=0, description="characters a second; by language when not given: 17, Korean 12"
    )
    shortest: float = Field(5 / 6, gt=0, description="seconds a subtitle is shown at least")
    longest: float = Field(7.0, gt=0, description="seconds a subtitle or caption is shown at most")
    gap: float = Field(1 / 12, ge=0, description="seconds between subtitles: two pictures at 24")
