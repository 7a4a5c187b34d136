"""Write copies of a video with its subtitles, as tracks or in the picture."""

from __future__ import annotations

from collections.abc import Iterator
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
    SubtitleTrack,
)
from reelmill.core.atomic import write_text
from reelmill.core.recording import Recording
from reelmill.core.times import milliseconds
from reelmill.engine.stage import FileStage, Inputs, StageContext
from reelmill.errors import InputError
from reelmill.export.files import export_path, file_facts
from reelmill.export.subtitles import DEFAULT_STYLE, SubtitleStyle
from reelmill.export.subtitles.direction import directed
from reelmill.export.subtitles.style import least_size
from reelmill.export.subtitles.text_tracks import ass_file, shown_lines
from reelmill.media.ffmpeg import ffmpeg_with_subtitles
from reelmill.media.fonts import check_fonts
from reelmill.media.video.burn import DEFAULT_ENCODING, Script, burn, look_at
from reelmill.media.video.copying import MuxCue, MuxTrack
from reelmill.media.video.dolby_vision import WRONG_COLOURS
from reelmill.media.video.encode import Encoding
from reelmill.media.video.mux import SUFFIXES, Copied, copy_suffix, mux
from reelmill.media.video.pictures import Pictures
from reelmill.models.translation.flores import find_flores
from reelmill.stages.subtitles.export import shown_picture

_TRACKS, _PICTURE = "no subtitle track added", "no copy with subtitles burned in"


@dataclass(frozen=True)
class Mux(FileStage):
    """Writes `root`/`recording.name`.subtitled.mp4 (or .mov, .mkv) with a track for each language.

    Tracks without a subtitle are left out; if none is left, or there is no picture, no copy is
    made. Findings report this, and what of the original is not in the copy.
    """

    name = "mux"
    version = 4
    display_name = "Adding subtitle tracks to a copy"
    commands = ("subtitle",)
    enabled_by = ("mux", True)
    needs = (Media, Subtitles)
    produces = SubtitledVideos
    named_outputs = True
    corrected = True

    root: Path = field(metadata={"affects_result": False})
    style: SubtitleStyle = DEFAULT_STYLE
    #: Whether players show the first of the new tracks unless told otherwise.
    as_default: bool = False

    def run(self, context: StageContext, inputs: Inputs) -> SubtitledVideos:
        media, subtitles = inputs[Media], inputs[Subtitles]
        findings = _left_out(subtitles, _TRACKS)
        with_text = [track for track in subtitles.tracks if track.cues]
        if not media.video or not with_text:
            return SubtitledVideos([], findings + _without_picture(media, _TRACKS))
        tracks = [
            self._track(track, media, self.as_default and track is with_text[0])
            for track in with_text
        ]
        try:
            suffix = copy_suffix(context.recording)
            path = export_path(context.recording.name, f"subtitled.{suffix}")
            copied = mux(context.recording, tracks, self.root / path)
        except InputError as error:
            return SubtitledVideos([], [*findings, _failed(_TRACKS, error)])
        findings += _about(copied, "the copy with subtitle tracks")
        return SubtitledVideos([file_facts(self.root, path)], findings)

    def _track(self, track: SubtitleTrack, media: Media, is_default: bool) -> MuxTrack:
        script = ass_file(track, self.style, shown_picture(media))
        script.events.clear()
        cues = [
            MuxCue(
                milliseconds(cue.start),
                milliseconds(cue.end),
                "\n".join(map(directed, shown_lines(cue))),
            )
            for cue in track.cues
        ]
        header = script.to_string("ass").encode()
        letters = (find_flores(track.language) or track.language)[:3]
        return MuxTrack(letters, track.language, header, cues, is_default)

    def claims(self, name: str) -> list[str]:
        return [export_path(name, f"subtitled.{suffix}") for suffix in SUFFIXES]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        return _files(self.root, artifact)


@dataclass(frozen=True)
class Burn(FileStage):
    """Writes `root`/`recording.name`.`language`.burned.mp4 (or .mov, .mkv) for each language that
    has subtitles; findings name languages without subtitles, what could not be done, and what of
    the original is not in a copy.

    Raises:
        UsageError: no ffmpeg with libass, or no font for a language; before any work.
    """

    name = "burn"
    version = 4
    display_name = "Burning subtitles into a copy"
    commands = ("subtitle",)
    enabled_by = ("burn", True)
    needs = (Media, Subtitles)
    produces = BurnedVideos
    named_outputs = True
    corrected = True

    root: Path = field(metadata={"affects_result": False})
    style: SubtitleStyle = DEFAULT_STYLE
    encoding: Encoding = DEFAULT_ENCODING

    #: Set by the translations, which are in the key already.
    languages: tuple[str, ...] = field(default=(), metadata={"affects_result": False})

    def __post_init__(self) -> None:
        """Raises UsageError if ffmpeg or a font is missing, before any work is done."""
        ffmpeg_with_subtitles()
        codes = [(language, find_flores(language)) for language in self.languages]
        scripts = [(language, code.partition("_")[2]) for language, code in codes if code]
        check_fonts(scripts, self.style.font)

    def run(self, context: StageContext, inputs: Inputs) -> BurnedVideos:
        media, subtitles = inputs[Media], inputs[Subtitles]
        made = BurnedVideos([], _left_out(subtitles, _PICTURE))
        with_text = [track for track in subtitles.tracks if track.cues]
        if not media.video or not with_text:
            made.findings += _without_picture(media, _PICTURE)
            return made
        try:
            seen, shift = look_at(context.recording, media.video[0].index)
            suffix = copy_suffix(context.recording, seen.index)
        except InputError as error:
            made.findings.append(_failed(_PICTURE, error))
            return made
        for number, track in enumerate(with_text):
            path = export_path(context.recording.name, f"{track.language}.burned.{suffix}")
            script = self._script(context, number, track, seen, shift)
            try:
                copied = burn(context.recording, script, self.root / path, seen, self.encoding)
            except InputError as error:
                made.findings.append(_failed(f"{_PICTURE} ({track.language})", error))
                continue
            made.files.append(file_facts(self.root, path))
            changed = [*_changed(seen, script), *_about(copied, "the copy with burned subtitles")]
            made.findings += [one for one in changed if one not in made.findings]
        return made

    def _script(
        self, context: StageContext, number: int, track: SubtitleTrack, seen: Pictures, shift: float
    ) -> Script:
        least = least_size(self.style, seen.shown)
        drawn = ass_file(track, self.style, seen.shown, least)
        drawn.shift(s=shift)
        path = context.path(f"{number}.ass")
        write_text(path, drawn.to_string("ass"))
        return Script(path, tuple((cue.start + shift, cue.end + shift) for cue in track.cues))

    def claims(self, name: str) -> list[str]:
        burned = (
            f"{language}.burned.{suffix}" for language in self.languages for suffix in SUFFIXES
        )
        return [export_path(name, one) for one in burned]

    def files(self, recording: Recording, artifact: Artifact) -> list[Path]:
        return _files(self.root, artifact)


def _left_out(subtitles: Subtitles, what: str) -> list[Finding]:
    """The findings about languages without subtitles."""
    empty = ", ".join(track.language for track in subtitles.tracks if not track.cues)
    if not empty:
        return []
    return [Finding("nothing to show", text=f"{what} ({empty}): no text", severity="warning")]


def _without_picture(media: Media, what: str) -> list[Finding]:
    if media.video:
        return []
    text = f"{what}: there is no picture; its subtitle files are there"
    return [Finding("no picture", text=text, severity="warning")]


def _failed(what: str, error: InputError) -> Finding:
    return Finding("copy failed", text=f"{what}: {error}", severity="grave")


def _about(copied: Copied, copy: str) -> Iterator[Finding]:
    if copied.missing:
        text = f"not in {copy}: {'; '.join(copied.missing)}"
        yield Finding("not kept", text=text, severity="warning")
    if copied.rewritten:
        which = ", ".join(copied.rewritten)
        yield Finding("rewritten", text=f"in {copy} as plain PCM, sample for sample: {which}")
    if copied.damaged:
        text = f"{copied.damaged} damaged places of the original are not in {copy}"
        yield Finding("damaged", text=text, severity="warning")


def _changed(seen: Pictures, script: Script) -> Iterator[Finding]:
    """How the picture of a burned copy differs from the original, apart from the text."""
    if seen.wrong_colours:
        yield Finding("wrong colours", text=f"burned copy: {WRONG_COLOURS}", severity="grave")
    if seen.is_hdr:
        yield Finding(
            "tone-mapped", text="burned copy: high dynamic range mapped to standard range (BT.709)"
        )
    rate = seen.repeated_rate(script.times)
    if rate is not None:
        yield Finding(
            "pictures repeated",
            text=f"burned copy: {float(rate):g} pictures a second, repeated where the original has "
            "fewer, so that texts are seen in time",
        )
    if seen.width % 2 or seen.height % 2:
        size = "x".join(str(side + side % 2) for side in seen.turned)
        yield Finding("odd size", text=f"burned copy: {size}, the last line or column twice")


def _files(root: Path, artifact: Artifact) -> list[Path]:
    assert isinstance(artifact, Exports)
    return [root / file.path for file in artifact.files]
