"""JSON: everything known about a transcript, its source and how it was made."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Any

from reelmill import __version__
from reelmill.artifacts import (
    Acoustics,
    AlignedTranscript,
    Finding,
    Segment,
    SpeakerTotals,
    SpokenTranscript,
    Turn,
    Word,
)
from reelmill.artifacts.edited_words import EditedSegment, EditedWord
from reelmill.artifacts.replaced import Replaced, replaced_in
from reelmill.core.times import milliseconds
from reelmill.export.jsontext import json_text, number
from reelmill.export.source import source_facts
from reelmill.export.transcript.cues import spoken
from reelmill.export.transcript.document import Correction, Document
from reelmill.export.transcript.writer import TranscriptWriter

SCHEMA = "reelmill.transcript/1"

_NOTICE = (
    "Machine output. Check it against the recording before relying on it; "
    "the recording is identified by its hashes under `source`."
)
_DEMO_NOTICE = (
    "Made with the demo model, which was trained on a small domain of synthetic speech to show "
    "how the program works. It must not be relied on for real recordings."
)


class JsonWriter(TranscriptWriter):
    """Texts exactly as recognized. Times are in seconds of the original, to the millisecond."""

    suffix = "json"

    def render(self, document: Document) -> str:
        return json_text(_content(document), indent=2) + "\n"


def is_demo(model: str) -> bool:
    """Whether a model's name is that of the bundled demo model."""
    return re.match(r"(.*/)?demo(-| |$)", model) is not None


def _content(document: Document) -> dict[str, Any]:
    transcript = document.transcript
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "made_by": {"program": "reelmill", "version": __version__},
        "notice": _DEMO_NOTICE if is_demo(transcript.model) else _NOTICE,
        "source": source_facts(document.source),
        "language": transcript.language,
        "language_probability": number(transcript.language_probability, 4),
        "model": transcript.model,
        "duration": _seconds(transcript.duration),
        "speech_seconds": _seconds(transcript.speech_seconds),
        "settings": dict(document.settings),
        "text": " ".join(text for _, text in spoken(transcript)),
        "segments": [
            _segment(i, segment, transcript.language_of(segment))
            for i, segment in enumerate(transcript.segments)
        ],
    }
    if isinstance(transcript, AlignedTranscript):
        content["notes"] = list(transcript.notes)
    if isinstance(transcript, SpokenTranscript):
        content["diarizer"] = transcript.diarizer
        content["speakers"] = [_speaker(one) for one in transcript.speakers]
        content["turns"] = [_turn(turn) for turn in document.turns]
    is_corrected = document.correction is not None
    content["findings"] = [
        *(finding_facts("recording", one) for one in transcript.findings),
        *(
            {
                **finding_facts(of.source, one, of.made_with),
                **({"of_machine_text": True} if is_corrected and of.of_machine_text else {}),
            }
            for of in document.findings
            for one in of.findings
        ),
    ]
    if replaced := replaced_in(transcript):
        content["replacements"] = [
            {**_times(one), "was": one.was, "now": one.now} for one in replaced
        ]
    if document.correction is not None:
        content["corrections"] = _correction(document.correction)
    if document.acoustics is not None:
        content["acoustics"] = acoustic_facts(document.acoustics)
    if document.scores is not None:
        content["scores"] = asdict(document.scores)
    return content


def _correction(correction: Correction) -> dict[str, Any]:
    """What people changed, when, and the machine's own text."""
    return {
        "edits": [asdict(edit) for edit in correction.layer.edits],
        "machine_text": " ".join(text for _, text in spoken(correction.machine)),
    }


def finding_facts(source: str, found: Finding, made_with: str | None = None) -> dict[str, Any]:
    """`source` is `recording` for what is damaged, guessed or left out, otherwise the stage that
    found it. `score` is from 0 to 1, null where the stage has no such measure."""
    return {
        "source": source,
        "label": found.label,
        "severity": found.severity,
        "start": None if found.start is None else _seconds(found.start),
        "end": None if found.end is None else _seconds(found.end),
        "score": number(found.score, 4),
        "speaker": found.speaker,
        "text": found.text,
        "made_with": made_with,
    }


def acoustic_facts(acoustics: Acoustics) -> dict[str, Any]:
    """Measures in the units of `SpeakerAcoustics`, times in seconds. The curves are not in it."""
    left_out = ("findings", "frames")
    return {name: value for name, value in asdict(acoustics).items() if name not in left_out}


def _turn(turn: Turn) -> dict[str, Any]:
    values = {**_times(turn), "speaker": turn.speaker}
    return values if turn.channel is None else {**values, "channel": turn.channel}


def _speaker(totals: SpeakerTotals) -> dict[str, Any]:
    """`share` of all speech from 0 to 1; `overlap` seconds while somebody else speaks too."""
    return {
        "speaker": totals.speaker,
        "seconds": number(totals.seconds, 3),
        "turns": totals.turns,
        "share": number(totals.share, 4),
        "overlap": number(totals.overlap, 3),
    }


def _segment(index: int, segment: Segment, language: str) -> dict[str, Any]:
    values: dict[str, Any] = {"id": index, **_times(segment), "text": segment.text.strip()}
    values["language"] = language
    if segment.speaker is not None:
        values["speaker"] = segment.speaker
    if segment.channel is not None:
        values["channel"] = segment.channel
    for name in ("avg_logprob", "no_speech_prob", "compression_ratio", "temperature"):
        values[name] = number(getattr(segment, name), 4)
    if isinstance(segment, EditedSegment):
        machine = {"text": segment.machine, "speaker": segment.machine_speaker}
        values["machine"] = {name: value for name, value in machine.items() if value is not None}
    if segment.words:
        values["words"] = [_word(word) for word in segment.words]
    return values


def _word(word: Word) -> dict[str, Any]:
    values: dict[str, Any] = {
        "word": word.text,
        **_times(word),
        "score": number(word.score, 4),
        "timing": word.timing,
    }
    if word.speaker is not None:
        values["speaker"] = word.speaker
    if isinstance(word, EditedWord):
        values["machine"], values["changed_by"] = word.machine, word.editor
    return values


def _times(part: Segment | Word | Turn | Replaced) -> dict[str, float]:
    start = _seconds(part.start)
    return {"start": start, "end": max(start, _seconds(part.end))}


def _seconds(time: float) -> float:
    return milliseconds(time) / 1000
