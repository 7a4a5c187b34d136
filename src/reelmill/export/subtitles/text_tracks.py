"""Formats with one file per language: SubRip, WebVTT, and ASS by pysubs2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from reelmill.artifacts import SubtitleCue, SubtitleTrack
from reelmill.core.times import milliseconds
from reelmill.export.subtitles.direction import directed
from reelmill.export.subtitles.document import SubtitleDocument
from reelmill.export.subtitles.style import SubtitleStyle
from reelmill.export.subtitles.writer import TrackWriter
from reelmill.export.timed_text import TimedText, srt, srt_escaped, vtt, vtt_escaped
from reelmill.export.transcript.cues import one_line

if TYPE_CHECKING:
    from pysubs2 import Color, SSAFile, SSAStyle

#: Sequences that ASS, and players that convert everything to ASS, read as a line break or a hard
#: space. An invisible word joiner before them makes them text again, as FFmpeg writes it.
_BACKSLASH = "\\\u2060"
_TRANSLATION, _ORIGINAL = "Default", "Original"
_SHORTER_SIDE = 1080
_ORIGINAL_SHARE = 0.8
#: Share of the picture's width that a full line may take.
_LINE_SHARE = 0.94


class SrtWriter(TrackWriter):
    name = "srt"

    def render(self, document: SubtitleDocument, track: SubtitleTrack) -> str:
        return srt(_timed(track, srt_escaped))


class VttWriter(TrackWriter):
    name = "vtt"

    def render(self, document: SubtitleDocument, track: SubtitleTrack) -> str:
        return vtt(_timed(track, vtt_escaped))


class AssWriter(TrackWriter):
    """ASS with a style that fits the picture, and a second style for the lines of the original."""

    name = "ass"

    def render(self, document: SubtitleDocument, track: SubtitleTrack) -> str:
        return ass_file(track, document.style, document.picture).to_string("ass")


def ass_file(
    track: SubtitleTrack, style: SubtitleStyle, picture: tuple[int, int], least: int = 0
) -> SSAFile:
    """A language's subtitles with their style, for a picture of (width, height). Letters are as
    large as lines allow, at least of size `least`: longer lines are then broken by who draws them.
    """
    import pysubs2

    width, height = _scaled(picture)
    size = max(least, min(style.size, _fitting(track, width)))
    made = pysubs2.SSAFile()
    made.info.update(
        PlayResX=str(width), PlayResY=str(height), ScaledBorderAndShadow="yes", WrapStyle="0"
    )
    made.styles[_TRANSLATION] = _style(style, size, style.colour)
    made.styles[_ORIGINAL] = _style(style, round(size * _ORIGINAL_SHARE), style.original)
    for cue in track.cues:
        lines = [_ass_text(line) for line in cue.lines]
        if cue.original:
            below = [_ass_text(line) for line in cue.original]
            lines.append(f"{{\\r{_ORIGINAL}}}" + "\\N".join(below))
        made.append(
            pysubs2.SSAEvent(
                start=milliseconds(cue.start), end=milliseconds(cue.end), text="\\N".join(lines)
            )
        )
    return made


def _timed(track: SubtitleTrack, escape: Callable[[str], str]) -> Iterator[TimedText]:
    for cue in track.cues:
        lines = [escape(line).replace("\\", _BACKSLASH) for line in shown_lines(cue)]
        yield TimedText(milliseconds(cue.start), milliseconds(cue.end), "\n".join(lines))


def shown_lines(cue: SubtitleCue) -> list[str]:
    """A cue's lines with the original's below them, without control characters."""
    lines = [one_line(line) for line in (*cue.lines, *cue.original)]
    return [line for line in lines if line]


def _ass_text(line: str) -> str:
    return directed(one_line(line)).replace("\\", _BACKSLASH).replace("{", "\\{")


def _style(style: SubtitleStyle, size: int, colour: str) -> SSAStyle:
    from pysubs2 import Alignment, Color, SSAStyle

    return SSAStyle(
        fontname=style.font,
        fontsize=size,
        primarycolor=_colour(colour),
        outlinecolor=Color(0, 0, 0),
        backcolor=Color(0, 0, 0, 128),
        bold=style.bold,
        outline=style.outline,
        shadow=0,
        marginl=20,
        marginr=20,
        marginv=style.margin,
        alignment={
            "bottom": Alignment.BOTTOM_CENTER,
            "middle": Alignment.MIDDLE_CENTER,
            "top": Alignment.TOP_CENTER,
        }[style.position],
    )


def _colour(text: str) -> Color:
    from pysubs2 import Color

    red, green, blue = (int(text[at : at + 2], 16) for at in (1, 3, 5))
    return Color(red, green, blue)


def _scaled(picture: tuple[int, int]) -> tuple[int, int]:
    """The picture scaled to a shorter side of 1080, the unit in which styles are measured."""
    width, height = picture
    shorter = min(width, height)
    if shorter <= 0:
        return 1920, 1080
    return round(width * _SHORTER_SIDE / shorter), round(height * _SHORTER_SIDE / shorter)


def _fitting(track: SubtitleTrack, width: int) -> int:
    """The largest size at which the widest line fits, if a full-width character is a square."""
    widest = max((_squares(line) for cue in track.cues for line in cue.lines), default=1.0)
    return max(8, int(width * _LINE_SHARE / max(1.0, widest)))


def _squares(line: str) -> float:
    return sum(1.0 if ord(character) > 0x1100 else 0.55 for character in line)
