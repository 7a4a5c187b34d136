"""The data that a subtitle writer receives."""

from __future__ import annotations

from dataclasses import dataclass

from reelmill.artifacts import Sentences, Subtitles, Translations
from reelmill.export.source import Source
from reelmill.export.subtitles.style import DEFAULT_STYLE, SubtitleStyle

#: The picture size that styles assume when the recording has no picture.
_USUAL_PICTURE = (1920, 1080)


@dataclass(frozen=True)
class SubtitleDocument:
    """Subtitles and what they were made from. `picture` is (width, height) as shown."""

    subtitles: Subtitles
    sentences: Sentences
    translations: Translations
    source: Source
    picture: tuple[int, int] = _USUAL_PICTURE
    style: SubtitleStyle = DEFAULT_STYLE
