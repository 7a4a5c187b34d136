"""The page of a recording: its sound, transcript and findings together. One file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Literal
from urllib.parse import quote

from reelmill import __version__
from reelmill.artifacts import (
    AcousticFrames,
    Acoustics,
    Findings,
    Scores,
    Segment,
    SpokenTranscript,
    Transcript,
    Turn,
    Waveform,
)
from reelmill.core.palette import person_colour
from reelmill.core.printable import printable
from reelmill.export.source import Source
from reelmill.export.transcript.json_writer import is_demo
from reelmill.pages.curves import curves
from reelmill.pages.embedded import embedded
from reelmill.pages.environment import template
from reelmill.pages.language import Wording
from reelmill.pages.review_findings import counted, shown_findings
from reelmill.pages.review_measures import measures, shown_scores, speaker_names
from reelmill.pages.transcript import DOUBTFUL, TranscriptText
from reelmill.report.wording import percent

#: The texts that the page's script shows.
_SCRIPT_TEXTS = ("play", "pause", "sound", "found", "hits", "no_hits", "cannot_play", "other_file")


@dataclass(frozen=True)
class Playable:
    """What the page plays: `original` and `copy` by their paths below the output folder, which may
    lead out of it; None where there is none."""

    kind: Literal["audio", "video"] = "audio"
    original: str | None = None
    copy: str | None = None


@dataclass(frozen=True)
class Review:
    """What is known about a recording. Whatever is absent is left out of the page.

    `translations` has the text in each language for each segment. `made` has the models, by the
    keys of the wording, and `notes` what could not be done. `custody` is the hash of the last entry
    of the custody log. `frames` are the curves of `acoustics`. `is_corrected`: people corrected
    the text.
    """

    source: Source
    transcript: Transcript
    turns: Sequence[Turn] = ()
    findings: Sequence[Findings] = ()
    waveform: Waveform | None = None
    playable: Playable = field(default_factory=Playable)
    translations: Mapping[str, Sequence[str]] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    custody: str | None = None
    acoustics: Acoustics | None = None
    frames: AcousticFrames | None = None
    scores: Scores | None = None
    is_corrected: bool = False


@dataclass(frozen=True)
class Speaker:
    """A speaker as the page shows them; `seconds`, `share` and so on as in `SpeakerTotals`."""

    name: str
    hue: str
    seconds: float
    share: float
    turns: int
    overlap: float


class RecordingPage:
    """The page of the recording whose results are called `name`."""

    def __init__(self, name: str, wording: Wording) -> None:
        self._folder = PurePosixPath(name).parent
        self._say = wording

    def render(self, review: Review) -> str:
        """The page as HTML. Everything that comes from the recording is escaped."""
        say, transcript = self._say, review.transcript
        speakers = _speakers(transcript, review.turns)
        hues = {one.name: one.hue for one in speakers}
        text = TranscriptText(say, hues, review.translations)
        findings = shown_findings(
            transcript, review.findings, say, is_corrected=review.is_corrected
        )
        return template("review.html").render(
            say=say,
            version=__version__,
            home=quote("../" * len(self._folder.parts)),
            source=self._source(review.source),
            duration=transcript.duration,
            kind=review.playable.kind,
            facts=self._facts(transcript, speakers),
            demo=is_demo(transcript.model),
            speakers=speakers if isinstance(transcript, SpokenTranscript) else [],
            transcript=text.render(transcript.segments),
            doubts=text.doubts,
            doubtful=percent(DOUBTFUL),
            corrections=text.corrections,
            findings=findings,
            labels=counted(findings),
            **self._forensic(review),
            made=self._made(review),
            notes=list(map(say.sentence, [*review.notes, *getattr(transcript, "notes", ())])),
            custody=review.custody,
            data=embedded(self._data(review, speakers)),
        )

    def _forensic(self, review: Review) -> dict[str, Any]:
        """What a forensic run adds to the page; empty lists where there is nothing."""
        acoustics, scores = review.acoustics, review.scores
        unmeasured = [] if acoustics is None else acoustics.unmeasured
        return {
            "measures": [] if acoustics is None else measures(acoustics, self._say),
            "measured": [] if acoustics is None else speaker_names(acoustics, self._say),
            "unmeasured": list(map(self._say.sentence, unmeasured)),
            "scores": [] if scores is None else shown_scores(scores, self._say),
            "weights_from": "" if scores is None else scores.weights_from,
        }

    def _data(self, review: Review, speakers: Sequence[Speaker]) -> dict[str, Any]:
        """What the page's script draws and plays."""
        numbers = {one.name: at for at, one in enumerate(speakers)}
        wave = review.waveform
        return {
            "name": printable(review.source.name),
            "kind": review.playable.kind,
            "size": review.source.size,
            "duration": round(review.transcript.duration, 3),
            "sources": [{"href": href} for href in self._sources(review.playable)],
            "speakers": [{"name": one.name, "hue": one.hue} for one in speakers],
            "turns": [
                [round(start, 2), round(end, 2), numbers[who]]
                for start, end, who in _turns(review.transcript, review.turns)
            ],
            "wave": None if wave is None else {"rate": wave.rate, "peaks": wave.peaks},
            "curves": self._curves(review, speakers),
            "wording": self._say.some("review", _SCRIPT_TEXTS),
        }

    def _curves(self, review: Review, speakers: Sequence[Speaker]) -> list[dict[str, Any]]:
        if review.acoustics is None or review.frames is None:
            return []
        hues = {one.name: one.hue for one in speakers}
        duration = review.transcript.duration
        return curves(review.acoustics, review.frames, duration, hues, self._say)

    def _sources(self, playable: Playable) -> list[str]:
        """A video is shown rather than only heard; a copy of sound plays everywhere."""
        order = [playable.original, playable.copy]
        if playable.kind == "audio":
            order.reverse()
        return [quote(os.fsencode(self._from_here(path))) for path in order if path]

    def _from_here(self, path: str) -> str:
        """A path below the output folder, or out of it, from where the page lies."""
        beside = f"{self._folder}/"
        if path.startswith(beside):
            return path.removeprefix(beside)
        return "../" * len(self._folder.parts) + path

    def _source(self, source: Source) -> dict[str, Any]:
        modified = source.modified
        return {
            "name": printable(source.name),
            "size": source.size,
            "sha256": source.sha256,
            "md5": source.md5,
            "modified": "–" if modified is None else f"{modified:%Y-%m-%d %H:%M:%S} UTC",
        }

    def _facts(self, transcript: Transcript, speakers: Sequence[Speaker]) -> list[str]:
        facts = [self._say.get(f"language.{transcript.language}", transcript.language)]
        if speakers:
            facts.append(", ".join(one.name for one in speakers))
        return facts

    def _made(self, review: Review) -> list[tuple[str, str]]:
        transcript, say = review.transcript, self._say
        made = {"program": f"Reelmill {__version__}", "model": transcript.model}
        language = say.get(f"language.{transcript.language}", transcript.language)
        made["spoken_language"] = f"{language} ({percent(transcript.language_probability)})"
        if isinstance(transcript, SpokenTranscript) and transcript.diarizer:
            made["diarizer"] = transcript.diarizer
        return [(say(f"review.{key}"), text) for key, text in {**made, **review.made}.items()]


def _speakers(transcript: Transcript, turns: Sequence[Turn]) -> list[Speaker]:
    if isinstance(transcript, SpokenTranscript) and transcript.speakers:
        return [
            Speaker(
                printable(one.speaker),
                person_colour(number),
                one.seconds,
                one.share,
                one.turns,
                one.overlap,
            )
            for number, one in enumerate(transcript.speakers)
        ]
    names = dict.fromkeys(who for _, _, who in _turns(transcript, turns))
    return [Speaker(name, person_colour(at), 0, 0, 0, 0) for at, name in enumerate(names)]


def _turns(transcript: Transcript, turns: Sequence[Turn]) -> list[tuple[float, float, str]]:
    """Who speaks when: the turns where they are known, otherwise the segments."""
    parts: Sequence[Turn | Segment] = turns or transcript.segments
    known: set[str] | None = None
    if isinstance(transcript, SpokenTranscript) and transcript.speakers:
        known = {one.speaker for one in transcript.speakers}
    return [
        (part.start, part.end, printable(part.speaker or ""))
        for part in parts
        if part.speaker and (known is None or part.speaker in known)
    ]


def label_counts(found: Sequence[Findings]) -> dict[str, int]:
    """How many findings of stages there are, by label."""
    return dict(Counter(finding.label for one in found for finding in one.findings))
