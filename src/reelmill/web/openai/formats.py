"""A transcript in the formats of the API."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from reelmill.artifacts import Segment
from reelmill.core.times import milliseconds
from reelmill.export.timed_text import TimedText, srt, srt_escaped, vtt, vtt_escaped
from reelmill.export.transcript.cues import Cue, cues, one_line
from reelmill.models.whisper.languages import language_name
from reelmill.web.openai.open_runs import Heard
from reelmill.web.openai.parameters import Parameters

#: The ids of a text's tokens in the recognizer's vocabulary.
Tokens = Callable[[str], list[int]]

#: Who speaks where nobody can tell: too little was said.
_UNKNOWN = "unknown"
_FRAMES_PER_SECOND = 100
_SEGMENT = "transcript.text.segment"


def response_of(heard: Heard, asked: Parameters, tokens: Tokens) -> Response:
    """The answer to a request.

    Args:
        heard: what was heard.
        asked: what the client wants.
        tokens: of the recognizer.
    """
    match asked.format:
        case "text":
            return PlainTextResponse(text_of(heard) + "\n")
        case "srt":
            return PlainTextResponse(srt(_timed(heard, srt_escaped)))
        case "vtt":
            return PlainTextResponse(vtt(_timed(heard, vtt_escaped)))
        case "verbose_json":
            return JSONResponse(_verbose(heard, asked, tokens))
        case "diarized_json":
            return JSONResponse(_diarized(heard))
        case _:
            return JSONResponse({"text": text_of(heard), "usage": _usage(heard)})


class Streamed:
    """An answer as server-sent events: the text piece by piece, then as a whole."""

    def __init__(self, asked: Parameters) -> None:
        self._asked = asked
        self._text = ""

    def delta(self, text: str, segment: str | None = None) -> str:
        """The event of a further piece of text; `segment` is the id of a diarized one."""
        said = one_line(text)
        piece = f" {said}" if self._text and said else said
        self._text += piece
        content = {"type": "transcript.text.delta", "delta": piece}
        return event(content if segment is None else {**content, "segment_id": segment})

    def rest(self, heard: Heard) -> Iterator[str]:
        """The events of what was not streamed yet, and of the end. A text that was recognized again
        since it was streamed is only in the last one."""
        speakers = speakers_of(heard)
        text = text_of(heard)
        for index, (segment, said) in enumerate(_spoken(heard)):
            if self._asked.format == "diarized_json":
                diarized = _diarized_segment(index, segment, said, speakers)
                yield event(diarized)
                yield self.delta(said, diarized["id"])
            elif not self._text or text.startswith(f"{self._text} {said}"):
                yield self.delta(said)
        yield event({"type": "transcript.text.done", "text": text, "usage": _usage(heard)})
        yield "data: [DONE]\n\n"


def event(content: dict[str, Any]) -> str:
    """A server-sent event."""
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n"


def text_of(heard: Heard) -> str:
    """Everything said."""
    return " ".join(text for _, text in _spoken(heard))


def speakers_of(heard: Heard) -> dict[str | None, str]:
    """Speakers as the API calls them, by their labels in the transcript: by name where a sample
    was given, the others A, B, C in the order in which they first speak."""
    found: dict[str | None, str] = {}
    letters = _letters({*heard.names.values()})
    for segment, _ in _spoken(heard):
        label = segment.speaker
        if label not in found:
            known = None if label is None else heard.names.get(label)
            found[label] = known or (_UNKNOWN if label is None else next(letters))
    return found


def _letters(taken: set[str]) -> Iterator[str]:
    """A to Z, AA, AB and so on, without names that are taken."""
    number = 0
    while True:
        number, rest, name = number + 1, number + 1, ""
        while rest:
            rest, digit = divmod(rest - 1, 26)
            name = chr(ord("A") + digit) + name
        if name not in taken:
            yield name


def _spoken(heard: Heard) -> Iterator[tuple[Segment, str]]:
    for segment in heard.transcript.segments:
        if text := one_line(segment.text):
            yield segment, text


def _timed(heard: Heard, escaped: Callable[[str], str]) -> Iterator[TimedText]:
    found: Sequence[Cue] = cues(heard.transcript)
    return (TimedText(cue.start, cue.end, escaped(cue.text)) for cue in found)


def _verbose(heard: Heard, asked: Parameters, tokens: Tokens) -> dict[str, Any]:
    transcript = heard.transcript
    content: dict[str, Any] = {
        "task": asked.task,
        "language": language_name(transcript.language).lower(),
        "duration": _seconds(transcript.duration),
        "text": text_of(heard),
        "usage": _usage(heard),
    }
    if "segment" in asked.granularities:
        content["segments"] = [
            _verbose_segment(index, segment, text, tokens)
            for index, (segment, text) in enumerate(_spoken(heard))
        ]
    if "word" in asked.granularities:
        content["words"] = [
            {"word": word.text.strip(), "start": _seconds(word.start), "end": _seconds(word.end)}
            for segment in transcript.segments
            for word in segment.words
        ]
    return content


def _verbose_segment(index: int, segment: Segment, text: str, tokens: Tokens) -> dict[str, Any]:
    return {
        "id": index,
        "seek": round(segment.start * _FRAMES_PER_SECOND),
        "start": _seconds(segment.start),
        "end": _seconds(segment.end),
        "text": f" {text}",
        "tokens": tokens(f" {text}"),
        "temperature": _number(segment.temperature),
        "avg_logprob": _number(segment.avg_logprob),
        "compression_ratio": _number(segment.compression_ratio),
        "no_speech_prob": _number(segment.no_speech_prob),
    }


def _diarized(heard: Heard) -> dict[str, Any]:
    speakers = speakers_of(heard)
    return {
        "task": "transcribe",
        "duration": _seconds(heard.transcript.duration),
        "text": text_of(heard),
        "segments": [
            _diarized_segment(index, segment, text, speakers)
            for index, (segment, text) in enumerate(_spoken(heard))
        ],
        "usage": _usage(heard),
    }


def _diarized_segment(
    index: int, segment: Segment, text: str, speakers: dict[str | None, str]
) -> dict[str, Any]:
    return {
        "type": _SEGMENT,
        "id": f"seg_{index + 1:03d}",
        "start": _seconds(segment.start),
        "end": _seconds(segment.end),
        "text": text,
        "speaker": speakers[segment.speaker],
    }


def _usage(heard: Heard) -> dict[str, Any]:
    return {"type": "duration", "seconds": math.ceil(heard.transcript.duration)}


def _seconds(time: float) -> float:
    return milliseconds(time) / 1000


def _number(value: float | None) -> float:
    """A measure of confidence; 0 for one that the recognizer does not have."""
    return round(value, 4) if value is not None and math.isfinite(value) else 0.0
