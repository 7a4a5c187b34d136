"""Copies of a video with its subtitles: as tracks, or in the picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reelmill.artifacts import (
    Artifact,
    BurnedVideos,
    Exports,
    Finding,
    Media,
    SubtitledVideos,
    Subtitles,
)
from reelmill.core.atomic import replacing, write_text
from reelmill.core.recording import Recording
from reelmill.core.times import milliseconds
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.errors import InputError
from reelmill.export.subtitles import DEFAULT_STYLE, SubtitleStyle
from reelmill.export.subtitles.text_tracks import ass_file, shown_lines
from reelmill.media.container import shown
from reelmill.media.ffmpeg import ffmpeg_with_subtitles
from reelmill.media.video.burn import burn, script_shift
from reelmill.media.video.mux import SUFFIXES, MuxCue, MuxTrack, container_suffix, mux
from reelmill.models.translation.flores import find_flores
from reelmill.stages.subtitles.export import shown_picture
from reelmill.stages.transcript.export import export_path, file_facts


@dataclass(frozen=True)
class Mux(FileStage):
    """Writes `root`/`recording.name`.subtitled.mp4 (or .mkv) with a track for each language.

    Tracks without a subtitle are left out; without any there is no copy, and a finding says so.

    Raises:
        InputError: there is no picture to add subtitles to, or it does not fit such a file.
    """

    name = "mux"
    version = 2
    display_name = "Adding subtitle tracks to a copy"
    commands = ("subtitle",)
    enabled_by = ("mux", True)
    needs = (Media, Subtitles)
    produces = SubtitledVideos
    named_outputs = True

    root: Path = field(metadata={"affects_result": False})
    style: SubtitleStyle = DEFAULT_STYLE

    def run(self, context: StageContext, inputs: Inputs) -> SubtitledVideos:
        media, subtitles = inputs[Media], inputs[Subtitles]
        _with_picture(context.recording, media, "--mux")
        suffix = container_suffix(media.container)
        path = export_path(context.recording.name, f"subtitled.{suffix}")
        tracks = []
        with_text = [track for track in subtitles.tracks if track.cues]
        for track in with_text:
            script = ass_file(track, self.style, shown_picture(media))
            script.events.clear()
            cues = [
                MuxCue(milliseconds(cue.start), milliseconds(cue.end), "\n".join(shown_lines(cue)))
                for cue in track.cues
            ]
            header = script.to_string("ass").encode()
            letters = (find_flores(track.language) or track.language)[:3]
            tracks.append(MuxTrack(letters, track.language, header, cues))
        findings = _left_out(subtitles, "no subtitle track added")
        if not tracks:
            return SubtitledVideos([], findings)
        with replacing(self.root / path, of=context.recording) as sink:
            mux(context.recording, tracks, sink, suffix)
        return SubtitledVideos([file_facts(self.root, path)], findings)

    def claims(self, name: str) -> list[str]:
        return [export_path(name, f"subtitled.{suffix}") for suffix in SUFFIXES]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        return _files(self.root, artifact)


@dataclass(frozen=True)
class Burn(FileStage):
    """Writes `root`/`recording.name`.`language`.burned.mp4 (or .mkv) for each language that has
    subtitles; a finding names those that have none.

    Raises:
        InputError: there is no picture, or ffmpeg cannot read it.
        UsageError: no ffmpeg with libass, or no font for the language.
    """

    name = "burn"
    version = 2
    display_name = "Burning subtitles into a copy"
    commands = ("subtitle",)
    enabled_by = ("burn", True)
    needs = (Media, Subtitles)
    produces = BurnedVideos
    named_outputs = True

    root: Path = field(metadata={"affects_result": False})
    style: SubtitleStyle = DEFAULT_STYLE

    #: Those of the translations, which decide them already.
    languages: tuple[str, ...] = field(default=(), metadata={"affects_result": False})

    def __post_init__(self) -> None:
        """Raises UsageError when there is no ffmpeg for it, before any work is done."""
        ffmpeg_with_subtitles()

    def run(self, context: StageContext, inputs: Inputs) -> BurnedVideos:
        media, subtitles = inputs[Media], inputs[Subtitles]
        _with_picture(context.recording, media, "--burn")
        suffix = container_suffix(media.container)
        shift = script_shift(context.recording)
        written = []
        for number, track in enumerate(subtitles.tracks):
            if not track.cues:
                continue
            path = export_path(context.recording.name, f"{track.language}.burned.{suffix}")
            drawn = ass_file(track, self.style, shown_picture(media))
            drawn.shift(s=shift)
            script = context.path(f"{number}.ass")
            write_text(script, drawn.to_string("ass"))
            burn(context.recording, script, self.root / path)
            written.append(file_facts(self.root, path))
        return BurnedVideos(written, _left_out(subtitles, "no copy with subtitles burned in"))

    def claims(self, name: str) -> list[str]:
        burned = (
            f"{language}.burned.{suffix}" for language in self.languages for suffix in SUFFIXES
        )
        return [export_path(name, one) for one in burned]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        return _files(self.root, artifact)


def _left_out(subtitles: Subtitles, what: str) -> list[Finding]:
    """What is said of languages in which there is nothing to show."""
    empty = ", ".join(track.language for track in subtitles.tracks if not track.cues)
    if not empty:
        return []
    return [Finding("nothing to show", text=f"{what} ({empty}): no text", severity="warning")]


def _with_picture(recording: Recording, media: Media, option: str) -> None:
    if not media.video:
        raise InputError(
            f"{shown(recording.path)}: has no picture for {option}; its subtitle files are there"
        )


def _files(root: Path, artifact: Artifact) -> list[Path]:
    assert isinstance(artifact, Exports)
    return [root / file.path for file in artifact.files]
