"""What a subtitle writer may need to know."""

from __future__ import annotations

from dataclasses import dataclass

from reelmill.artifacts import Sentences, Subtitles, Translations
from reelmill.export.subtitles.style import DEFAULT_STYLE, SubtitleStyle
from reelmill.export.transcript.document import Source

#: The picture a style's sizes are meant for, when there is none.
_USUAL_PICTURE = (1920, 1080)


@dataclass(frozen=True)
class SubtitleDocument:
    """Subtitles with what they were made from; `picture` is (width, height) as it is shown."""

    subtitles: Subtitles
    sentences: Sentences
    translations: Translations
    source: Source
    picture: tuple[int, int] = _USUAL_PICTURE
    style: SubtitleStyle = DEFAULT_STYLE
