"""RenderFaces: render the pictures and sounds of planned clips, in parts that use all cores."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from reelmill.artifacts import (
    ClipPiece,
    ClipPlan,
    Finding,
    Footage,
    Joint,
    Media,
    Persons,
    PlannedClip,
    ScreenCaptions,
    Span,
    Still,
    VideoIndex,
    read_persons,
)
from reelmill.artifacts.clips import read_shots, read_windows
from reelmill.core.atomic import replacing
from reelmill.core.recording import Recording
from reelmill.engine.stage import FileStage, Inputs, StageContext, optional
from reelmill.errors import InputError
from reelmill.media.audio.copied import copy_sound
from reelmill.media.audio.cut import SoundCut, cut_sound
from reelmill.media.video.captions import Captioner
from reelmill.media.video.crop import Cropper, Frame, planar_of
from reelmill.media.video.encode import TICKS, Colour, Encoding, VideoFile
from reelmill.media.video.image import write_jpeg
from reelmill.media.video.reader import SAME_FRAME_SECONDS, Pictures, open_pictures
from reelmill.stages.clips.caption_cuts import cut_at_shots
from reelmill.stages.clips.compositing import (
    Captioned,
    Compositor,
    Halves,
    compositor_of,
    thumbnail_window,
)
from reelmill.stages.clips.plan import pixel_aspect
from reelmill.stages.clips.ranges import ranges
from reelmill.stages.clips.stills import Scene, StillTaker, scenes_of

#: The sound of clips is cut in passes over at most this many seconds of clips, and in about this
#: many at least, because short parts keep all cores busy to the end. Sound that is copied is read
#: in one pass, because checking its packets is most of the work.
_SOUND_SECONDS, _SOUND_PARTS, _COPIED_PARTS = 900.0, 3, 1
#: The seconds of sound, encoded or copied, that cost as much as a second of a clip's pictures.
_ENCODED_EFFORT, _COPIED_EFFORT = 3, 30

THUMBNAIL_SIDE = 160


@dataclass(frozen=True)
class RenderPart:
    """A part of the work: the pictures of all clips, and `stills`, from `start` to `end` of the
    original; or the sound of `clips`; or only `stills` of scenes that are in no clip."""

    start: float = 0.0
    end: float = 0.0
    clips: tuple[int, ...] = ()
    stills: tuple[Scene, ...] = ()

    @property
    def has_pictures(self) -> bool:
        return self.end > self.start


@dataclass
class RenderedPart:
    """The files that a part made in the recording's folder."""

    pieces: list[ClipPiece] = field(default_factory=list)
    sounds: dict[int, str] = field(default_factory=dict)
    thumbnails: dict[str, str] = field(default_factory=dict)
    corrupt: int = 0
    lost_sound: int = 0
    problems: list[Finding] = field(default_factory=list)
    stills: list[Still] = field(default_factory=list)


@dataclass(frozen=True)
class RenderFaces(FileStage):
    """Writes `piece-*.mp4`, `sound-*.mp4`, `thumbnail-*.jpg` and `still-*.jpg` beside the artifact.

    A part decodes its stretch of the video once for all clips that show some of it.
    """

    name = "render_faces"
    version = 7
    display_name = "Cutting picture and sound"
    commands = ("faces",)
    needs = (Media, VideoIndex, Persons, ClipPlan, optional(ScreenCaptions))
    produces = Footage
    temporary = True

    encoding: Encoding = field(default_factory=Encoding)

    def parts(self, context: StageContext, inputs: Inputs) -> list[RenderPart]:
        persons, plan = inputs[Persons], inputs[ClipPlan]
        wanted = [span for clip in plan.clips for span in clip.spans]
        stretches = _whole_or_ranges(inputs[VideoIndex], wanted, persons.picture.duration)
        scenes = scenes_of(persons, wanted)
        parts = [
            RenderPart(one.start, one.end, stills=tuple(s for s in scenes if _holds(one, s)))
            for one in stretches
        ]
        parts += _sound_parts(inputs[Media], plan)
        # The longest first, so that no core still works on one when the others are done.
        sound = _COPIED_EFFORT if _may_be_copied(inputs[Media]) else _ENCODED_EFFORT
        parts.sort(key=lambda part: -_effort(part, plan, sound))
        rest = tuple(s for s in scenes if not any(_holds(one, s) for one in stretches))
        unseen = [RenderPart(stills=rest)] if rest and inputs[VideoIndex].seekable else []
        return [*unseen, *parts]

    def run(self, context: StageContext, inputs: Inputs) -> RenderedPart:
        part: RenderPart = context.part
        mark = _mark(inputs, self.encoding, part)
        if part.clips:
            return _sounds(context.recording, inputs, part, mark)
        with open_pictures(context.recording, index=inputs[VideoIndex]) as pictures:
            if not part.has_pictures:
                return RenderedPart(stills=_stills(context.folder, inputs, part, mark, pictures))
            rendering = _Rendering(context.folder, inputs, self.encoding, part, mark)
            with rendering.opened:
                rendering.run(pictures)
            return RenderedPart(
                rendering.pieces(),
                thumbnails=rendering.thumbnails,
                corrupt=pictures.corrupt,
                stills=rendering.stills.taken,
            )

    def join(
        self, context: StageContext, inputs: Inputs, pieces: Sequence[RenderedPart]
    ) -> Footage:
        sounds = {clip: file for part in pieces for clip, file in part.sounds.items()}
        lost = max((part.lost_sound for part in pieces), default=0)  # they read the same sound
        found = [*(problem for part in pieces for problem in part.problems), *_sound_damage(lost)]
        problems = {problem.text: problem for problem in found}
        return Footage(
            pieces=sorted(
                (piece for part in pieces for piece in part.pieces),
                key=lambda piece: (piece.clip, piece.ticks),
            ),
            sounds=[sounds.get(number) for number in range(len(inputs[ClipPlan].clips))],
            thumbnails={k: v for part in pieces for k, v in part.thumbnails.items()},
            corrupt=sum(part.corrupt for part in pieces),
            problems=list(problems.values()),
            stills=sorted((s for part in pieces for s in part.stills), key=lambda s: s.start),
        )


def _mark(inputs: Inputs, encoding: Encoding, part: RenderPart) -> str:
    """The part of file names that identifies this plan, encoding and part."""
    decisive = repr((inputs[ClipPlan], inputs.get(ScreenCaptions), encoding, part))
    return hashlib.sha256(decisive.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _holds(stretch: Span, scene: Scene) -> bool:
    return stretch.start <= scene.time < stretch.end


def _stills(
    folder: Path, inputs: Inputs, part: RenderPart, mark: str, pictures: Pictures
) -> list[Still]:
    """The stills of scenes that are decoded for nothing else."""
    taker = StillTaker(folder, mark, inputs[Persons].picture, part.stills)
    for scene in part.stills:
        for time, coded in pictures.between(scene.time, scene.end):
            taker.see(coded, time)
            break
    return taker.taken


def _effort(part: RenderPart, plan: ClipPlan, sound: int) -> float:
    """The approximate cost of a part: a second of decoding counts as much as a second of one clip,
    and so do `sound` seconds of a clip's sound."""
    spans = [span for clip in plan.clips for span in clip.spans]
    shown = (min(part.end, span.end) - max(part.start, span.start) for span in spans)
    heard = sum(plan.clips[clip].seconds for clip in part.clips)
    return part.end - part.start + sum(max(0.0, seconds) for seconds in shown) + heard / sound


def _sound_parts(media: Media, plan: ClipPlan) -> list[RenderPart]:
    if not media.audio:
        return []
    groups: list[list[int]] = []
    seconds = 0.0
    least = _COPIED_PARTS if _may_be_copied(media) else _SOUND_PARTS
    most = min(_SOUND_SECONDS, sum(clip.seconds for clip in plan.clips) / least)
    for number, clip in enumerate(plan.clips):
        if not groups or seconds + clip.seconds > most:
            groups.append([])
            seconds = 0.0
        groups[-1].append(number)
        seconds += clip.seconds
    return [RenderPart(clips=tuple(group)) for group in groups]


def _may_be_copied(media: Media) -> bool:
    """Whether the sound is of a kind that is copied; `copy_sound` knows when it has read it."""
    return all(track.codec == "aac" and track.channels <= 2 for track in media.audio)


def _whole_or_ranges(index: VideoIndex, wanted: Sequence[Span], end: float) -> list[Span]:
    """A video that can only be read from its beginning is read once."""
    if index.seekable or not wanted:
        return ranges(index.key_times, wanted, end)
    return [Span(min(span.start for span in wanted), max(span.end for span in wanted) + 1e-3)]


def _sounds(recording: Recording, inputs: Inputs, part: RenderPart, mark: str) -> RenderedPart:
    """Clips of a video whose sound cannot be read are silent, and a finding says so."""
    plan = inputs[ClipPlan]
    cuts, names = [], {}
    try:
        with ExitStack() as opened:
            for number in part.clips:
                names[number] = f"sound-{mark}-{number}.mp4"
                path = recording.folder / names[number]
                file = opened.enter_context(replacing(path, durable=False))
                spans = tuple((span.start, span.end) for span in plan.clips[number].spans)
                cuts.append(SoundCut(Path(file.name), spans))
            corrupt = _cut(recording, cuts, inputs[VideoIndex].joints)
    except InputError as error:
        text = f"the clips have no sound: {error}"
        return RenderedPart(problems=[Finding("sound not read", text=text, severity="warning")])
    return RenderedPart(sounds=names, lost_sound=corrupt)


def _cut(recording: Recording, cuts: Sequence[SoundCut], joints: Sequence[Joint]) -> int:
    """Write the cuts, as they are in the recording if they can be; returns how many corrupt packets
    were left out."""
    corrupt = None if joints else copy_sound(recording, None, cuts)
    return cut_sound(recording, None, cuts, joints) if corrupt is None else corrupt


def _sound_damage(corrupt: int) -> list[Finding]:
    if not corrupt:
        return []
    plural = "s" if corrupt > 1 else ""
    text = f"{corrupt} corrupt packet{plural} left out of the clips and replaced by silence"
    return [Finding("damaged sound", text=text, severity="warning")]


@dataclass(frozen=True)
class _Stretch:
    """A span of a clip, and its beginning in the clip."""

    clip: int
    span: Span
    offset: float

    def ticks(self, time: float) -> int:
        return round((self.offset + time - self.span.start) * TICKS)


class _Rendering:
    """One part being rendered: a compositor and an encoder for each clip that shows some of it."""

    def __init__(
        self, folder: Path, inputs: Inputs, encoding: Encoding, part: RenderPart, mark: str
    ) -> None:
        self._folder, self._encoding, self._part, self._mark = folder, encoding, part, mark
        self._persons, self._plan = inputs[Persons], inputs[ClipPlan]
        self._captions = inputs.get(ScreenCaptions)
        self._pixel = pixel_aspect(inputs[Media], self._persons)
        self._arrays = read_persons(folder, self._persons)
        follows = self._plan.layout == "follow"
        self._windows = (read_shots if follows else read_windows)(folder, self._plan)
        self._stretches = _stretches(self._plan.clips, part)
        self._clips: dict[int, _ClipFile] = {}
        self.opened = ExitStack()
        self.thumbnails: dict[str, str] = {}
        self.stills = StillTaker(folder, mark, self._persons.picture, part.stills)
        self._to_picture = [
            person
            for person in self._persons.persons
            if part.start <= person.thumbnail.time < part.end
        ]

    def run(self, pictures: Pictures) -> None:
        compositors = {clip: self._compositor(clip) for clip in {s.clip for s in self._stretches}}
        for clip, compositor in compositors.items():
            if isinstance(compositor, Halves):
                self._remind(compositor, pictures)
            if self._captions is not None:
                size = self._plan.size_of(self._plan.clips[clip])
                shown = cut_at_shots(self._captions.captions, self._plan.clips[clip].shots)
                captioner = Captioner(*size, shown)
                compositors[clip] = Captioned(compositor, captioner)
        for time, coded in pictures.between(self._part.start, self._part.end):
            frame: Frame | None = None
            for stretch in self._stretches:
                if _inside(time, stretch.span):
                    frame = frame or planar_of(coded)
                    picture = compositors[stretch.clip].see(frame, time)
                    self._file(stretch.clip, pictures.rate, coded).add(picture, stretch, time)
            if self._to_picture:
                self._picture(coded, time)
            self.stills.see(coded, time)
        for file in self._clips.values():
            file.finish(self._part.end)

    def pieces(self) -> list[ClipPiece]:
        return [file.piece for file in self._clips.values()]

    def _compositor(self, clip: int) -> Compositor:
        return compositor_of(
            self._plan.clips[clip], self._plan, self._persons, self._arrays, self._windows
        )

    def _remind(self, compositor: Halves, pictures: Pictures) -> None:
        """Persons out of sight when the part begins were last seen in an earlier one."""
        for number, end in compositor.earlier(self._part.start):
            last: tuple[float, Frame] | None = None
            for time, frame in pictures.between(max(0.0, end - 4 / pictures.rate), end):
                last = time, frame
            if last is not None:
                compositor.remember(number, planar_of(last[1]), last[0])

    def _file(self, clip: int, rate: float, coded: Frame) -> _ClipFile:
        if clip not in self._clips:
            name = f"piece-{self._mark}-{clip}.mp4"
            file = self.opened.enter_context(replacing(self._folder / name, durable=False))
            size = self._plan.size_of(self._plan.clips[clip])
            video = VideoFile(Path(file.name), *size, rate, self._encoding, Colour.of(coded))
            self.opened.enter_context(video)
            self._clips[clip] = _ClipFile(clip, name, video)
        return self._clips[clip]

    def _picture(self, coded: Frame, time: float) -> None:
        turn = self._persons.picture.rotation
        size = self._persons.picture.width, self._persons.picture.height
        for person in list(self._to_picture):
            if time >= person.thumbnail.time - SAME_FRAME_SECONDS:
                self._to_picture.remove(person)
                cropper = Cropper(THUMBNAIL_SIDE, THUMBNAIL_SIDE, turn)
                small = cropper.crop(planar_of(coded), thumbnail_window(person, *size, self._pixel))
                name = f"thumbnail-{self._mark}-{person.label}.jpg"
                write_jpeg(self._folder / name, small)
                self.thumbnails[person.label] = name


def _stretches(clips: list[PlannedClip], part: RenderPart) -> list[_Stretch]:
    found = []
    for number, clip in enumerate(clips):
        offset = 0.0
        for span in clip.spans:
            if span.start < part.end and span.end > part.start:
                found.append(_Stretch(number, span, offset))
            offset += span.duration
    return found


def _inside(time: float, span: Span) -> bool:
    return span.start - SAME_FRAME_SECONDS <= time < span.end - SAME_FRAME_SECONDS


class _ClipFile:
    """The pictures of a clip in one part. A picture is written once its duration is known."""

    def __init__(self, clip: int, name: str, video: VideoFile) -> None:
        self.piece = ClipPiece(clip, name, 0, 0, video.encoder)
        self._video = video
        self._waiting: tuple[Frame, int, _Stretch] | None = None

    def add(self, picture: Frame, stretch: _Stretch, time: float) -> None:
        ticks = stretch.ticks(time)
        if self._waiting is None:
            self.piece = replace(self.piece, ticks=ticks)
        else:
            self._write(ticks)
        self._waiting = picture, ticks, stretch

    def finish(self, end: float) -> None:
        if self._waiting is not None:
            stretch = self._waiting[2]
            self._write(stretch.ticks(min(end, stretch.span.end)))
        self.piece = replace(self.piece, frames=self._video.frames)

    def _write(self, until: int) -> None:
        assert self._waiting is not None
        picture, ticks, _ = self._waiting
        self._waiting = None
        self._video.write(picture, ticks, max(1, until - ticks))
