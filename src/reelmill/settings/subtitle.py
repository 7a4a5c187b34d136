"""Settings of `reelmill subtitle`: translation and the look of subtitles."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from reelmill.settings.base import BaseFields, CommaSeparated


class SubtitleFields(BaseFields):
    """The layout settings also apply to the captions of `reelmill voice`."""

    to: CommaSeparated = Field(("ko",), min_length=1, description="languages to translate into")
    translator: str | None = Field(
        None, description="name, hub name, local folder or `demo`; default: by free memory"
    )
    translation_beam: int = Field(4, ge=1, description="hypotheses kept while translating")
    glossary: Path | None = Field(
        None, description="file of names and terms with their translations"
    )
    subtitle_formats: CommaSeparated = Field(
        ("srt", "vtt", "ass", "smi", "json"), description="subtitle files written"
    )
    bilingual: bool = Field(False, description="show the original below the translation")
    mux: bool = Field(False, description="also write a copy of each video with subtitle tracks")
    mux_default: bool = Field(
        False, description="players show the first of the new tracks by default"
    )
    burn: bool = Field(False, description="also write a copy with the subtitles burned in")
    style: str = Field("", description="style of ass files and burned subtitles: font=...,size=60")
    chars_per_line: int | None = Field(
        None, ge=4, description="characters per line; default: 42, Korean 18, Japanese 16"
    )
    lines: int = Field(2, ge=1, le=4, description="lines of a subtitle or caption")
    reading_speed: float | None = Field(
        None, gt=0, description="most characters per second; default: 17, Korean 12, Japanese 7"
    )
    shortest: float = Field(5 / 6, gt=0, description="shortest time a subtitle is shown, s")
    longest: float = Field(7.0, gt=0, description="longest time a subtitle or caption is shown, s")
    gap: float = Field(
        1 / 12, ge=0, description="shortest gap between subtitles, s: two frames at 24 per second"
    )
