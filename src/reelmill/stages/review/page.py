"""Review pages: a page for each recording, with its sound, transcript and findings."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from reelmill.artifacts import (
    Acoustics,
    Artifact,
    Diarization,
    Findings,
    ListeningCopies,
    Media,
    ReviewLine,
    ReviewPage,
    Scores,
    Segment,
    Sentences,
    SpeakerProfiles,
    SubtitleReviewPage,
    Transcript,
    Translations,
    Waveform,
)
from reelmill.artifacts.acoustics import read_frames
from reelmill.core.atomic import write_together
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext, every, optional
from reelmill.evidence.custody import head
from reelmill.export.files import export_path, file_facts
from reelmill.export.names import (
    SpeakerName,
    named,
    named_findings,
    named_turns,
    names_for,
    with_names,
)
from reelmill.export.source import Source
from reelmill.pages.language import wording_in
from reelmill.pages.recording import Playable, RecordingPage, Review, label_counts
from reelmill.stages.transcript.export import found_names
from reelmill.stages.transcript.layers import Layers, corrected_inputs


@dataclass(frozen=True)
class _WriteReview(FileStage):
    """Writes `root`/`recording.name`.`suffix`."""

    display_name = "Writing the review page"
    enabled_by = ("pages", True)
    named_outputs = True
    #: Of the page's file name.
    suffix = "html"

    root: Path = field(metadata={"affects_result": False})
    language: str = "en"

    @abstractmethod
    def review(self, context: StageContext, inputs: Inputs) -> Review:
        """The data to be shown."""

    def run(self, context: StageContext, inputs: Inputs) -> ReviewPage:
        last = head(self.root)
        review = replace(
            self.review(context, inputs), custody=None if last is None else last.sha256
        )
        recording, path = context.recording, export_path(context.recording.name, self.suffix)
        page = RecordingPage(recording.name, wording_in(self.language)).render(review)
        write_together({self.root / path: page.encode("utf-8", "backslashreplace")}, of=recording)
        kind = self.produces
        assert issubclass(kind, ReviewPage)
        transcript = review.transcript
        return kind(
            [file_facts(self.root, path)],
            speakers=list(dict.fromkeys(one.speaker for one in transcript.segments if one.speaker)),
            labels=label_counts(review.findings),
            lines=_lines(review),
        )

    def claims(self, name: str) -> list[str]:
        return [export_path(name, self.suffix)]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        assert isinstance(artifact, ReviewPage)
        return [self.root / file.path for file in artifact.files]

    def _playable(self, recording: Recording, inputs: Inputs) -> Playable:
        media, copies = inputs.get(Media), inputs.get(ListeningCopies)
        return Playable(
            "video" if media is not None and media.video else "audio",
            os.path.relpath(os.path.abspath(recording.path), os.path.abspath(self.root)),
            copies.files[0].path if copies is not None and copies.files else None,
        )


@dataclass(frozen=True)
class WriteReview(_WriteReview):
    """The page of a transcript. `names` are given to speakers as in the other files."""

    name = "review"
    version = 1
    commands = ("voice",)
    needs = (
        Transcript,
        optional(Media),
        optional(Waveform),
        optional(ListeningCopies),
        optional(Diarization),
        optional(SpeakerProfiles),
        every(Findings),
        optional(Scores),
    )
    produces = ReviewPage
    corrected = True

    names: tuple[SpeakerName, ...] = ()
    #: What people corrected; part of the key of each recording by itself.
    layers: Layers = field(default_factory=Layers, metadata={"affects_result": False})

    def own_key(self, recording: Recording) -> str:
        return self.layers.key(recording.name)

    def fingerprint(self) -> dict[str, Any]:
        return {**super().fingerprint(), "names": [asdict(name) for name in self.names]}

    def review(self, context: StageContext, inputs: Inputs) -> Review:
        given = corrected_inputs(context.recording, inputs, self.layers)
        profiles = inputs.get(SpeakerProfiles)
        names = {} if profiles is None else found_names(profiles)
        names |= {**names_for(self.names, context.recording.path.name), **given.names}
        acoustics = inputs.get(Acoustics)
        return Review(
            Source.of(context.recording),
            named(given.transcript, names),
            named_turns(given.turns, names),
            named_findings(inputs.every(Findings), names),
            inputs.get(Waveform),
            self._playable(context.recording, inputs),
            acoustics=with_names(acoustics, names),
            frames=None if acoustics is None else read_frames(context.folder, acoustics),
            scores=with_names(inputs.get(Scores), names),
            is_corrected=given.layer is not None,
        )


@dataclass(frozen=True)
class WriteSubtitleReview(_WriteReview):
    """The page of sentences and their translations."""

    name = "subtitle-review"
    version = 1
    commands = ("subtitle",)
    suffix = "subtitles.html"
    needs = (
        Transcript,
        Sentences,
        Translations,
        optional(Media),
        optional(Waveform),
        optional(ListeningCopies),
        every(Findings),
    )
    produces = SubtitleReviewPage
    corrected = True

    def review(self, context: StageContext, inputs: Inputs) -> Review:
        sentences, translations = inputs[Sentences], inputs[Translations]
        transcript = inputs[Transcript]
        segments = [
            Segment(one.start, one.end, one.text, 0, 0, 0, 0, one.words, one.speaker, one.language)
            for one in sentences.sentences
        ]
        return Review(
            Source.of(context.recording),
            replace(transcript, segments=segments),
            (),
            inputs.every(Findings),
            inputs.get(Waveform),
            self._playable(context.recording, inputs),
            {code: [one.text for one in texts] for code, texts in translations.targets.items()},
            {"translator": translations.model},
            translations.notes,
        )


def _lines(review: Review) -> list[ReviewLine]:
    """The lines for the search on the index page: everything said, its translations, and the
    findings."""
    lines = []
    for number, one in enumerate(review.transcript.segments):
        start = round(one.start, 2)
        lines.append(ReviewLine(start, one.text.strip(), one.speaker))
        lines += [
            ReviewLine(start, texts[number], one.speaker, "translation")
            for texts in review.translations.values()
            if number < len(texts)
        ]
    found: Sequence[Findings] = review.findings
    for finding in [*review.transcript.findings, *(f for one in found for f in one.findings)]:
        text = f"{finding.label}: {finding.text}" if finding.text else finding.label
        lines.append(ReviewLine(finding.start, text, finding.speaker, "finding"))
    return [line for line in lines if line.text]
