"""WriteClips: join pieces and sound into clips, and write the data files and the page of a
video."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from reelmill.artifacts import (
    Artifact,
    Clip,
    ClipPlan,
    Clips,
    ExportedFile,
    Footage,
    PersonArrays,
    Persons,
    PlannedClip,
    read_persons,
)
from reelmill.core import gate
from reelmill.core.atomic import replacing, scratch, shortened, write_together
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.errors import NotOursError
from reelmill.export.faces.writers import FACES_FORMATS, FacesDocument, FacesWriter, faces_writer
from reelmill.export.files import export_path
from reelmill.export.source import Source
from reelmill.media.video.encode import uniform
from reelmill.media.video.join import PicturePiece, join_clip
from reelmill.pages.faces import FacesPage
from reelmill.pages.language import wording_in

_CHUNK_BYTES = 1 << 20
_NAME_BYTES = 120
#: Clips are joined in this many groups at the same time.
_GROUPS = 8


@dataclass(frozen=True)
class WriteClips(FileStage):
    """Writes below `root`, named after the recording: clips of one person into a folder (`.clips`,
    `.dual`), `.split.mp4`, `.overlay.mp4`, the data files and `.faces.html`."""

    name = "write_clips"
    version = 1
    display_name = "Writing the clips"
    commands = ("faces",)
    needs = (Persons, ClipPlan, Footage)
    produces = Clips
    named_outputs = True

    root: Path = field(metadata={"affects_result": False})
    formats: tuple[str, ...] = FACES_FORMATS
    settings: tuple[tuple[str, Any], ...] = ()
    #: Of the page.
    language: str = "en"

    def __post_init__(self) -> None:
        """Raises UsageError for an unknown format, before any work is done."""
        for name in self.formats:
            faces_writer(name)

    def parts(self, context: StageContext, inputs: Inputs) -> list[tuple[int, ...]]:
        """The clip numbers in a few groups only, because each group reads the artifacts again."""
        count = len(inputs[ClipPlan].clips)
        groups = min(_GROUPS, count)
        return [tuple(range(first, count, groups)) for first in range(groups)]

    def run(self, context: StageContext, inputs: Inputs) -> dict[int, Clip]:
        part: tuple[int, ...] = context.part
        plan, footage = inputs[ClipPlan], inputs[Footage]
        return {number: self._clip(context.recording, footage, number, plan) for number in part}

    def join(
        self, context: StageContext, inputs: Inputs, pieces: Sequence[dict[int, Clip]]
    ) -> Clips:
        plan, persons, footage = inputs[ClipPlan], inputs[Persons], inputs[Footage]
        made = {number: clip for part in pieces for number, clip in part.items()}
        paths = [clip_path(context.recording.name, plan, clip) for clip in plan.clips]
        clips = [made[number] for number in range(len(paths)) if made[number].frames]
        removed, kept = self._sweep(context.recording, plan, paths)
        arrays = read_persons(context.folder, persons)
        return Clips(
            clips=clips,
            documents=self._documents(context.recording, persons, arrays, footage, clips),
            videos=[self._exported(clip.path) for clip in clips],
            notes=[*_notes(footage), *kept],
            removed=removed,
        )

    def claims(self, name: str) -> list[str]:
        settings = dict(self.settings)
        layout = settings.get("layout")
        pictures = [suffix for of, suffix in _SUFFIXES.items() if layout in (None, of)]
        pictures += [_FOLLOW.format(shape) for shape in settings.get("shapes") or ()]
        writers = [FacesPage(name), *(faces_writer(one) for one in self.formats)]
        suffixes = [*pictures, *(writer.suffix for writer in writers)]
        folders = {_SUFFIXES[of] for of in ("single", "dual")}
        return [export_path(name, suffix) + "/" * (suffix in folders) for suffix in suffixes]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        assert isinstance(artifact, Clips)
        return [self.root / file.path for file in [*artifact.documents, *artifact.videos]]

    def _clip(self, recording: Recording, footage: Footage, number: int, plan: ClipPlan) -> Clip:
        planned = plan.clips[number]
        path = clip_path(recording.name, plan, planned)
        pieces = [piece for piece in footage.pieces if piece.clip == number]
        sound = footage.sounds[number]
        frames = sum(piece.frames for piece in pieces)
        encoders = sorted({piece.encoder for piece in pieces})
        if pieces:
            with contextlib.ExitStack() as opened:
                file = opened.enter_context(replacing(self.root / path, of=recording))
                parts = [PicturePiece(recording.folder / p.file, p.ticks) for p in pieces]
                if len(encoders) > 1:
                    parts = [_by_x264(part, opened) for part in parts]
                heard = None if sound is None else recording.folder / sound
                join_clip(Path(file.name), parts, heard)
        return Clip(
            path,
            planned.persons,
            planned.spans,
            frames,
            planned.seconds,
            sound is not None,
            encoders[0] if len(encoders) == 1 else "x264",
            planned.shots,
        )

    def _documents(
        self,
        recording: Recording,
        persons: Persons,
        arrays: PersonArrays,
        footage: Footage,
        clips: list[Clip],
    ) -> list[ExportedFile]:
        document = FacesDocument(
            persons,
            arrays,
            Source.of(recording),
            clips,
            {k: (recording.folder / file).read_bytes() for k, file in footage.thumbnails.items()},
            [(still, (recording.folder / still.file).read_bytes()) for still in footage.stills],
            dict(self.settings),
        )
        page: FacesWriter = FacesPage(recording.name, wording_in(self.language))
        files = {
            export_path(recording.name, writer.suffix): writer.render(document).encode(
                "utf-8", "surrogateescape"
            )
            for writer in [page, *(faces_writer(name) for name in self.formats)]
        }
        write_together({self.root / path: data for path, data in files.items()}, of=recording)
        return [
            ExportedFile(path, hashlib.sha256(data).hexdigest(), len(data))
            for path, data in files.items()
        ]

    def _exported(self, path: str) -> ExportedFile:
        digest, size = hashlib.sha256(), 0
        with (self.root / path).open("rb") as file:
            while data := file.read(_CHUNK_BYTES):
                digest.update(data)
                size += len(data)
        return ExportedFile(path, digest.hexdigest(), size)

    def _sweep(
        self, recording: Recording, plan: ClipPlan, paths: Iterable[str]
    ) -> tuple[list[str], list[str]]:
        """Remove clips of an earlier plan from this one's folder, where they would pass for its
        own. Returns their paths below `root`, and notes about those that were kept."""
        if plan.layout not in ("single", "dual"):
            return [], []
        current = {self.root / path for path in paths}
        folder = self.root / export_path(recording.name, _SUFFIXES[plan.layout])
        removed, kept = [], []
        for file in sorted(folder.glob("*.mp4")):
            if file in current or not gate.was_written(file):
                continue
            try:
                gate.remove(file, recording.path, recording.id)
            except NotOursError as error:
                kept.append(f"a clip of an earlier run: {error}")
            else:
                removed.append(file.relative_to(self.root).as_posix())
        return removed, kept


_SUFFIXES = {"single": "clips", "dual": "dual", "split": "split.mp4", "overlay": "overlay.mp4"}
#: File names of clips that follow the active speaker, with their shape.
_FOLLOW = "follow-{}.mp4"


def clip_path(name: str, plan: ClipPlan, clip: PlannedClip) -> str:
    """A clip's path below the output folder, with forward slashes."""
    if plan.layout == "follow":
        return export_path(name, _FOLLOW.format(clip.name))
    path = export_path(name, _SUFFIXES[plan.layout])
    if plan.layout in ("split", "overlay"):
        return path
    return str(PurePosixPath(path) / f"{shortened(clip.name, _NAME_BYTES)}.mp4")


def _by_x264(piece: PicturePiece, opened: contextlib.ExitStack) -> PicturePiece:
    made = opened.enter_context(scratch(piece.path))
    uniform(piece.path, made)
    return replace(piece, path=made)


def _notes(footage: Footage) -> list[str]:
    if not footage.corrupt:
        return []
    plural = "s" if footage.corrupt > 1 else ""
    return [f"{footage.corrupt} corrupt packet{plural} of the picture left out"]
