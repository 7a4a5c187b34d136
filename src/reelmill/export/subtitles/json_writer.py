"""JSON: sentences, their translations, the subtitles made from them, and every broken rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from reelmill import __version__
from reelmill.artifacts import SubtitleTrack
from reelmill.export.jsontext import json_text, number
from reelmill.export.subtitles.document import SubtitleDocument
from reelmill.export.subtitles.writer import SubtitleWriter
from reelmill.export.transcript.json_writer import finding_facts, is_demo

SCHEMA = "reelmill.subtitles/1"
_SUFFIX = "subtitles.json"
_NOTICE = "Machine translation of machine transcription. Check it before relying on it."
_DEMO_NOTICE = (
    "Made with a demo model, which knows only the sentences of a small synthetic domain. It must "
    "not be relied on for real recordings."
)


class SubtitleJsonWriter(SubtitleWriter):
    """Times in seconds of the original; `words` of a cue are indices into its sentence's words,
    the last one excluded."""

    name = "json"

    def files(self, document: SubtitleDocument) -> dict[str, str]:
        return {_SUFFIX: json_text(_content(document), indent=1) + "\n"}

    def suffixes(self, languages: Sequence[str]) -> list[str]:
        return [_SUFFIX]


def _content(document: SubtitleDocument) -> dict[str, Any]:
    subtitles, source = document.subtitles, document.source
    models = (document.sentences.model, subtitles.translator)
    return {
        "schema": SCHEMA,
        "made_by": {"program": "reelmill", "version": __version__},
        "notice": _DEMO_NOTICE if any(map(is_demo, models)) else _NOTICE,
        "source": {"name": source.name, "sha256": source.sha256, "size": source.size},
        "language": subtitles.source,
        "model": document.sentences.model,
        "translator": subtitles.translator,
        "duration": number(subtitles.duration),
        "notes": document.translations.notes,
        "findings": [finding_facts("recording", one) for one in document.sentences.findings],
        "sentences": [
            _sentence(document, index) for index in range(len(document.sentences.sentences))
        ],
        "tracks": [_track(track) for track in subtitles.tracks],
    }


def _sentence(document: SubtitleDocument, index: int) -> dict[str, Any]:
    sentence = document.sentences.sentences[index]
    values: dict[str, Any] = {
        "id": index,
        "start": number(sentence.start),
        "end": number(sentence.end),
        "text": sentence.text,
    }
    if sentence.speaker is not None:
        values["speaker"] = sentence.speaker
    values["words"] = [
        {
            "word": word.text,
            "start": number(word.start),
            "end": number(word.end),
            "timing": word.timing,
        }
        for word in sentence.words
    ]
    values["translations"] = {
        language: {name: value for name, value in asdict(found[index]).items() if value is not None}
        for language, found in document.translations.targets.items()
    }
    return values


def _track(track: SubtitleTrack) -> dict[str, Any]:
    return {
        "language": track.language,
        "cues": [
            {
                "start": cue.start,
                "end": cue.end,
                "lines": cue.lines,
                **({"original": cue.original} if cue.original else {}),
                "from": [
                    {"sentence": part.sentence, "words": [part.first, part.stop]}
                    for part in cue.sources
                ],
            }
            for cue in track.cues
        ],
        "rules_broken": [asdict(broken) for broken in track.broken],
    }
