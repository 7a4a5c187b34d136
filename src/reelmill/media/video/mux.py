"""Copy a video with tracks added or the picture replaced. Packets are copied; nothing else is
encoded again."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import av
from av.stream import Disposition

from reelmill.core.atomic import replacing_by_name, scratch
from reelmill.core.recording import Original, Recording, open_original
from reelmill.media.container import open_container
from reelmill.media.ffmpeg import FfmpegError, any_ffmpeg, input_arguments, run_ffmpeg
from reelmill.media.video.contents import Contents, differences, is_derived
from reelmill.media.video.copying import (
    Copying,
    MuxTrack,
    Picture,
    refusal,
    taken_from_subtitles,
)
from reelmill.media.video.enabled import disable_tracks
from reelmill.media.video.fitting import FORMATS, Way, fitting


@dataclass(frozen=True)
class Copied:
    """The result of a copy, in plain words: what of the original is missing, which sounds have
    another form, and how many places of the original could not be read."""

    missing: tuple[str, ...] = ()
    rewritten: tuple[str, ...] = ()
    damaged: int = 0


#: What copies of a video can be.
SUFFIXES = tuple(FORMATS)


def copy_suffix(video: Path | Recording, replaced: int | None = None) -> str:
    """The suffix of the container for the streams of `video`, except the one with index `replaced`.

    Raises:
        InputError, TransientError, ChangedError, LimitError: as `open_container`.
    """
    with open_original(video) as original, open_container(original) as source:
        return fitting(source, replaced=replaced).suffix


def mux(
    video: Path | Recording,
    tracks: Sequence[MuxTrack],
    target: Path,
    picture: Picture | None = None,
) -> Copied:
    """Write a copy of `video` with `tracks` added to `target` (.mp4, .mov or .mkv).

    Pictures, sounds, subtitles, chapters, attachments, covers and tags are kept. Cues use the times
    of the original, whose clock may not begin at 0.

    Raises:
        InputError: it cannot be read, or cannot be written as such a file.
        ChangedError, LimitError: as `open_original` and `open_container`.
        OSError: the target cannot be written (disk full, say).
    """
    of = video if isinstance(video, Recording) else None
    replaced = None if picture is None else picture.index
    with open_original(video) as original, replacing_by_name(target, of=of) as part:
        with open_container(original) as source:
            plan = fitting(source, target.suffix.lstrip("."), replaced)
            before = Contents.of(source)
            tracks_before = [s.index for s in source.streams if not is_derived(s)]
        others = sorted(i for i, way in plan.ways.items() if way is Way.PROGRAM)
        with ExitStack() as stack:
            file = stack.enter_context(scratch(target)) if others else part
            copying = Copying(original, plan, picture, tracks)
            copying.write(file)
            if plan.suffix != "mkv":
                disable_tracks(file, copying.hidden)
            if others:
                _merge(original, others, file, part)
        with av.open(f"file:{part.absolute()}", metadata_errors="replace") as made:
            after = Contents.of(made)
    plain = {index for index, way in plan.ways.items() if way is Way.PLAIN_PCM}
    places = {index: place for place, index in enumerate(tracks_before)}
    others_there = frozenset(places[i] for i in {*plain, replaced} if i in places)
    flags = taken_from_subtitles(tracks, picture)
    names = frozenset(flag.name for flag in Disposition if flag & flags and flag.name)
    missing = differences(before, after, others_there, names)
    if copying.late:
        missing.append("a track that is not there at the beginning")
    return Copied(
        tuple(missing),
        tuple(before.tracks[places[index]].named() for index in sorted(plain)),
        copying.damaged,
    )


def _merge(original: Original, streams: Sequence[int], file: Path, part: Path) -> None:
    """Let the ffmpeg program add streams of the original to those in `file`: pictures first, then
    sounds."""
    program = any_ffmpeg()
    with open_container(original) as source:
        form = source.format.name
        kinds = {index: source.streams[index].type for index in streams}
    chosen = [
        *(f"0:{index}" for index in streams if kinds[index] == "video"),
        *("1:V?", *(f"0:{index}" for index in streams if kinds[index] != "video")),
        *("1:a?", "1:s?", "1:t?"),
    ]
    arguments = [
        *("-copyts", *input_arguments(original.descriptor, form, program)),
        *("-copyts", "-protocol_whitelist", "file", "-format_whitelist", "matroska,webm"),
        *("-f", "matroska", "-i", f"file:{file.absolute()}"),
        *(argument for one in chosen for argument in ("-map", one)),
        *("-map_metadata", "1", "-map_chapters", "1", "-c", "copy"),
        *("-f", "matroska", f"file:{part.absolute()}"),
    ]
    try:
        for _ in run_ffmpeg(arguments, part.parent, original.descriptor, program):
            pass
    except FfmpegError as error:
        raise refusal(original.path, error) from error
