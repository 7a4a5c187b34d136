"""SAMI (.smi), which Korean players read: all languages in one file, with one class per
language."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence

from reelmill.artifacts import SubtitleCue, SubtitleTrack
from reelmill.core.times import milliseconds
from reelmill.export.subtitles.document import SubtitleDocument
from reelmill.export.subtitles.writer import SubtitleWriter
from reelmill.export.transcript.cues import one_line

#: The class, name and language tag that players know. Other languages follow the same pattern.
_CLASSES = {
    "ko": ("KRCC", "한국어", "ko-KR"),
    "en": ("ENCC", "English", "en-US"),
    "ja": ("JPCC", "日本語", "ja-JP"),
    "zh": ("CNCC", "中文", "zh-CN"),
}
#: Without this mark, players on Windows read the file in the system's old code page.
_MARK = "\ufeff"
_HEAD = """<SAMI>
<HEAD>
<TITLE>{title}</TITLE>
<STYLE TYPE="text/css">
<!--
P {{ margin-left: 8pt; margin-right: 8pt; margin-bottom: 2pt; margin-top: 2pt;
    text-align: center; font-size: 20pt; font-family: Arial, sans-serif; color: white; }}
{classes}
-->
</STYLE>
</HEAD>
<BODY>
"""
_TAIL = "</BODY>\n</SAMI>\n"


class SamiWriter(SubtitleWriter):
    """Follows Microsoft's "Understanding SAMI 1.0": SYNC points in milliseconds, each with a
    paragraph of a language's class. `&nbsp;` removes a text."""

    name = "smi"

    def files(self, document: SubtitleDocument) -> dict[str, str]:
        tracks = document.subtitles.tracks
        classes = "\n".join(
            f".{name} {{ Name: {shown}; lang: {tag}; SAMIType: CC; }}"
            for name, shown, tag in (language_class(track.language) for track in tracks)
        )
        head = _HEAD.format(title=html.escape(one_line(document.source.name)), classes=classes)
        colour = document.style.original
        points = sorted(
            (point for track in tracks for point in _points(track, colour)),
            key=lambda point: point[0],
        )
        body = "".join(f"<SYNC Start={at}><P Class={name}>{text}\n" for at, name, text in points)
        return {self.name: f"{_MARK}{head}{body}{_TAIL}"}

    def suffixes(self, languages: Sequence[str]) -> list[str]:
        return [self.name]


def language_class(language: str) -> tuple[str, str, str]:
    """Class name, name for people and language tag of a language."""
    return _CLASSES.get(language, (f"{language.upper()}CC", language, language))


def _points(track: SubtitleTrack, colour: str) -> Iterator[tuple[int, str, str]]:
    """The times at which texts of a track appear and disappear."""
    name = language_class(track.language)[0]
    for index, cue in enumerate(track.cues):
        yield milliseconds(cue.start), name, _paragraph(cue, colour)
        following = track.cues[index + 1].start if index + 1 < len(track.cues) else None
        if following is None or milliseconds(following) > milliseconds(cue.end):
            yield milliseconds(cue.end), name, "&nbsp;"


def _paragraph(cue: SubtitleCue, colour: str) -> str:
    text = "<br>".join(html.escape(one_line(line)) for line in cue.lines)
    if cue.original:
        below = "<br>".join(html.escape(one_line(line)) for line in cue.original)
        text += f'<br><font color="{colour}">{below}</font>'
    return text
