"""Reads edited exports back: SRT, VTT, TSV, text and JSON, as rows of text with times."""

from __future__ import annotations

import csv
import difflib
import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pysubs2

from reelmill.artifacts import Segment, Transcript
from reelmill.artifacts.edited_words import joined, letters, spaced
from reelmill.core.json_text import parse_json
from reelmill.errors import InputError
from reelmill.export.transcript.cues import one_line, speaker_prefix
from reelmill.export.transcript.json_writer import SCHEMA

#: `[Kim]: ` before a text, as our captions and texts have it.
_PREFIX = re.compile(r"\[(.+?)\]: ")
#: The same in WebVTT.
_VOICE = re.compile(r"<v(?:\.[^ >]*)? ([^>]+)>")
_SUFFIXES = (".json", ".srt", ".vtt", ".tsv", ".txt")


@dataclass(frozen=True)
class Row:
    """A text of an edited export; times in seconds, `speaker` None where none is named."""

    start: float
    end: float
    text: str
    speaker: str | None = None


@dataclass(frozen=True)
class Change:
    """What an edited export has for a segment: its text, and who speaks where that is named."""

    segment: Segment
    text: str
    speaker: str | None


def read_rows(path: Path, transcript: Transcript) -> list[Row]:
    """Read an edited export.

    Args:
        path: the file, of one of our formats.
        transcript: as it was exported, with the names of speakers; it gives the times of lines of
            plain text.

    Raises:
        InputError: it cannot be read, or is of another form.
    """
    readers = {".json": _json, ".srt": _subtitles, ".vtt": _webvtt, ".tsv": _tsv}
    suffix = path.suffix.lower()
    try:
        text = path.read_text("utf-8-sig")
        if suffix == ".txt":
            return list(_lines(text, transcript))
        if suffix in readers:
            return list(readers[suffix](text))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(f"{path}: not an export of a transcript ({error!r})") from error
    raise InputError(f"{path}: give an edited {', '.join(_SUFFIXES)}, or corrections as .toml")


def read_captions(path: Path) -> list[Row]:
    """Read an edited file of subtitles (SRT, WebVTT, ASS, SAMI), as rows without speakers.

    Raises:
        InputError: it cannot be read, or is of another form.
    """
    try:
        text = path.read_text("utf-8-sig")
        rows = list(_rows(text))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, pysubs2.exceptions.Pysubs2Error) as error:
        raise InputError(f"{path}: not a file of subtitles ({error!r})") from error
    if path.suffix.lower() == ".vtt":
        return [replace(row, text=html.unescape(row.text)) for row in rows]
    return rows


def changes(rows: Sequence[Row], transcript: Transcript) -> tuple[list[Change], list[Row]]:
    """Compare an edited export with a transcript.

    Returns:
        The segments whose text or speaker differs, and rows at times where no segment is. A
        segment without any row has lost its text.
    """
    of: dict[int, list[Row]] = {
        number: [] for number, one in enumerate(transcript.segments) if one_line(one.text)
    }
    strays = []
    for row in rows:
        best = max(of, key=lambda n: _overlap(transcript.segments[n], row), default=None)
        if best is None or _overlap(transcript.segments[best], row) < 0:
            strays.append(row)
        else:
            of[best].append(row)
    found = []
    for number, mine in of.items():
        segment = transcript.segments[number]
        text = joined([row.text for row in mine], spaced(transcript.language_of(segment)))
        speaker = next((row.speaker for row in mine if row.speaker is not None), None)
        if letters(text) != letters(one_line(segment.text)) or (
            speaker is not None and speaker != segment.speaker
        ):
            found.append(Change(segment, text, speaker))
    return found, strays


def _overlap(segment: Segment, row: Row) -> float:
    return min(segment.end, row.end) - max(segment.start, row.start)


def _rows(text: str) -> Iterator[Row]:
    """The texts of subtitles, each on one line."""
    for event in pysubs2.SSAFile.from_string(text):
        lines = [line.strip() for line in event.plaintext.split("\n")]
        said = " ".join(line for line in lines if line)
        yield Row(event.start / 1000, event.end / 1000, said)


def _subtitles(text: str) -> Iterator[Row]:
    for row in _rows(text):
        said, speaker = _who(row.text)
        yield replace(row, text=said, speaker=speaker)


def _webvtt(text: str) -> Iterator[Row]:
    """Voices stand before texts as in other formats."""
    for row in _subtitles(_VOICE.sub(lambda match: f"[{html.unescape(match[1])}]: ", text)):
        yield replace(row, text=html.unescape(row.text))


def _who(text: str) -> tuple[str, str | None]:
    """A text without the speaker before it, and the speaker."""
    match = _PREFIX.match(text)
    return (text, None) if match is None else (text[match.end() :].strip(), match[1])


def _tsv(text: str) -> Iterator[Row]:
    for row in csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        said = row["text"].removeprefix("'") if row["text"][:2] in _FORMULAS else row["text"]
        speaker = row.get("speaker") or None
        yield Row(int(row["start"]) / 1000, int(row["end"]) / 1000, said.strip(), speaker)


#: Texts that the TSV writer put an apostrophe before.
_FORMULAS = ("'=", "'+", "'-", "'@")


def _json(text: str) -> Iterator[Row]:
    values: Any = parse_json(text)
    if values["schema"] != SCHEMA:
        raise InputError(f"holds {values['schema']!r}, not {SCHEMA}")
    for one in values["segments"]:
        speaker = one.get("speaker")
        yield Row(float(one["start"]), float(one["end"]), str(one["text"]).strip(), speaker)


def _lines(text: str, transcript: Transcript) -> Iterator[Row]:
    """Lines of plain text take the times of the segments whose lines they were."""
    segments = [one for one in transcript.segments if one_line(one.text)]
    old = [speaker_prefix(one.speaker) + one_line(one.text) for one in segments]
    new = [line.strip() for line in text.splitlines() if line.strip()]
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "insert" or (what == "replace" and d - c > b - a):
            raise InputError(
                f"line {d} is new; keep a line for each line there was, and split turns with "
                "`reelmill correct --split`"
            )
        for segment, line in zip(segments[a:b], new[c:d], strict=False):
            yield Row(segment.start, segment.end, *_who(line))
