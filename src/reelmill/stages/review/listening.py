"""Listening copies: the sound of a recording as a small file that every browser plays."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reelmill.artifacts import Artifact, Audio, ListeningCopies
from reelmill.core.atomic import replacing_by_name
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.export.files import export_path, file_facts
from reelmill.media.audio.listening import write_listening_copy
from reelmill.media.audio.samples import open_samples

_SUFFIX = "listen.m4a"


@dataclass(frozen=True)
class MakeListeningCopies(FileStage):
    """Writes `root`/`recording.name`.listen.m4a from the sound that was recognized, at its times:
    where the original has gaps, the copy is silent. Of separate channels it has the mix."""

    name = "listening-copies"
    version = 1
    display_name = "Writing listening copies"
    commands = ("voice", "subtitle")
    enabled_by = ("listening_copies", True)
    needs = (Audio,)
    produces = ListeningCopies
    named_outputs = True

    root: Path = field(metadata={"affects_result": False})

    def run(self, context: StageContext, inputs: Inputs) -> ListeningCopies:
        audio = inputs[Audio]
        samples = open_samples(context.folder, audio)
        path = export_path(context.recording.name, _SUFFIX)
        with replacing_by_name(self.root / path, of=context.recording) as temporary:
            write_listening_copy(samples, audio.sample_rate, temporary)
        return ListeningCopies([file_facts(self.root, path)])

    def claims(self, name: str) -> list[str]:
        return [export_path(name, _SUFFIX)]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        assert isinstance(artifact, ListeningCopies)
        return [self.root / file.path for file in artifact.files]
