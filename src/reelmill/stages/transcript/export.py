"""Export: write a transcript to files for people and other programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from reelmill.artifacts import (
    Acoustics,
    Artifact,
    Diarization,
    Exports,
    Finding,
    Findings,
    Scores,
    SpeakerProfiles,
    Transcript,
)
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext, every, optional
from reelmill.export.files import export_path, write_exports
from reelmill.export.names import (
    SpeakerName,
    named,
    named_findings,
    named_turns,
    names_for,
    with_names,
)
from reelmill.export.source import Source
from reelmill.export.transcript import (
    DEFAULT_FORMATS,
    Correction,
    Document,
    TranscriptWriter,
    parse_formats,
    writer_for,
)
from reelmill.export.transcript.case import Case
from reelmill.export.transcript.marks import with_marks
from reelmill.export.transcript.provenance import Provenance
from reelmill.export.transcript.records.american import lost_letters
from reelmill.export.transcript.records.statements import seconds_by_speaker
from reelmill.export.transcript.records.writers import CourtText
from reelmill.report.wording import count
from reelmill.stages.subtitles.rules import rules_for
from reelmill.stages.transcript.captions import Lingering, captions
from reelmill.stages.transcript.layers import Layers, corrected_inputs


@dataclass(frozen=True)
class Export(FileStage):
    """Writes `root`/`recording.name`.`suffix` for each format.

    `settings` are the pairs shown in the JSON export: the settings that decided the text. They
    belong to the stage's own settings, because the files change with them. `names` replace
    speakers' labels in the files.
    """

    name: ClassVar[str] = "export"
    version: ClassVar[int] = 6
    display_name = "Writing the results"
    commands = ("voice", "faces")
    needs = (
        Transcript,
        optional(Diarization),
        optional(SpeakerProfiles),
        every(Findings),
        optional(Scores),
    )
    produces: ClassVar[type[Artifact]] = Exports
    named_outputs: ClassVar[bool] = True
    corrected: ClassVar[bool] = True

    root: Path = field(metadata={"affects_result": False})
    formats: tuple[str, ...] = DEFAULT_FORMATS
    settings: tuple[tuple[str, Any], ...] = ()
    names: tuple[SpeakerName, ...] = ()
    #: Captions that highlight each word as it is spoken, in the formats that support it.
    words: bool = False
    #: Limits of a caption in characters, lines and seconds; None: by language.
    characters_per_line: int | None = None
    lines: int = 2
    longest: float = 7.0
    lingering: Lingering = field(default_factory=Lingering)
    #: Whether unintelligible speech, and sounds that are not words, are marked.
    inaudible: bool = False
    events: bool = False
    #: What records say of the case, and of how the text was made. The command that was typed makes
    #: no other result.
    case: Case | None = None
    provenance: Provenance = field(default_factory=Provenance, metadata={"affects_result": False})
    #: What people corrected; part of the key of each recording by itself.
    layers: Layers = field(default_factory=Layers, metadata={"affects_result": False})

    def __post_init__(self) -> None:
        """Raises UsageError for a format that cannot be written, before any work is done."""
        object.__setattr__(self, "formats", parse_formats(self.formats))

    def fingerprint(self) -> dict[str, Any]:
        return {**super().fingerprint(), "names": [asdict(name) for name in self.names]}

    def own_key(self, recording: Recording) -> str:
        return self.layers.key(recording.name)

    def run(self, context: StageContext, inputs: Inputs) -> Exports:
        given = corrected_inputs(context.recording, inputs, self.layers)
        profiles = inputs.get(SpeakerProfiles)
        names = {} if profiles is None else found_names(profiles)
        names |= names_for(self.names, context.recording.path.name)
        names |= given.names
        spoken = named(given.transcript, names)
        transcript = with_marks(spoken, inaudible=self.inaudible, events=self.events)
        rules = rules_for(
            transcript.language, self.characters_per_line, lines=self.lines, longest=self.longest
        )
        document = Document(
            transcript,
            Source.of(context.recording),
            dict(self.settings),
            named_turns(given.turns, names),
            named_findings(inputs.every(Findings), names),
            captions(transcript, rules, self.lingering),
            None if self.case is None else self.case.named(names),
            self.provenance,
            with_names(inputs.get(Acoustics), names),
            with_names(inputs.get(Scores), names),
            None if given.layer is None else Correction(given.layer, given.machine),
        )
        verbatim = replace(document, transcript=with_marks(spoken, inaudible=True, events=True))
        contents = {
            writer.suffix: writer.content(verbatim if writer.verbatim else document)
            for writer in self._writers()
        }
        files = write_exports(self.root, context.recording, contents)
        findings = [*given.findings, *self._left_out(verbatim), *self._misnamed(verbatim, names)]
        return Exports(files, findings)

    def claims(self, name: str) -> list[str]:
        return [export_path(name, writer.suffix) for writer in self._writers()]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        assert isinstance(artifact, Exports)
        return [self.root / file.path for file in artifact.files]

    def _writers(self) -> list[TranscriptWriter]:
        return [writer_for(name, words=self.words) for name in self.formats]

    def _left_out(self, document: Document) -> Iterator[Finding]:
        """What a format could not hold."""
        lost = lost_letters(document) if CourtText.suffix in self.formats else 0
        if lost:
            text = (
                f"{CourtText.suffix}: {count(lost, 'character')} not in ASCII, marked there; the "
                "other formats have them"
            )
            yield Finding("not in ASCII", text=text, severity="warning")

    def _misnamed(self, document: Document, names: Mapping[str, str]) -> Iterator[Finding]:
        """Speakers who have another name in the case file, where records are written."""
        if document.case is None or not any(one.verbatim for one in self._writers()):
            return
        parties = {one.label: one.name for one in document.case.of(document.source.name).speakers}
        for speaker, _ in seconds_by_speaker(document):
            name = parties.get(speaker or "")
            if speaker is None or name is None or speaker not in names.values():
                continue
            if speaker not in name:
                text = (
                    f"records have the name {name} of the case file; other results call the same "
                    f"person {speaker}: if these are two people, correct one of them"
                )
                yield Finding("name", speaker=speaker, text=text, severity="warning")


def found_names(profiles: SpeakerProfiles) -> dict[str, str]:
    """The names of known people, by the labels of the speakers whose voices match."""
    return {one.speaker: one.name for one in profiles.speakers if one.name is not None}
